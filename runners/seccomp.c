#include "runners/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/cleanup.h"

/* What an ordinary program may need and a container may have. */
static const char allowed[] =
    /* files */
    "access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat "
    "faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync "
    "fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd "
    "getdents getdents64 getxattr lchown lgetxattr link linkat listxattr llistxattr lremovexattr "
    "lseek lsetxattr lstat mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 "
    "pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat "
    "readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx "
    "symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat "
    "utimes vmsplice write writev "
    /* asynchronous files */
    "io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit io_uring_enter "
    "io_uring_register io_uring_setup "
    /* events */
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
    "epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 "
    "inotify_rm_watch poll ppoll pselect6 select signalfd signalfd4 "
    /* memory */
    "brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 "
    "mlockall mmap mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free "
    "pkey_mprotect process_mrelease remap_file_pages "
    /* processes */
    "arch_prctl capget capset execve execveat exit exit_group fork get_robust_list get_thread_area "
    "getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getrandom "
    "getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set "
    "landlock_add_rule landlock_create_ruleset landlock_restrict_self modify_ldt pidfd_open "
    "prctl prlimit64 rseq seccomp set_robust_list set_thread_area set_tid_address setfsgid "
    "setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setrlimit "
    "setsid setuid sysinfo times uname vfork wait4 waitid "
    /* scheduling */
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
    "sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler sched_yield "
    /* signals */
    "kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask "
    "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack tgkill "
    "tkill "
    /* time */
    "alarm clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep "
    "setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_settime "
    "timerfd_create timerfd_gettime timerfd_settime "
    /* futexes, System V and POSIX queues */
    "futex futex_requeue futex_wait futex_waitv futex_wake mq_getsetattr mq_notify mq_open "
    "mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
    "shmat shmctl shmdt shmget "
    /* sockets */
    "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg "
    "sendmmsg sendmsg sendto setsockopt shutdown socketpair";

/* Known and refused with EPERM, as a kernel says to one without the privilege. A call in neither list is one
 * that these lists are too old for: it gets ENOSYS, so that a C library falls back instead of failing. */
static const char refused[] =
    "_sysctl acct add_key bpf chroot clock_settime create_module delete_module fanotify_init "
    "finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy init_module ioperm iopl "
    "kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind migrate_pages mount mount_setattr "
    "move_mount move_pages nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root "
    "process_madvise process_vm_readv process_vm_writev ptrace query_module quotactl quotactl_fd reboot "
    "request_key set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff "
    "swapon sysfs syslog umount2 unshare uselib userfaultfd ustat vhangup";

#define REFUSE SCMP_ACT_ERRNO(EPERM)
#define NEW_NAMESPACES                                                                                       \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |               \
     CLONE_NEWCGROUP)

/* The kernel looks at 32 bits of an int, a comparison in a filter at all 64 of the register: "not equal"
 * would let the value through with other bits set above it. Allowed is what differs in one of the 32 bits. */
#define BIT(n) (UINT64_C(1) << (n))
#define DIFFERS(call, n, value, bit)                                                                         \
    {                                                                                                        \
        call, true,                                                                                          \
        {                                                                                                    \
            n, SCMP_CMP_MASKED_EQ, BIT(bit), BIT(bit) & ~UINT64_C(value)                                     \
        }                                                                                                    \
    }
#define DIFFERS_IN_4(call, n, value, bit)                                                                    \
    DIFFERS(call, n, value, bit), DIFFERS(call, n, value, (bit) + 1), DIFFERS(call, n, value, (bit) + 2),    \
        DIFFERS(call, n, value, (bit) + 3)
#define DIFFERS_IN_16(call, n, value, bit)                                                                   \
    DIFFERS_IN_4(call, n, value, bit), DIFFERS_IN_4(call, n, value, (bit) + 4),                              \
        DIFFERS_IN_4(call, n, value, (bit) + 8), DIFFERS_IN_4(call, n, value, (bit) + 12)
/* All values of an int argument but one. */
#define ALL_BUT(call, n, value)                                                                              \
    {call, false, {n, SCMP_CMP_MASKED_EQ, UINT32_MAX, value}}, DIFFERS_IN_16(call, n, value, 0),             \
        DIFFERS_IN_16(call, n, value, 16)

static const struct cb_seccomp_condition conditions[] = {
    /* clone3 hides its flags behind a pointer and gets ENOSYS, which sends the C library to clone. */
    {"clone", true, {0, SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUTS, CLONE_NEWUTS}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWIPC, CLONE_NEWIPC}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWPID, CLONE_NEWPID}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWNET, CLONE_NEWNET}},
    {"clone", false, {0, SCMP_CMP_MASKED_EQ, CLONE_NEWCGROUP, CLONE_NEWCGROUP}},
    /* vsock would reach around the network namespace to the hypervisor. */
    ALL_BUT("socket", 0, AF_VSOCK),
    /* Types into the terminal, as if its user did. */
    ALL_BUT("ioctl", 1, TIOCSTI),
    /* PER_LINUX and PER_LINUX32, with and without UNAME26; all bits set only asks. */
    {"personality", true, {0, SCMP_CMP_EQ, 0x0, 0}},
    {"personality", true, {0, SCMP_CMP_EQ, 0x20000, 0}},
    {"personality", true, {0, SCMP_CMP_EQ, 0x8, 0}},
    {"personality", true, {0, SCMP_CMP_EQ, 0x20008, 0}},
    {"personality", true, {0, SCMP_CMP_EQ, UINT32_MAX, 0}},
};

/* A name that this libseccomp does not know is a call that it lets nobody through. */
static int add_calls(scmp_filter_ctx ctx, uint32_t action, const char *names)
{
    char name[32]; /* the longest call has 23 letters */
    int used, rc = 0;
    for (; rc == 0 && sscanf(names, "%31s%n", name, &used) == 1; names += used) {
        int number = seccomp_syscall_resolve_name(name);
        if (number != __NR_SCMP_ERROR)
            rc = seccomp_rule_add(ctx, action, number, 0);
    }
    return rc;
}

static int add_conditions(scmp_filter_ctx ctx)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof conditions / sizeof *conditions; i++) {
        const struct cb_seccomp_condition *c = &conditions[i];
        uint32_t action = c->allow ? SCMP_ACT_ALLOW : REFUSE;
        rc = seccomp_rule_add_array(ctx, action, seccomp_syscall_resolve_name(c->call), 1, &c->cmp);
    }
    return rc;
}

static int add_rules(scmp_filter_ctx ctx, struct cb_err *err)
{
    /* 2: a balanced tree over the call numbers, so that a call's cost does not hang on its place in a list */
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc == 0)
        rc = add_calls(ctx, SCMP_ACT_ALLOW, allowed);
    if (rc == 0)
        rc = add_calls(ctx, REFUSE, refused);
    if (rc == 0)
        rc = add_conditions(ctx);
    return rc < 0 ? cb_fail_sys(err, -rc, "build the seccomp filter") : 0;
}

/* libseccomp before 2.6 exports to a descriptor only. */
static int export(scmp_filter_ctx ctx, struct sock_fprog *program, struct cb_err *err)
{
    CB_AUTOFD int fd = memfd_create("cbench-seccomp", MFD_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return cb_fail_sys(err, errno, "memfd_create");
    int rc = seccomp_export_bpf(ctx, fd);
    if (rc < 0)
        return cb_fail_sys(err, -rc, "export the seccomp filter");
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "stat the seccomp filter");
    CB_AUTOFREE struct sock_filter *code = malloc((size_t)st.st_size);
    if (!code || pread(fd, code, (size_t)st.st_size, 0) != st.st_size)
        return cb_fail_sys(err, code ? EIO : ENOMEM, "read the seccomp filter");
    program->len = (unsigned short)((size_t)st.st_size / sizeof *code);
    program->filter = CB_TAKE_PTR(code);
    return 0;
}

int cb_seccomp_filter(const struct sock_fprog **out, struct cb_err *err)
{
    static struct sock_fprog program;
    *out = &program;
    if (program.filter)
        return 0;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!ctx)
        return cb_fail(err, CB_ESYS, "libseccomp cannot make a filter");
    int rc = add_rules(ctx, err);
    if (rc == 0)
        rc = export(ctx, &program, err);
    seccomp_release(ctx);
    return rc;
}

int cb_seccomp_install(const struct cb_step *step, struct cb_err *err)
{
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, step->flags, step->arg) < 0)
        return cb_fail_sys(err, errno, "install the seccomp filter");
    return 0;
}

const char *cb_seccomp_calls(bool of_allowed)
{
    return of_allowed ? allowed : refused;
}

const struct cb_seccomp_condition *cb_seccomp_conditions(size_t *n)
{
    *n = sizeof conditions / sizeof *conditions;
    return conditions;
}
