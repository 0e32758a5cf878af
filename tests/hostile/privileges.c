/* More rights than it was given. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

static enum outcome no_capability(const struct host *h, char *why)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    (void)h;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *value = status_of(sets[i]);
        if (!value[0] || strspn(value, "0") != strlen(value))
            return broken(why, "%s is %s", sets[i], value);
    }
    return HELD;
}

static enum outcome no_new_privileges(const struct host *h, char *why)
{
    (void)h;
    return strcmp(status_of("NoNewPrivs"), "1") == 0 ? HELD : broken(why, "they are not ruled out");
}

static enum outcome filter_in_force(const struct host *h, char *why)
{
    if (!h->filter)
        return absent(why, "this arm has no filter");
    return strcmp(status_of("Seccomp"), "2") == 0 ? HELD : broken(why, "mode %s", status_of("Seccomp"));
}

static enum outcome raise_capabilities(const struct host *h, char *why)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{1, 1, 1}, {0, 0, 0}}; /* CAP_CHOWN */
    (void)h;
    if (syscall(SYS_capset, &head, all) == 0)
        return broken(why, "capset");
    return refused(why, "an ambient one", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);
}

static enum outcome free_securebits(const struct host *h, char *why)
{
    (void)h;
    return refused(why, "PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0), EPERM);
}

static int copy_self(const char *path, mode_t mode)
{
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    struct stat st;
    bool ok = from >= 0 && to >= 0 && fstat(from, &st) == 0 &&
              sendfile(to, from, NULL, (size_t)st.st_size) == st.st_size && fchmod(to, mode) == 0;
    close(from);
    close(to);
    return ok ? 0 : -1;
}

static int run_program(const void *path)
{
    execl(path, path, "capabilities", (char *)NULL);
    return 127;
}

static enum outcome gains(const char *path, char *why)
{
    int status = in_child(run_program, path);
    unlink(path);
    if (status == 0)
        return HELD;
    return broken(why, WIFEXITED(status) && WEXITSTATUS(status) == 3 ? "it has capabilities" : "status %x",
                  status);
}

static enum outcome setuid_program(const struct host *h, char *why)
{
    (void)h;
    if (copy_self("/scratch/suid", 06755))
        return broken(why, "cannot copy a program: %s", strerror(errno));
    return gains("/scratch/suid", why);
}

static enum outcome program_with_capabilities(const struct host *h, char *why)
{
    static const char *const path = "/scratch/capable";
    struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                                .data = {{1, 0}, {0, 0}}};
    (void)h;
    if (copy_self(path, 0755))
        return broken(why, "cannot copy a program: %s", strerror(errno));
    if (setxattr(path, "security.capability", &data, sizeof data, 0) == 0) {
        unlink(path);
        return broken(why, "it may hand out capabilities");
    }
    return gains(path, why);
}

static enum outcome other_identity(const struct host *h, char *why)
{
    const gid_t group = 6;
    (void)h;
    if (setresuid(1, 1, 1) == 0 || setresgid(1, 1, 1) == 0)
        return broken(why, "it is somebody else now");
    return refused(why, "setgroups", setgroups(1, &group), EPERM);
}

static enum outcome real_time(const struct host *h, char *why)
{
    const struct sched_param first = {.sched_priority = 99};
    (void)h;
    if (setpriority(PRIO_PROCESS, 0, -20) == 0)
        return broken(why, "it is nicer to itself");
    return refused(why, "SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO, &first), EPERM);
}

static enum outcome spared_by_the_oom_killer(const struct host *h, char *why)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    (void)h;
    long written = fd < 0 ? -1 : write(fd, "-1000", 5);
    int cause = errno;
    close(fd);
    errno = cause;
    return refused(why, "oom_score_adj", written, 0);
}

const struct attempt privileges[] = {
    {"no capability in any set", no_capability},
    {"no new privileges", no_new_privileges},
    {"system call filter in force", filter_in_force},
    {"raise capabilities", raise_capabilities},
    {"free the securebits", free_securebits},
    {"setuid program", setuid_program},
    {"program with capabilities", program_with_capabilities},
    {"become another user", other_identity},
    {"real-time priority", real_time},
    {"be spared by the OOM killer", spared_by_the_oom_killer},
    {NULL, NULL},
};
