/* Processes of the host, and what they share with others. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

static enum outcome only_own_processes(const struct host *h, char *why)
{
    struct dirent *e;
    int others = 0;
    (void)h;
    DIR *proc = opendir("/proc");
    while (proc && (e = readdir(proc)))
        others += e->d_name[0] >= '1' && e->d_name[0] <= '9' && atoi(e->d_name) != getpid();
    if (proc)
        closedir(proc);
    if (getpid() != 1 || getppid() != 0)
        return broken(why, "it is process %d of %d", getpid(), getppid());
    return others ? broken(why, "there are %d others", others) : HELD;
}

static enum outcome signal_the_host(const struct host *h, char *why)
{
    if (kill(h->pid, 0) == 0 || syscall(SYS_tgkill, h->pid, h->pid, 0) == 0)
        return broken(why, "process %d takes signals", h->pid);
    if (kill(-1, 0) == 0)
        return broken(why, "somebody takes signals");
    return refused(why, "F_SETOWN", fcntl(STDIN_FILENO, F_SETOWN, h->pid), 0);
}

static enum outcome open_the_host(const struct host *h, char *why)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", h->pid);
    if (access(path, F_OK) == 0)
        return broken(why, "%s is there", path);
    return refused(why, "pidfd_open", syscall(SYS_pidfd_open, h->pid, 0), 0);
}

static enum outcome trace_the_host(const struct host *h, char *why)
{
    char byte;
    struct iovec to = {&byte, 1}, from = {(void *)why, 1};
    if (ptrace(PTRACE_ATTACH, h->pid, NULL, NULL) == 0)
        return broken(why, "process %d is traced", h->pid);
    return refused(why, "process_vm_readv", syscall(SYS_process_vm_readv, h->pid, &to, 1, &from, 1, 0), 0);
}

/* Who made the socket that the agent speaks through is a process of the host. */
static enum outcome the_other_end(const struct host *h, char *why)
{
    struct ucred peer = {.pid = -1};
    socklen_t len = sizeof peer;
    int pidfd = -1;
    (void)h;
    if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0)
        return broken(why, "it is process %d", peer.pid);
    len = sizeof pidfd;
    if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len))
        return HELD;
    long sent = syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0);
    long taken = syscall(SYS_pidfd_getfd, pidfd, 0, 0);
    close(pidfd);
    return sent == 0 || taken >= 0 ? broken(why, "a descriptor of it works") : HELD;
}

static enum outcome shared_memory(const struct host *h, char *why)
{
    char line[256];
    int n = -1; /* a heading */
    if (shmget(h->ipc, 0, 0) >= 0)
        return broken(why, "the segment %x of the host is there", (unsigned)h->ipc);
    FILE *f = fopen("/proc/sysvipc/shm", "re");
    if (!f)
        return HELD;
    while (fgets(line, sizeof line, f))
        n++;
    fclose(f);
    return n > 0 ? broken(why, "%d segments are listed", n) : HELD;
}

static enum outcome host_name(const struct host *h, char *why)
{
    char name[65] = "";
    gethostname(name, sizeof name);
    if (strcmp(name, h->name) == 0)
        return broken(why, "it is the host's");
    return refused(why, "sethostname", sethostname("mine", 4), EPERM);
}

const struct attempt processes[] = {
    {"processes of the host", only_own_processes},
    {"signal processes of the host", signal_the_host},
    {"open processes of the host", open_the_host},
    {"trace processes of the host", trace_the_host},
    {"the process at the other end", the_other_end},
    {"shared memory of the host", shared_memory},
    {"the host's name", host_name},
    {NULL, NULL},
};
