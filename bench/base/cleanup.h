/* Scope-bound ownership. Declare first in the scope, always initialised:
 *     CB_AUTOFREE char *text = NULL;      CB_AUTOFD int fd = -1;
 * and hand over with `return CB_TAKE_PTR(text);` or `*out = cb_take_fd(&fd);`.
 * A forked child must not return into its parent's frames: it ends in _exit, or these would run twice. */
#ifndef CB_BASE_CLEANUP_H
#define CB_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cb_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void cb_cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cb_cleanup_file(FILE **f)
{
    if (*f)
        fclose(*f);
}

static inline int cb_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define CB_AUTOFREE __attribute__((cleanup(cb_cleanup_free)))
#define CB_AUTOFD   __attribute__((cleanup(cb_cleanup_fd)))
#define CB_AUTOFILE __attribute__((cleanup(cb_cleanup_file)))
#define CB_TAKE_PTR(p)                                                                                       \
    ({                                                                                                       \
        __typeof__(p) cb_taken_ = (p);                                                                       \
        (p) = NULL;                                                                                          \
        cb_taken_;                                                                                           \
    })

#endif
