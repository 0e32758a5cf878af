/* Which kernel modules a guest must load, and in which order. */
#ifndef CB_RUNNERS_GUESTMODULES_H
#define CB_RUNNERS_GUESTMODULES_H

#include <stdbool.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"

struct cb_module_want {
    const char *name; /* NULL ends an array */
    bool optional;    /* fine when the kernel has it neither as a module nor built in */
};

/* Pure. `dep` and `builtin` are the texts of modules.dep and modules.builtin. Appends to `list` the paths of
 * the wanted modules and of all that they depend on, one a line, in the order to load them; what is built in
 * is left out. A module that is nowhere is CB_EMISSING; text that is not of depmod's form is CB_ESYS. */
int cb_modules_order(const char *dep, const char *builtin, const struct cb_module_want *want,
                     struct cb_buf *list, struct cb_err *err);
/* The same for the modules in a directory, /lib/modules/RELEASE of some root. */
int cb_modules_list(const char *dir, const struct cb_module_want *want, struct cb_buf *list,
                    struct cb_err *err);

#endif
