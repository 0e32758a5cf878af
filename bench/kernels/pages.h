/* The pages that memory is made of: a parameter that several benchmarks have. A guest's pages and those that
 * back it on the host are two things, and only the first can be chosen from inside. */
#ifndef CB_KERNELS_PAGES_H
#define CB_KERNELS_PAGES_H

#include <stdint.h>

#include "bench/base/err.h"

enum cb_pages { CB_PAGES_DEFAULT, CB_PAGES_4K, CB_PAGES_THP, CB_PAGES_2M }; /* order of the choices */
#define CB_PAGES_CHOICES "default|4k|thp|2m"
#define CB_PAGES_HELP                                                                                        \
    "pages to ask the kernel for: small, transparent huge, or reserved huge ones; default asks for none, "   \
    "and arms may then differ"

/* Memory of such pages that nothing has touched yet. CB_EMISSING where the kernel has none of them. NULL with
 * *err. */
void *cb_pages_map(uint64_t bytes, enum cb_pages kind, struct cb_err *err);
void cb_pages_unmap(void *p, uint64_t bytes, enum cb_pages kind); /* p may be NULL */

/* After all of it was touched: the kernel may promise transparent huge pages and give small ones.
 * CB_EMISSING where it did. */
int cb_pages_check(const void *p, uint64_t bytes, enum cb_pages kind, struct cb_err *err);

#endif
