/* The kernels of the control group through their own descriptors: what they say they did was done, what goes
 * wrong is an error with a text, and nothing is left running. */
#include "tests/unit/kernels.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/io.h"
#include "bench/kernels/cpus.h"
#include "bench/kernels/ctl_pair.h"

static int begin(struct cb_run *run)
{
    return run->bench->setup ? run->bench->setup(run, &err) : 0;
}

/* A case of two batches. False where this machine cannot do it, and said so. */
static bool runs(const char *bench, const char *params, uint64_t iters, struct cb_run *run)
{
    *run = make_run(bench, params);
    int rc = begin(run);
    if (rc < 0 && err.code == CB_EMISSING) {
        printf("%s %s: %s ", bench, params, err.msg);
        end(run);
        return false;
    }
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = batch(run, iters);
    if (rc < 0)
        printf("%s %s: %s\n", bench, params, err.msg);
    CU_ASSERT_EQUAL(rc, 0);
    end(run);
    return true;
}

static unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Threads and descriptors of this process. */
static unsigned possessions(void)
{
    return count_entries("/proc/self/task") * 1000 + count_entries("/proc/self/fd");
}

/* Runs a check in a process of its own, which may use the CPUs of `set`. */
static bool holds_with(const cpu_set_t *set, bool (*check)(void))
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(sched_setaffinity(0, sizeof *set, set) == 0 && check() ? 0 : 1);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return status == 0;
}

/* The first n of the CPUs that this test may use; fewer where there are not as many. */
static unsigned first_cpus(unsigned n, cpu_set_t *out)
{
    cpu_set_t all;
    unsigned got = 0;
    CPU_ZERO(out);
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof all, &all), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && got < n; cpu++)
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, out);
            got++;
        }
    return got;
}

/* --- clock --- */

static void every_clock_is_read(void)
{
    static const char *const clocks[] = {"clock=monotonic", "clock=realtime", "clock=raw"};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct cb_run run;
        CU_ASSERT(runs("ctl.clock", clocks[i], 100, &run));
        CU_ASSERT_EQUAL(run.sink, 200);
    }
}

/* --- children --- */

static uint64_t resident(void)
{
    char line[128];
    unsigned long long size, rss = 0;
    CU_ASSERT_EQUAL(cb_read_line("/proc/self/statm", line, sizeof line), 0);
    CU_ASSERT_EQUAL(sscanf(line, "%llu %llu", &size, &rss), 2);
    return rss * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void parent_has_its_memory_in_use(void)
{
    uint64_t before = resident();
    struct cb_run run = make_run("ctl.fork", "page=4k");
    CU_ASSERT_EQUAL_FATAL(begin(&run), 0);
    CU_ASSERT(resident() - before >= 16 << 20);
    end(&run);
    CU_ASSERT(resident() - before < 8 << 20);
}

/* Page faults of all children that were waited for: each child has some. */
static long faults_of_children(void)
{
    struct rusage use;
    getrusage(RUSAGE_CHILDREN, &use);
    return use.ru_minflt;
}

static void each_fork_makes_a_child(void)
{
    static const char *const pages[] = {"page=4k", "page=thp"};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct cb_run run;
        long before = faults_of_children();
        if (!runs("ctl.fork", pages[i], 20, &run))
            continue;
        CU_ASSERT(faults_of_children() - before >= 40);
        CU_ASSERT_EQUAL(run.sink, 40);
        CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* none is left */
    }
}

static bool fork_that_fails_is_an_error(void)
{
    const struct rlimit none = {0, 0};
    struct cb_run run = make_run("ctl.fork", "");
    /* The limit does not hold for root. */
    bool said = begin(&run) == 0 && (setuid(65534) == 0 || geteuid() != 0) &&
                setrlimit(RLIMIT_NPROC, &none) == 0 && batch(&run, 1) == -1 && err.sys == EAGAIN &&
                strstr(err.msg, "fork: ");
    end(&run);
    return said;
}

static void fork_errors(void)
{
    cpu_set_t set;
    first_cpus(1, &set);
    CU_ASSERT(holds_with(&set, fork_that_fails_is_an_error));
}

/* The descriptor by which ctl.exec starts this very program, which here is no agent. */
static int descriptor_of_self(void)
{
    char self[PATH_MAX] = "", target[PATH_MAX];
    CU_ASSERT_FATAL(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    for (int fd = 3; fd < 64; fd++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n > 0 && (size_t)n == strlen(self) && !memcmp(target, self, (size_t)n))
            return fd;
    }
    return -1;
}

/* A run of ctl.exec that starts `program` instead of this one. */
static struct cb_run begin_exec(const char *program)
{
    struct cb_run run = make_run("ctl.exec", "");
    CU_ASSERT_EQUAL_FATAL(begin(&run), 0);
    int fd = descriptor_of_self(), other = open(program, O_PATH | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0 && other >= 0 && dup3(other, fd, O_CLOEXEC) == fd);
    close(other);
    return run;
}

static void each_exec_starts_the_agent(void)
{
    struct cb_run run = begin_exec(CB_TEST_AGENT);
    CU_ASSERT_EQUAL(batch(&run, 10), 0);
    CU_ASSERT_EQUAL(run.sink, 10);
    end(&run);
}

static void exec_that_fails_is_an_error(void)
{
    struct cb_run run = begin_exec("/dev/null");
    CU_ASSERT_EQUAL(batch(&run, 10), -1);
    CU_ASSERT_EQUAL(err.sys, EACCES);
    CU_ASSERT_EQUAL(run.sink, 0);
    end(&run);
    run = begin_exec("/bin/false"); /* starts, but is not what it should be */
    CU_ASSERT_EQUAL(batch(&run, 10), -1);
    end(&run);
}

static void threads_are_joined(void)
{
    struct cb_run run;
    unsigned before = possessions();
    CU_ASSERT(runs("ctl.thread", "", 50, &run));
    CU_ASSERT_EQUAL(run.sink, 100);
    CU_ASSERT_EQUAL(possessions(), before);
}

/* --- exits --- */

static void exit_is_taken_each_time(void)
{
    struct cb_run run;
    if (!runs("ctl.exit", "", 300, &run))
        return;
    CU_ASSERT_NOT_EQUAL(run.sink, 0); /* leaf 0: the maker's name is in it */
    CU_ASSERT_EQUAL(run.sink % 600, 0);
}

/* --- two that wake each other --- */

static const char *const pairs[] = {"ctl.switch", "ctl.futex", "ctl.eventfd"};

static bool measures_latencies(const char *bench)
{
    return cb_bench_find(bench)->metrics->derive == CB_HIST_QUANTILE;
}

static void check_pair(const char *bench, const char *params)
{
    struct cb_run run;
    unsigned before = possessions();
    CU_ASSERT(runs(bench, params, 500, &run));
    CU_ASSERT_NOT_EQUAL(run.sink, 0);
    CU_ASSERT_EQUAL(possessions(), before);
    if (!measures_latencies(bench))
        return;
    CU_ASSERT_EQUAL(run.work, 1000);
    CU_ASSERT(hist.total > 0 && hist.total <= 2000); /* some went on without sleeping */
    CU_ASSERT(hist.min > 0);
}

static void pairs_on_one_cpu(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        check_pair(pairs[i], "cpus=same");
}

static bool on_two_cpus(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        check_pair(pairs[i], "cpus=other");
    return CU_get_number_of_failures() == 0;
}

static void pairs_on_two_cpus(void)
{
    cpu_set_t set;
    if (first_cpus(2, &set) < 2) {
        printf("one CPU only ");
        return;
    }
    CU_ASSERT(holds_with(&set, on_two_cpus));
}

static bool one_cpu_is_too_few(void)
{
    bool all = true;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct cb_run run = make_run(pairs[i], "cpus=other");
        all = all && begin(&run) == -1 && err.code == CB_EMISSING && strstr(err.msg, "needs 2 CPUs");
        end(&run);
    }
    return all;
}

static void other_cpu_that_is_not_there(void)
{
    cpu_set_t set;
    first_cpus(1, &set);
    CU_ASSERT(holds_with(&set, one_cpu_is_too_few));
}

/* A bell that breaks when it rang so often. */
struct glass {
    int event;
    unsigned rings, most;
};

static int glass_ring(void *arg, struct cb_err *e)
{
    struct glass *g = arg;
    (void)e;
    uint64_t one = 1;
    return write(g->event, &one, sizeof one) == sizeof one ? 0 : -1;
}

static int glass_wait(void *arg, struct cb_err *e)
{
    struct glass *g = arg;
    uint64_t n;
    if (read(g->event, &n, sizeof n) != sizeof n)
        return -1;
    return ++g->rings > g->most ? cb_fail(e, CB_ESYS, "broken") : 0;
}

/* What happens to the second thread reaches the first one, which waits for it. */
static void failure_of_the_partner(void)
{
    static const struct cb_bell kind = {glass_ring, glass_wait};
    struct glass bells[2] = {{.event = eventfd(0, EFD_CLOEXEC), .most = 1000},
                             {.event = eventfd(0, EFD_CLOEXEC), .most = 10}};
    struct cb_run run = make_run("ctl.futex", "");
    struct cb_pair pair = {.kind = &kind};
    pair.side[CB_PAIR_HERE].bell = &bells[0];
    pair.side[CB_PAIR_THERE].bell = &bells[1];
    CU_ASSERT_EQUAL_FATAL(cb_pair_start(&pair, &run, &err), 0);
    CU_ASSERT_EQUAL(cb_pair_loop(&pair, &run, 10, &err), 0);
    CU_ASSERT_EQUAL(cb_pair_loop(&pair, &run, 10, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "the second thread: broken");
    CU_ASSERT_EQUAL(run.work, 10);
    cb_pair_stop(&pair);
    cb_pair_stop(&pair);
    close(bells[0].event);
    close(bells[1].event);
}

/* --- timer --- */

static void sleeps_are_counted(void)
{
    struct cb_run run;
    prctl(PR_SET_TIMERSLACK, 0);
    CU_ASSERT(runs("ctl.timer", "", 5, &run));
    CU_ASSERT_EQUAL(hist.total, 10);
    CU_ASSERT_EQUAL(run.work, 10);
    CU_ASSERT_EQUAL(prctl(PR_GET_TIMERSLACK), 1);
}

static void nothing(int signal)
{
    (void)signal;
}

/* A sleep that a signal ended is none. */
static void sleep_that_is_cut_short(void)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 300}, .it_interval = {.tv_usec = 300}},
                           never = {0};
    const struct sigaction handler = {.sa_handler = nothing};
    struct cb_run run = make_run("ctl.timer", "");
    CU_ASSERT_EQUAL_FATAL(begin(&run), 0);
    sigaction(SIGALRM, &handler, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    CU_ASSERT_EQUAL(batch(&run, 1000), -1);
    CU_ASSERT_EQUAL(err.sys, EINTR);
    setitimer(ITIMER_REAL, &never, NULL);
    end(&run);
}

/* First those that begin with other CPUs: the next ones pin this process for good. */
const struct cb_suite cb_suite = {"kernels_ctl",
                                  {
                                      {"another CPU that is not there", other_cpu_that_is_not_there},
                                      {"pairs on two CPUs", pairs_on_two_cpus},
                                      {"every clock is read", every_clock_is_read},
                                      {"a parent has its memory in use", parent_has_its_memory_in_use},
                                      {"each fork makes a child", each_fork_makes_a_child},
                                      {"a fork that fails is an error", fork_errors},
                                      {"each exec starts the agent", each_exec_starts_the_agent},
                                      {"an exec that fails is an error", exec_that_fails_is_an_error},
                                      {"threads are joined", threads_are_joined},
                                      {"an exit is taken each time", exit_is_taken_each_time},
                                      {"pairs on one CPU", pairs_on_one_cpu},
                                      {"a failure of the partner", failure_of_the_partner},
                                      {"sleeps are counted", sleeps_are_counted},
                                      {"a sleep that is cut short", sleep_that_is_cut_short},
                                      CU_TEST_INFO_NULL,
                                  }};
