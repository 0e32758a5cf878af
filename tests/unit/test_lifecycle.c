/* What is measured from outside: the table, the moments of an instance, and what further instances cost, on
 * a fake runner that delivers scripted agents. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "runners/lifecycle.h"
#include "runners/processes.h"
#include "tests/unit/agents.h"

/* Every benchmark that has no loop is measured somewhere, and nothing else is. */
static void table_is_that_of_the_benchmarks(void)
{
    unsigned rows = 0;
    for (const struct cb_lifecycle *l = cb_lifecycles; l->bench; l++, rows++) {
        const struct cb_bench *b = cb_bench_find(l->bench);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT(b->needs & CB_NEED_LIFECYCLE);
        CU_ASSERT_PTR_EQUAL(cb_lifecycle_find(l->bench), l); /* no name twice */
    }
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        if ((*b)->needs & CB_NEED_LIFECYCLE)
            CU_ASSERT_PTR_NOT_NULL(cb_lifecycle_find((*b)->name));
    CU_ASSERT(rows > 0);
    CU_ASSERT_PTR_NULL(cb_lifecycle_find("ctl.spin"));
}

/* ---- moments ----------------------------------------------------------------------------------------- */

static void moments_are_stamped_once(void)
{
    struct cb_env env = {0};
    CU_ASSERT_EQUAL(cb_env_moment(&env, "api"), 0);
    cb_env_stamp_at(&env, "api", 5);
    cb_env_stamp_at(&env, "api", 7); /* taken down twice: the first time counts */
    cb_env_stamp(&env, "total");
    CU_ASSERT_EQUAL(cb_env_moment(&env, "api"), 5);
    CU_ASSERT(cb_env_moment(&env, "total") > 5);
    for (unsigned i = 0; i < 100; i++) {
        static char names[100][8];
        snprintf(names[i], sizeof names[i], "m%u", i);
        cb_env_stamp_at(&env, names[i], 1);
    }
    CU_ASSERT_EQUAL(env.nmoments, sizeof env.moments / sizeof *env.moments);
    CU_ASSERT_EQUAL(cb_env_moment(&env, "m99"), 0);
}

struct kept {
    struct cb_batch at[64];
    unsigned n;
};

static void keep(void *arg, const struct cb_batch *b)
{
    struct kept *k = arg;
    CU_ASSERT_FATAL(k->n < sizeof k->at / sizeof *k->at);
    CU_ASSERT_EQUAL(b->sample.seq, k->n);
    k->at[k->n++] = *b;
}

/* A case of an instance that runs, or ran. */
static int measure(const char *bench, const char *params, struct cb_instance *in, const volatile int *stop,
                   struct kept *k, struct cb_err *err)
{
    const struct cb_lifecycle *l = cb_lifecycle_find(bench);
    struct cb_case c = {.bench = cb_bench_find(bench)};
    struct cb_life life = {
        .arm = in->env.arm, .site = in->env.site, .in = in, .stop = stop, .keep = keep, .arg = k};
    k->n = 0;
    CU_ASSERT_FATAL(l && c.bench);
    snprintf(c.params, sizeof c.params, "%s", params);
    return l->measure(&life, &c, err);
}

static void moments_are_measured_from_the_begin(void)
{
    struct cb_instance in = {.alive = false};
    struct kept k;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(measure("start.total", "", &in, NULL, &k, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_ESYS);
    CU_ASSERT_EQUAL(measure("stop.total", "", &in, NULL, &k, &err), -1);
    cb_env_stamp_at(&in.env, "begin", 1000);
    cb_env_stamp_at(&in.env, "api", 1100);
    cb_env_stamp_at(&in.env, "total", 1300);
    cb_env_stamp_at(&in.env, "end", 5000);
    cb_env_stamp_at(&in.env, "gone", 5040);
    CU_ASSERT_EQUAL(measure("start.total", "", &in, NULL, &k, &err), 0);
    CU_ASSERT(k.n == 1 && k.at[0].sample.iters == 1 && k.at[0].sample.wall_ns == 300 && !k.at[0].warm);
    CU_ASSERT_EQUAL(measure("start.api", "", &in, NULL, &k, &err), 0);
    CU_ASSERT(k.n == 1 && k.at[0].sample.wall_ns == 100);
    CU_ASSERT_EQUAL(measure("stop.total", "", &in, NULL, &k, &err), 0);
    CU_ASSERT(k.n == 1 && k.at[0].sample.wall_ns == 40 && k.at[0].host_ns == 40);
    CU_ASSERT_EQUAL(measure("start.vmm", "", &in, NULL, &k, &err), -1);
    CU_ASSERT(err.code == CB_EMISSING && strstr(err.msg, "emulator"));
}

/* ---- further instances ------------------------------------------------------------------------------- */

/* Of the fake runner, also as forked workers see it. */
static struct world {
    volatile int stop;
    int prepared, ups, downs, alive, most_alive;
    int fails_at, stops_at; /* the start that does; 0: none */
    uint64_t slots;         /* those that were used, as bits from CB_LIFE_SLOT on */
} * world;

struct fake {
    int pid; /* of the script; 0: not up */
};

/* Runs well, also when it is entered. */
static void script(int fd)
{
    const struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    cb_script_hello(fd);
    for (;;) {
        struct cb_wire_msg m = cb_script_expect(fd);
        if (m.verb == CB_VERB_BYE)
            return;
        if (m.verb == CB_VERB_ENTER) {
            cb_script_hello(fd);
            if (cb_script_expect(fd).verb != CB_VERB_BYE)
                return;
        }
        cb_script_send(fd, &ready);
    }
}

static int prepare(struct cb_env *env, struct cb_err *err)
{
    env->state = calloc(1, sizeof(struct fake));
    if (!env->state)
        return cb_fail(err, CB_ESYS, "out of memory");
    __atomic_fetch_add(&world->prepared, 1, __ATOMIC_RELAXED);
    if (env->slot >= CB_LIFE_SLOT)
        __atomic_fetch_or(&world->slots, UINT64_C(1) << (env->slot - CB_LIFE_SLOT), __ATOMIC_RELAXED);
    return 0;
}

static int up(struct cb_env *env, struct cb_err *err)
{
    int n = __atomic_add_fetch(&world->ups, 1, __ATOMIC_RELAXED);
    (void)env;
    if (n == world->stops_at) {
        world->stop = 1;
        cb_sleep_ns(CB_NS_PER_S / 4); /* a parent of workers looks ten times a second */
    }
    return n == world->fails_at ? cb_fail(err, CB_ESYS, "no more of these") : 0;
}

static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    struct fake *f = env->state;
    f->pid = cb_script_start(script, link);
    if (f->pid < 0)
        return cb_fail(err, CB_ESYS, "fork");
    int alive = __atomic_add_fetch(&world->alive, 1, __ATOMIC_RELAXED);
    if (alive > world->most_alive)
        world->most_alive = alive;
    return 0;
}

static void down(struct cb_env *env)
{
    struct fake *f = env->state;
    if (!f)
        return;
    if (f->pid > 0) {
        cb_script_end(f->pid);
        __atomic_fetch_sub(&world->alive, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&world->downs, 1, __ATOMIC_RELAXED);
    free(f);
    env->state = NULL;
}

static int entered(struct cb_env *env, struct cb_link *link, pid_t *pid, struct cb_err *err)
{
    (void)env;
    *pid = cb_script_start(script, link);
    return *pid < 0 ? cb_fail(err, CB_ESYS, "fork") : 0;
}

static struct cb_runner fake = {.name = "fake", .prepare = prepare, .up = up, .launch = launch, .down = down};
static const struct cb_arm arm = {.name = "fake", .runner = &fake};
static struct cb_site site;

static void begin_world(void)
{
    if (!world)
        world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(world != MAP_FAILED);
    *world = (struct world){.stop = 0};
    fake = (struct cb_runner){.name = "fake", .prepare = prepare, .up = up, .launch = launch, .down = down};
    site = (struct cb_site){.run_id = "20260101-000000-abcd", .agent_sha256 = CB_SCRIPT_SHA256};
    site.topo.ncpus = 4;
    site.topo.memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The block's own instance, which is down: its starts and stops took `each_ns` together. */
static struct cb_instance ended(uint64_t each_ns)
{
    struct cb_instance in = {.start_ns = each_ns, .env = {.arm = &arm, .site = &site}};
    in.session.link = (struct cb_link){-1, -1};
    return in;
}

static void nothing_is_left(void)
{
    CU_ASSERT_EQUAL(world->alive, 0);
    CU_ASSERT_EQUAL(world->downs, world->prepared);
}

static void memory_climbs_by_doubling(void)
{
    struct cb_err err = {0};
    struct kept k;
    begin_world();
    struct cb_instance in = ended(1000);
    CU_ASSERT_EQUAL(measure("instance.memory", "view=available,max=11", &in, NULL, &k, &err), 0);
    CU_ASSERT_EQUAL(k.n, 4);
    for (unsigned i = 0; i < k.n; i++)
        CU_ASSERT(k.at[i].sample.iters == 1u << i && k.at[i].sample.work > 0);
    CU_ASSERT(world->prepared == 8 && world->ups == 8 && world->most_alive == 8);
    CU_ASSERT_EQUAL(world->slots, 0xff); /* none is an arm's own, none twice */
    nothing_is_left();
    in.start_ns = 3 * CB_NS_PER_S; /* a slow arm has two all the same */
    CU_ASSERT_EQUAL(measure("instance.memory", "view=available,max=16", &in, NULL, &k, &err), 0);
    CU_ASSERT_EQUAL(k.n, 2);
    nothing_is_left();
}

static void memory_that_cannot_be_read_is_missing(void)
{
    struct cb_err err = {0};
    struct kept k;
    begin_world();
    struct cb_instance in = ended(1000);
    CU_ASSERT_EQUAL(measure("instance.memory", "view=pss", &in, NULL, &k, &err), -1);
    CU_ASSERT(err.code == CB_EMISSING && strstr(err.msg, "no group"));
    nothing_is_left();
    fake.group_is_late = "it comes late";
    CU_ASSERT_EQUAL(measure("instance.memory", "view=cgroup", &in, NULL, &k, &err), -1);
    CU_ASSERT(err.code == CB_EMISSING && strstr(err.msg, "late"));
    site.topo.memory *= 1000; /* next to nothing of it is available */
    CU_ASSERT_EQUAL(measure("instance.memory", "view=available", &in, NULL, &k, &err), -1);
    CU_ASSERT(err.code == CB_EMISSING && strstr(err.msg, "quarter"));
    nothing_is_left();
}

static void failures_and_stops_take_all_down(void)
{
    static const char *const benches[] = {"instance.memory", "instance.density", "start.rate"};
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        for (int stops = 0; stops < 2; stops++) {
            struct cb_err err = {0};
            struct kept k;
            begin_world();
            struct cb_instance in = ended(CB_NS_PER_S / 8);
            *(stops ? &world->stops_at : &world->fails_at) = 2;
            CU_ASSERT_EQUAL(measure(benches[i], "", &in, &world->stop, &k, &err), -1);
            CU_ASSERT_EQUAL(err.code, stops ? CB_EINTR : CB_ESYS);
            CU_ASSERT(world->ups >= 2 && world->ups <= 3);
            nothing_is_left();
        }
}

static void density_says_what_the_limit_was(void)
{
    struct cb_err err = {0};
    struct kept k;
    begin_world();
    struct cb_instance in = ended(1000);
    CU_ASSERT_EQUAL(measure("instance.density", "max=5", &in, NULL, &k, &err), 0);
    CU_ASSERT(k.n == 1 && k.at[0].sample.iters == 1);
    /* A busy machine may make two of a handful of starts five times slower. */
    CU_ASSERT(k.at[0].sample.work <= 5 && k.at[0].sample.work == (uint64_t)world->most_alive);
    CU_ASSERT_STRING_EQUAL(in.env.facts[0].key, "density.stopped");
    nothing_is_left();
    begin_world();
    world->fails_at = 3 + 4; /* after the three that are alone */
    in = ended(1000);
    CU_ASSERT_EQUAL(measure("instance.density", "max=5", &in, NULL, &k, &err), 0);
    CU_ASSERT(k.at[0].sample.work <= 3);
    nothing_is_left();
}

static void rates_count_starts_of_all_workers(void)
{
    static const struct {
        const char *params;
        unsigned workers;
    } rows[] = {{"workers=1", 1}, {"workers=2", 2}, {"workers=0", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_err err = {0};
        struct kept k;
        begin_world();
        struct cb_instance in = ended(CB_NS_PER_S / 5);
        CU_ASSERT_EQUAL(measure("start.rate", rows[i].params, &in, NULL, &k, &err), 0);
        CU_ASSERT_EQUAL_FATAL(k.n, 1);
        CU_ASSERT_EQUAL(k.at[0].sample.work, 5 * rows[i].workers);
        CU_ASSERT_EQUAL(k.at[0].sample.iters, k.at[0].sample.work);
        CU_ASSERT_EQUAL(world->ups, 5 * (int)rows[i].workers);
        CU_ASSERT_EQUAL(world->slots, (UINT64_C(1) << 5 * rows[i].workers) - 1);
        nothing_is_left();
    }
}

static void workers_pass_failures_and_stops_on(void)
{
    struct cb_err err = {0};
    struct kept k;
    begin_world();
    struct cb_instance in = ended(CB_NS_PER_S / 5);
    world->fails_at = 3;
    CU_ASSERT_EQUAL(measure("start.rate", "workers=2", &in, NULL, &k, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "no more of these"));
    nothing_is_left();
    begin_world();
    world->stops_at = 1;
    CU_ASSERT_EQUAL(measure("start.rate", "workers=3", &in, &world->stop, &k, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EINTR);
    nothing_is_left();
    begin_world();
    fake.one_by_one = "in turn";
    CU_ASSERT_EQUAL(measure("start.rate", "workers=2", &in, NULL, &k, &err), -1);
    CU_ASSERT(err.code == CB_EMISSING && strstr(err.msg, "in turn"));
    site.topo.ncpus = 2;
    CU_ASSERT_EQUAL(measure("start.rate", "workers=0", &in, NULL, &k, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_EQUAL(world->prepared, 0);
}

/* ---- the running instance ---------------------------------------------------------------------------- */

static void a_second_process_comes_from_either_side(void)
{
    for (int outside = 0; outside < 2; outside++) {
        struct cb_instance in;
        struct cb_err err = {0};
        struct kept k;
        begin_world();
        fake.enter = outside ? entered : NULL;
        fake.enters_by_agent = !outside;
        CU_ASSERT_EQUAL_FATAL(cb_instance_prepare(&in, &arm, &site, 0, &err), 0);
        CU_ASSERT_EQUAL_FATAL(cb_instance_up(&in, NULL, &err), 0);
        CU_ASSERT_EQUAL(measure("exec.total", "", &in, NULL, &k, &err), 0);
        CU_ASSERT_EQUAL(k.n, 5);
        for (unsigned i = 0; i < k.n; i++)
            CU_ASSERT(k.at[i].sample.iters == 1 && k.at[i].sample.wall_ns > 0);
        CU_ASSERT(in.alive);
        CU_ASSERT_EQUAL(strstr(in.env.facts[0].value, "through the agent") == NULL, outside);
        CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), 0); /* only the instance's own is there */
        cb_instance_stop(&in);
        nothing_is_left();
    }
    struct cb_instance in = ended(1);
    struct cb_err err = {0};
    struct kept k;
    fake.enter = NULL;
    fake.enters_by_agent = false;
    CU_ASSERT_EQUAL(measure("exec.total", "", &in, NULL, &k, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
}

static void dies_when_entered(int fd)
{
    cb_script_hello(fd);
    cb_script_expect(fd);
    const struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    cb_script_send(fd, &ready);
    cb_script_expect(fd);
}

static int launch_frail(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    struct fake *f = env->state;
    (void)err;
    f->pid = cb_script_start(dies_when_entered, link);
    world->alive++;
    return 0;
}

static void an_agent_that_does_not_come_back_is_lost(void)
{
    struct cb_instance in;
    struct cb_err err = {0};
    struct kept k;
    begin_world();
    fake.launch = launch_frail;
    fake.enters_by_agent = true;
    CU_ASSERT_EQUAL_FATAL(cb_instance_prepare(&in, &arm, &site, 0, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_instance_up(&in, NULL, &err), 0);
    CU_ASSERT_EQUAL(measure("exec.total", "", &in, NULL, &k, &err), -1);
    CU_ASSERT(!in.alive && err.code == CB_EPROTO);
    cb_instance_stop(&in);
    nothing_is_left();
}

static void idle_needs_a_group(void)
{
    struct cb_err err = {0};
    struct kept k;
    begin_world();
    struct cb_instance in = ended(1);
    CU_ASSERT_EQUAL(measure("instance.idle", "", &in, NULL, &k, &err), -1);
    CU_ASSERT(err.code == CB_EMISSING && strstr(err.msg, "control group"));
}

static void processes_are_accounted_for(void)
{
    uint64_t cpu = cb_process_cpu_ns(getpid()), tree = cb_process_tree_cpu_ns(getpid());
    uint64_t waits = cb_process_waits(getpid());
    int status;
    pid_t pid = fork();
    if (pid == 0) { /* a few ticks, in a child that is waited for */
        while (cb_cpu_ns() < 60 * CB_NS_PER_MS)
            ;
        _exit(0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(cb_process_tree_cpu_ns(getpid()) >= tree + 40 * CB_NS_PER_MS);
    CU_ASSERT(cb_process_cpu_ns(getpid()) > cpu && cb_process_cpu_ns(getpid()) < cpu + CB_NS_PER_S);
    CU_ASSERT(cb_process_waits(getpid()) > waits); /* for the child */
    CU_ASSERT(cb_process_pss(getpid()) > 64 * 1024);
    CU_ASSERT(cb_process_cpu_ns(pid) == 0 && cb_process_waits(pid) == 0 && cb_process_pss(pid) == 0);
    CU_ASSERT(cb_memory_available() > 0);
}

const struct cb_suite cb_suite = {
    "lifecycle",
    {{"the table is that of the benchmarks", table_is_that_of_the_benchmarks},
     {"moments are stamped once", moments_are_stamped_once},
     {"moments are measured from the begin", moments_are_measured_from_the_begin},
     {"memory climbs by doubling", memory_climbs_by_doubling},
     {"memory that cannot be read is missing", memory_that_cannot_be_read_is_missing},
     {"failures and stops take all down", failures_and_stops_take_all_down},
     {"density says what the limit was", density_says_what_the_limit_was},
     {"rates count starts of all workers", rates_count_starts_of_all_workers},
     {"workers pass failures and stops on", workers_pass_failures_and_stops_on},
     {"a second process comes from either side", a_second_process_comes_from_either_side},
     {"an agent that does not come back is lost", an_agent_that_does_not_come_back_is_lost},
     {"idle needs a group", idle_needs_a_group},
     {"processes are accounted for", processes_are_accounted_for},
     CU_TEST_INFO_NULL}};
