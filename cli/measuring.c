#include "cli/measuring.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

volatile int cb_stop;

static void on_signal(int sig)
{
    (void)sig;
    cb_stop = 1;
}

void cb_watch_signals(void)
{
    struct sigaction on = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGHUP, &on, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* The harness stamps marks: it must run at once when a line arrives, also while the peer, on the same CPUs,
 * is busy. It sleeps nearly always, so that a real-time priority costs nobody anything. Where it is refused,
 * jitter is larger. */
void cb_take_seat(const struct cb_topology *topo)
{
    struct cb_err ignored;
    struct sched_param p = {.sched_priority = 1};
    (void)cb_pin(0, topo->other, topo->nother, &ignored);
    (void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p);
}

int cb_name_run(char id[32], char started[32], struct cb_err *err)
{
    uint16_t random;
    time_t now = time(NULL);
    struct tm tm;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return cb_fail_sys(err, errno, "getrandom");
    gmtime_r(&now, &tm);
    strftime(started, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    size_t n = strftime(id, 32, "%Y%m%d-%H%M%S", &tm);
    snprintf(id + n, 32 - n, "-%04x", random);
    return 0;
}
