/* Limits of a control group: do they bite, and is everything gone afterwards? On whatever hierarchies there
 * are. */
#include "runners/cgroup.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runners/topology.h"
#include "tests/unit/stage.h"
#include "tests/unit/unit.h"

#define MEMORY   (UINT64_C(32) << 20)
#define PIDS     4
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const controllers[] = {"cpuset", "memory", "pids"};

struct group {
    char run[32], name[64];
    struct cb_topology topo;
    struct cb_cgroup *g;
};

/* False where there can be none here: it was said. */
static bool make_group(struct group *t)
{
    static unsigned runs;
    struct cb_err err = {0};
    memset(t, 0, sizeof *t);
    snprintf(t->run, sizeof t->run, "test%d.%u", (int)getpid(), runs++);
    snprintf(t->name, sizeof t->name, "cbench-%s/arm", t->run);
    CU_ASSERT_EQUAL_FATAL(cb_topology_load(&t->topo, 1, &err), 0);
    const struct cb_limits limits = {.memory = MEMORY,
                                     .pids = PIDS,
                                     .cpus = t->topo.sut,
                                     .ncpus = t->topo.nsut,
                                     .numa_node = t->topo.numa_node};
    if (geteuid() != 0)
        return stage_skip("needs root");
    if (cb_cgroup_init(&err) < 0)
        return stage_skip(err.msg);
    if (cb_cgroup_create(t->name, &limits, &t->g, &err) == 0)
        return true;
    printf("(%s) ", err.msg);
    CU_FAIL("no group");
    return false;
}

/* How many controllers have the group. */
static unsigned places(const struct group *t)
{
    char dir[256];
    unsigned n = 0;
    for (size_t i = 0; i < COUNT(controllers); i++)
        n += cb_cgroup_dir(t->name, controllers[i], dir, sizeof dir) == 0;
    return n;
}

static void remove_group(struct group *t)
{
    cb_cgroup_destroy(t->g);
    cb_cgroup_remove_run(t->run);
    CU_ASSERT_EQUAL(places(t), 0);
}

/* Runs `act` in a child that is in the group; its status. */
static int in_group(struct group *t, int (*act)(const struct group *t))
{
    struct cb_err err;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(cb_cgroup_attach(t->g, 0, &err) < 0 ? 99 : act(t));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return status;
}

static int eat(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return 98;
    memset(p, 1, bytes);
    return 0;
}

static int eat_twice_the_limit(const struct group *t)
{
    (void)t;
    return eat(2 * MEMORY);
}

static int eat_half_the_limit(const struct group *t)
{
    (void)t;
    return eat(MEMORY / 2);
}

static void memory_bites(void)
{
    struct group t;
    if (!make_group(&t))
        return;
    int status = in_group(&t, eat_half_the_limit);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = in_group(&t, eat_twice_the_limit);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    remove_group(&t);
}

/* How many children it may have; they stay. */
static int fork_until_refused(const struct group *t)
{
    int n = 0;
    (void)t;
    for (pid_t pid; n < 2 * PIDS && (pid = fork()) >= 0; n++)
        if (pid == 0)
            for (;;)
                pause();
    return errno == EAGAIN ? n : 97;
}

/* Its children are left behind, and end with the group. */
static void pids_bite(void)
{
    struct group t;
    if (!make_group(&t))
        return;
    int status = in_group(&t, fork_until_refused);
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), PIDS - 1);
    remove_group(&t);
}

static int may_use_other_cpus(const struct group *t)
{
    cpu_set_t all, got;
    CPU_ZERO(&all);
    for (int cpu = 0; cpu < t->topo.ncpus; cpu++)
        CPU_SET(cpu, &all);
    sched_setaffinity(0, sizeof all, &all); /* whatever it asks for */
    if (sched_getaffinity(0, sizeof got, &got) < 0)
        return 96;
    for (int i = 0; i < t->topo.nsut; i++)
        CPU_CLR(t->topo.sut[i], &got);
    return CPU_COUNT(&got);
}

static void cpus_bite(void)
{
    struct group t;
    if (!make_group(&t))
        return;
    int status = in_group(&t, may_use_other_cpus);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    remove_group(&t);
}

static void look_for(const char *run_id, void *arg)
{
    struct group *t = arg;
    if (strcmp(run_id, t->run) == 0)
        t->run[0] = '\0';
}

/* As after a kill: nobody has destroyed the arm's group, and something still runs in it. */
static void a_run_is_found_and_removed(void)
{
    struct group t;
    struct cb_err err;
    int status;
    if (!make_group(&t))
        return;
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    CU_ASSERT_EQUAL(cb_cgroup_attach(t.g, pid, &err), 0);
    struct group copy = t;
    CU_ASSERT_EQUAL(cb_cgroup_each_run(look_for, &copy, &err), 0);
    CU_ASSERT_STRING_EQUAL(copy.run, "");
    cb_cgroup_remove_run(t.run);
    CU_ASSERT_EQUAL(places(&t), 0);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status));
    cb_cgroup_destroy(t.g);
}

const struct cb_suite cb_suite = {"cgroup",
                                  {{"memory bites", memory_bites},
                                   {"pids bite", pids_bite},
                                   {"CPUs bite", cpus_bite},
                                   {"a run is found and removed", a_run_is_found_and_removed},
                                   CU_TEST_INFO_NULL}};
