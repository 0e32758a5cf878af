/* The programs that exec arms know how to start an agent with: one row each. */
#ifndef CB_RUNNERS_EXEC_PRESETS_H
#define CB_RUNNERS_EXEC_PRESETS_H

#include "bench/base/err.h"
#include "runners/runner.h"

enum {
    CB_EXEC_ROOT =
        1 << 0, /* started in a mount namespace of its own where "root" holds the overlay of the image */
    CB_EXEC_NET = 1 << 1,     /* started in a network namespace with a link into the run's bridge */
    CB_EXEC_OWN_NET = 1 << 3, /* its network is of its own making: none of the run */
    CB_EXEC_GROUP = 1 << 2,   /* knows no control groups: started in one, with the arm's limits */
};

#define CB_EXEC_FILES 100 /* above all that cbench has open */

/* Commands are as of exec_words.h, with the values that exec.c lists. The working directory is the
 * instance's. */
struct cb_exec_preset {
    const char *name;     /* "runc"; NULL ends the table */
    const char *version;  /* command whose first line says the version; its first word is the program */
    const char *start;    /* becomes the agent, or talks to it through stdin and stdout */
    const char *image;    /* makes the image of an engine from "image.tar"; NULL: there is none */
    const char *forget;   /* and removes it */
    const char *remove;   /* removes an instance that is still there; NULL: it ends with its process */
    const char *files[2]; /* of the instance's directory, opened as descriptors 100 and 101; may be NULL */
    unsigned how;         /* CB_EXEC_* */
    int (*prepare)(const struct cb_env *env, const char *dir,
                   struct cb_err *err); /* writes what it starts from */
    void (*clear)(const struct cb_env *env,
                  const char *dir); /* undoes prepare, files aside; NULL: nothing to undo */
    const char *cannot;             /* why no agent can be reached through it, else NULL */
    const char *differences;        /* from our own container */
};

/* Ends with a row without a name. */
extern const struct cb_exec_preset cb_exec_presets[];
/* Never NULL: names come from the choices of the arm's parameter. */
const struct cb_exec_preset *cb_exec_preset_find(const char *name);

#endif
