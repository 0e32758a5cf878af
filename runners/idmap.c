#include "runners/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/io.h"
#include "bench/base/proc.h"

#define TEXT_OF(number) #number
#define DIGITS(number)  TEXT_OF(number)

int cb_idmap_unshare(const struct cb_step *step, struct cb_err *err)
{
    (void)step;
    return unshare(CLONE_NEWUSER) < 0 ? cb_fail_sys(err, errno, "unshare the user namespace") : 0;
}

int cb_idmap_become_root(const struct cb_step *step, struct cb_err *err)
{
    (void)step;
    /* The C library's would look for threads that its caller had before it was cloned. */
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
        syscall(SYS_setresuid, 0, 0, 0) < 0)
        return cb_fail_sys(err, errno, "become root of the user namespace");
    return cb_die_with_parent(0, err); /* a change of ids takes the signal away */
}

int cb_idmap_write(pid_t pid, struct cb_err *err)
{
    static const char map[] = "0 " DIGITS(CB_IDMAP_FIRST) " " DIGITS(CB_IDMAP_COUNT);
    static const char *const kinds[] = {"uid", "gid"};
    char path[64];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s_map", (int)pid, kinds[i]);
        if (cb_write_file(AT_FDCWD, path, map, err) < 0)
            return -1;
    }
    return 0;
}
