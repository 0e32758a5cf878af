/* System calls that the filter denies, through every entry that the kernel has. Arguments are such that the
 * kernel itself would refuse them: a filter that lets a call through shows by another error than its own. */
#include <errno.h>
#include <stdint.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

#define BAD (-1L)

static const struct {
    const char *name;
    long number;
    int expected;
    long args[3];
} denied[] = {
    {"acct", SYS_acct, EPERM, {BAD}},
    {"add_key", SYS_add_key, EPERM, {BAD, BAD, BAD}},
    {"bpf", SYS_bpf, EPERM, {BAD, BAD, 0}},
    {"chroot", SYS_chroot, EPERM, {BAD}},
    {"clock_settime", SYS_clock_settime, EPERM, {BAD, BAD}},
    {"clone3", SYS_clone3, ENOSYS, {BAD, 0}},
    {"delete_module", SYS_delete_module, EPERM, {BAD}},
    {"fanotify_init", SYS_fanotify_init, EPERM, {BAD, BAD}},
    {"finit_module", SYS_finit_module, EPERM, {BAD, BAD, BAD}},
    {"fsconfig", SYS_fsconfig, EPERM, {BAD, BAD, BAD}},
    {"fsmount", SYS_fsmount, EPERM, {BAD, BAD, BAD}},
    {"fsopen", SYS_fsopen, EPERM, {BAD, BAD}},
    {"fspick", SYS_fspick, EPERM, {BAD, BAD, BAD}},
    {"init_module", SYS_init_module, EPERM, {BAD, BAD, BAD}},
    {"kcmp", SYS_kcmp, EPERM, {BAD, BAD, BAD}},
    {"kexec_file_load", SYS_kexec_file_load, EPERM, {BAD, BAD, BAD}},
    {"kexec_load", SYS_kexec_load, EPERM, {BAD, BAD, BAD}},
    {"keyctl", SYS_keyctl, EPERM, {BAD, BAD, BAD}},
    {"lookup_dcookie", SYS_lookup_dcookie, EPERM, {BAD, BAD, BAD}},
    {"mount", SYS_mount, EPERM, {BAD, BAD, BAD}},
    {"mount_setattr", SYS_mount_setattr, EPERM, {BAD, BAD, BAD}},
    {"move_mount", SYS_move_mount, EPERM, {BAD, BAD, BAD}},
    {"open_by_handle_at", SYS_open_by_handle_at, EPERM, {BAD, BAD, BAD}},
    {"open_tree", SYS_open_tree, EPERM, {BAD, BAD, BAD}},
    {"perf_event_open", SYS_perf_event_open, EPERM, {BAD, BAD, BAD}},
    {"pidfd_getfd", SYS_pidfd_getfd, EPERM, {BAD, BAD, BAD}},
    {"pivot_root", SYS_pivot_root, EPERM, {BAD, BAD}},
    {"process_madvise", SYS_process_madvise, EPERM, {BAD, BAD, BAD}},
    {"process_vm_readv", SYS_process_vm_readv, EPERM, {BAD, BAD, BAD}},
    {"process_vm_writev", SYS_process_vm_writev, EPERM, {BAD, BAD, BAD}},
    {"ptrace", SYS_ptrace, EPERM, {PTRACE_PEEKDATA, 1, 0}},
    {"quotactl", SYS_quotactl, EPERM, {BAD, BAD, BAD}},
    {"reboot", SYS_reboot, EPERM, {0, 0, 0}},
    {"request_key", SYS_request_key, EPERM, {BAD, BAD, BAD}},
    {"setdomainname", SYS_setdomainname, EPERM, {BAD, BAD}},
    {"sethostname", SYS_sethostname, EPERM, {BAD, BAD}},
    {"setns", SYS_setns, EPERM, {BAD, 0}},
    {"settimeofday", SYS_settimeofday, EPERM, {BAD, BAD}},
    {"swapoff", SYS_swapoff, EPERM, {BAD}},
    {"swapon", SYS_swapon, EPERM, {BAD, 0}},
    {"syslog", SYS_syslog, EPERM, {3, BAD, BAD}},
    {"umount2", SYS_umount2, EPERM, {BAD, BAD}},
    {"unshare", SYS_unshare, EPERM, {CLONE_NEWUSER}},
    {"userfaultfd", SYS_userfaultfd, EPERM, {0}},
    {"vhangup", SYS_vhangup, EPERM, {0}},
#ifdef __x86_64__
    {"ioperm", SYS_ioperm, EPERM, {0, 1, 1}},
    {"iopl", SYS_iopl, EPERM, {3}},
    {"uselib", SYS_uselib, EPERM, {BAD}},
#endif
};

static enum outcome denied_calls(const struct host *h, char *why)
{
    if (!h->filter)
        return absent(why, "this arm has no filter");
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        const long *a = denied[i].args;
        long result = syscall(denied[i].number, a[0], a[1], a[2], 0, 0);
        if (refused(why, denied[i].name, result, denied[i].expected) != HELD)
            return BROKEN;
    }
    return HELD;
}

/* The kernel looks at half of the argument, a filter at all of it. */
#define HIGH_BITS (UINT64_C(1) << 32)

static enum outcome new_user_namespace(const struct host *h, char *why)
{
    static const unsigned long high[] = {0, HIGH_BITS};
    if (!h->filter)
        return absent(why, "nothing but the filter keeps it away, where the kernel gives them to everybody");
    for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
        long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD | high[i], 0, 0, 0, 0);
        if (pid == 0)
            _exit(0);
        if (refused(why, "clone", pid, EPERM) != HELD)
            return BROKEN;
    }
    return HELD;
}

static enum outcome type_into_terminals(const struct host *h, char *why)
{
    static const unsigned long high[] = {0, HIGH_BITS, ~0UL << 32};
    for (size_t i = 0; i < sizeof high / sizeof *high; i++)
        if (refused(why, "TIOCSTI", syscall(SYS_ioctl, STDIN_FILENO, TIOCSTI | high[i], "x"),
                    h->filter ? EPERM : 0) != HELD)
            return BROKEN;
    return HELD;
}

static enum outcome vsock(const struct host *h, char *why)
{
    if (!h->filter)
        return absent(why, "nothing but the filter keeps it away");
    if (refused(why, "socket", socket(AF_VSOCK, SOCK_STREAM, 0), EPERM) != HELD)
        return BROKEN;
    return refused(why, "socket with other high bits",
                   syscall(SYS_socket, AF_VSOCK | HIGH_BITS, SOCK_STREAM, 0), EPERM);
}

#ifdef __x86_64__
#define X32 0x40000000L

static int call_x32(const void *arg)
{
    (void)arg;
    return syscall(X32 | SYS_getpid) < 0 && errno == ENOSYS ? 2 : 0;
}

/* getpid of the 32-bit table */
static int call_i386(const void *arg)
{
    long number = 20;
    (void)arg;
    __asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
    return number == -ENOSYS ? 2 : 0;
}

static enum outcome other_entry(const struct host *h, int (*call)(const void *), char *why)
{
    int status = in_child(call, NULL);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return HELD;
    if (WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 2))
        return absent(why, "this kernel has no such entry");
    return h->filter ? broken(why, "it goes around the filter") : absent(why, "this arm has no filter");
}
#else
static int call_x32(const void *arg)
{
    (void)arg;
    return 0;
}

#define call_i386 call_x32

static enum outcome other_entry(const struct host *h, int (*call)(const void *), char *why)
{
    (void)h;
    (void)call;
    return absent(why, "this machine has one entry only");
}
#endif

static enum outcome through_x32(const struct host *h, char *why)
{
    return other_entry(h, call_x32, why);
}

static enum outcome through_i386(const struct host *h, char *why)
{
    return other_entry(h, call_i386, why);
}

const struct attempt calls[] = {
    {"denied calls", denied_calls},
    {"a new user namespace", new_user_namespace},
    {"type into a terminal", type_into_terminals},
    {"vsock, around the network namespace", vsock},
    {"calls through the x32 entry", through_x32},
    {"calls through the i386 entry", through_i386},
    {NULL, NULL},
};
