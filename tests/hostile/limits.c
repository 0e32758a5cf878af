/* More of the machine than it may have. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

#define BOMB_MAX 20000 /* of children: a host without a limit survives that many */

static int eat(const void *arg)
{
    size_t n = *(const size_t *)arg;
    unsigned char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < n; i += 4096)
        p[i] = 1;
    return 0;
}

/* The child is killed, and nothing else: this process lives on to tell. */
static enum outcome memory(const struct host *h, char *why)
{
    size_t less = ((size_t)h->memory << 20) / 2, more = ((size_t)h->memory << 20) * 2;
    if (!h->memory)
        return absent(why, "no limit is set");
    int status = in_child(eat, &less);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return broken(why, "half of the limit is too much: status %x", (unsigned)status);
    status = in_child(eat, &more);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? HELD
                                                              : broken(why, "status %x", (unsigned)status);
}

static void end_children(const pid_t *pids, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
}

static enum outcome fork_bomb(const struct host *h, char *why)
{
    static pid_t pids[BOMB_MAX];
    unsigned n = 0;
    pid_t pid = 0;
    if (!h->pids)
        return absent(why, "no limit is set");
    while (n < BOMB_MAX && (pid = fork()) > 0)
        pids[n++] = pid;
    if (pid == 0 && n < BOMB_MAX)
        for (;;)
            pause();
    int cause = errno;
    end_children(pids, n);
    if (n >= h->pids || cause != EAGAIN)
        return broken(why, "%u children, then %s", n, strerrorname_np(cause));
    return HELD;
}

static enum outcome cpus(const struct host *h, char *why)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    if (sched_setaffinity(0, sizeof all, &all))
        return broken(why, "cannot ask: %s", strerror(errno));
    return strcmp(status_of("Cpus_allowed_list"), h->cpus) == 0
               ? HELD
               : broken(why, "it has %s instead of %s", status_of("Cpus_allowed_list"), h->cpus);
}

static enum outcome disk_bandwidth(const struct host *h, char *why)
{
    (void)h;
    return absent(why, "no limit is set: containers get what the disk gives, as the other arms do");
}

const struct attempt limits[] = {
    {"more CPUs", cpus},
    {"a fork bomb", fork_bomb},
    {"more memory", memory},
    {"more of the disk", disk_bandwidth},
    {NULL, NULL},
};
