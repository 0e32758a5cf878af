/* Control groups and the host arm from prepare to down. The test program is also the agent (see
 * `play_agent`). */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/backing.h"
#include "runners/runner.h"

#define MIB 1048576u

/* --- an agent: this program, started as `SELF run` --------------------------------------------------- */

/* Says its pid, then echoes, until it is told "die": ends with status 7 and last words. */
static __attribute__((constructor)) void play_agent(int argc, char **argv)
{
    char buffer[64];
    if (argc != 2 || strcmp(argv[1], "run") != 0)
        return;
    dprintf(STDOUT_FILENO, "%d\n", (int)getpid());
    for (ssize_t n; (n = read(STDIN_FILENO, buffer, sizeof buffer)) > 0;) {
        if (memcmp(buffer, "die", 3) == 0) {
            dprintf(STDERR_FILENO, "told to die\n");
            _exit(7);
        }
        if (write(STDOUT_FILENO, buffer, (size_t)n) != n)
            break;
    }
    _exit(0);
}

/* --- helpers ----------------------------------------------------------------------------------------- */

static bool have_cgroups(void)
{
    struct cb_err err = {0};
    if (geteuid() == 0 && cb_cgroup_init(&err) == 0)
        return true;
    printf("skipped: %s ... ", err.msg[0] ? err.msg : "not root");
    return false;
}

static const char *run_id(void)
{
    static char id[32];
    snprintf(id, sizeof id, "test-%d", (int)getpid());
    return id;
}

static void match(const char *id, void *arg)
{
    unsigned *n = arg;
    if (strcmp(id, run_id()) == 0)
        ++*n;
}

/* On how many hierarchies the run's group exists. */
static unsigned groups(void)
{
    struct cb_err err;
    unsigned n = 0;
    CU_ASSERT_EQUAL(cb_cgroup_each_run(match, &n, &err), 0);
    return n;
}

static bool file_has(pid_t pid, const char *file, const char *text)
{
    char path[64];
    struct cb_err err;
    CB_AUTOBUF struct cb_buf b = {0};
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return cb_read_file(AT_FDCWD, path, MIB, &b, &err) == 0 && strstr(cb_buf_str(&b), text);
}

/* Is the process in the group, in the hierarchy of each controller that there is? */
static bool is_in(pid_t pid, const char *group)
{
    char have[64], missing[64], want[160];
    cb_cgroup_controllers(have, sizeof have, missing, sizeof missing);
    bool in = true;
    for (char *rest = have, *c; (c = strsep(&rest, ","));) {
        snprintf(want, sizeof want, "%s:/%s\n", strcmp(cb_cgroup_version(), "v2") == 0 ? ":" : c, group);
        in = in && file_has(pid, "cgroup", want);
    }
    return in;
}

/* Within three seconds; a dead orphan that PID 1 has not reaped yet counts. */
static bool gone(pid_t pid)
{
    for (int i = 0; i < 300; i++) {
        if (kill(pid, 0) || file_has(pid, "status", "State:\tZ"))
            return true;
        cb_sleep_ns(10 * CB_NS_PER_MS);
    }
    return false;
}

static bool childless(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* --- control groups ---------------------------------------------------------------------------------- */

static struct cb_cgroup *make_group(const char *arm, uint64_t memory, unsigned pids, char name[96])
{
    static const int cpu0[] = {0};
    const struct cb_limits l = {.memory = memory, .cpus = cpu0, .ncpus = 1, .pids = pids};
    struct cb_cgroup *g = NULL;
    struct cb_err err = {0};
    snprintf(name, 96, "cbench-%s/%s", run_id(), arm);
    if (cb_cgroup_create(name, &l, &g, &err))
        fprintf(stderr, "%s\n", err.msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    return g;
}

/* A child that moves itself into the group, says so and does `then`. */
static pid_t join(struct cb_cgroup *g, int (*then)(void))
{
    int ready[2];
    char byte;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct cb_err err;
        if (cb_cgroup_attach(g, 0, &err) || write(ready[1], "", 1) != 1)
            _exit(99);
        _exit(then());
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static int sleep_on(void)
{
    return pause();
}

static void controllers_are_told(void)
{
    char have[64], missing[64];
    if (!have_cgroups())
        return;
    cb_cgroup_controllers(have, sizeof have, missing, sizeof missing);
    static const char *const all[] = {"cpuset", "memory", "pids"};
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_TRUE(!strstr(have, all[i]) != !strstr(missing, all[i]));
    CU_ASSERT_STRING_NOT_EQUAL(cb_cgroup_version(), "none");
}

static void group_holds_and_kills(void)
{
    char name[96];
    int status;
    cpu_set_t set;
    if (!have_cgroups())
        return;
    struct cb_cgroup *g = make_group("arm", 64 * MIB, 0, name), *h = make_group("arm2", 0, 0, name);
    snprintf(name, sizeof name, "cbench-%s/arm", run_id());
    CU_ASSERT_TRUE(groups() >= 1);
    pid_t self = join(g, sleep_on), moved = fork();
    if (moved == 0)
        sleep_on();
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_cgroup_attach(g, moved, &err), 0);
    CU_ASSERT_TRUE(is_in(self, name));
    CU_ASSERT_TRUE(is_in(moved, name));
    CU_ASSERT_EQUAL(sched_getaffinity(self, sizeof set, &set), 0);
    CU_ASSERT_EQUAL(CPU_COUNT(&set), 1);
    CU_ASSERT_TRUE(CPU_ISSET(0, &set));
    cb_cgroup_destroy(g);
    CU_ASSERT_EQUAL(waitpid(self, &status, 0), self);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CU_ASSERT_EQUAL(waitpid(moved, &status, 0), moved);
    CU_ASSERT_TRUE(groups() >= 1); /* arm2 is still there */
    cb_cgroup_destroy(h);
    cb_cgroup_destroy(NULL);
    cb_cgroup_remove_run(run_id());
    CU_ASSERT_EQUAL(groups(), 0);
    cb_cgroup_remove_run(run_id());
}

static int take_too_much(void)
{
    size_t size = 96 * MIB;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, size);
    return 0;
}

static int fork_too_much(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static void limits_bite(void)
{
    char name[96], have[64], missing[64];
    int status = 0;
    if (!have_cgroups())
        return;
    cb_cgroup_controllers(have, sizeof have, missing, sizeof missing);
    struct cb_cgroup *g = make_group("arm", 32 * MIB, 1, name);
    if (strstr(have, "memory")) {
        waitpid(join(g, take_too_much), &status, 0);
        CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    if (strstr(have, "pids")) {
        waitpid(join(g, fork_too_much), &status, 0);
        CU_ASSERT_EQUAL(WEXITSTATUS(status), EAGAIN);
    }
    cb_cgroup_destroy(g);
    cb_cgroup_remove_run(run_id());
    CU_ASSERT_EQUAL(groups(), 0);
}

/* What a killed run leaves: groups with processes in them, and groups below that the processes made. */
static void leftovers_are_removed(void)
{
    char name[96], path[256] = "";
    int status;
    if (!have_cgroups())
        return;
    struct cb_cgroup *g = make_group("arm", 0, 0, name);
    pid_t pid = join(g, sleep_on);
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s/below", roots[i], name);
        if (mkdir(path, 0700) == 0)
            break;
    }
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    cb_cgroup_remove_run("../etc"); /* an id out of a file: no way out of the hierarchy */
    cb_cgroup_remove_run(run_id());
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(groups(), 0);
    cb_cgroup_destroy(g); /* what is gone already is fine */
}

/* --- what lies under a directory --------------------------------------------------------------------- */

static void backing_is_found(void)
{
    struct cb_backing b;
    struct cb_err err = {0};
    struct stat st;
    char device[32];
    CU_ASSERT_EQUAL_FATAL(cb_backing_of("/proc/self", &b, &err), 0);
    CU_ASSERT_STRING_EQUAL(b.fs, "proc");
    CU_ASSERT_STRING_EQUAL(b.mount, "/proc");
    CU_ASSERT_EQUAL(stat("/proc", &st), 0);
    snprintf(device, sizeof device, "%u:%u", (unsigned)(st.st_dev >> 8 & 0xfff),
             (unsigned)(st.st_dev & 0xff));
    CU_ASSERT_STRING_EQUAL(b.device, device);
    CU_ASSERT_EQUAL(cb_backing_of("/nowhere", &b, &err), -1);
    CU_ASSERT_EQUAL(err.sys, ENOENT);
}

/* --- the host arm ------------------------------------------------------------------------------------ */

struct bed {
    struct cb_site site;
    struct cb_arm arm;
    struct cb_env env;
};

static void make_bed(struct bed *b, const char *agent)
{
    struct cb_err err = {0};
    memset(b, 0, sizeof *b);
    snprintf(b->site.run_id, sizeof b->site.run_id, "%s", run_id());
    snprintf(b->site.work_dir, sizeof b->site.work_dir, "/tmp/cbench-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(b->site.work_dir));
    snprintf(b->site.agent_path, sizeof b->site.agent_path, "%s", agent);
    snprintf(b->site.fabric_reason, sizeof b->site.fabric_reason, "the test has none");
    b->site.memory = 256 * MIB;
    CU_ASSERT_EQUAL_FATAL(cb_topology_load(&b->site.topo, 1, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_arm_parse("host", &b->arm, &err), 0);
}

/* As the executor does. */
static void new_env(struct bed *b)
{
    memset(&b->env, 0, sizeof b->env);
    b->env.arm = &b->arm;
    b->env.site = &b->site;
    b->env.slot = 1;
    snprintf(b->env.name, sizeof b->env.name, "%s-1", b->site.run_id);
}

static void unmake_bed(struct bed *b)
{
    cb_cgroup_remove_run(b->site.run_id);
    CU_ASSERT_EQUAL(groups(), 0);
    CU_ASSERT_EQUAL(rmdir(b->site.work_dir), 0); /* nothing was left in it */
}

static const char *fact(const struct cb_env *env, const char *key)
{
    for (unsigned i = 0; i < env->nfacts; i++)
        if (strcmp(env->facts[i].key, key) == 0)
            return env->facts[i].value;
    return "";
}

static int start(struct bed *b, struct cb_link *link, struct cb_err *err)
{
    const struct cb_runner *r = b->arm.runner;
    new_env(b);
    return r->prepare(&b->env, err) || r->up(&b->env, err) || r->launch(&b->env, link, err) ? -1 : 0;
}

/* The fake agent's first line. */
static pid_t agent_pid(const struct cb_link *link)
{
    struct cb_lines lines;
    struct cb_err err;
    char *line;
    cb_lines_init(&lines, link->from_agent);
    return cb_lines_next(&lines, cb_deadline_in(5 * CB_NS_PER_S), &line, &err) == 1 ? (pid_t)atoi(line) : -1;
}

static void check_running(struct bed *b, const struct cb_link *link, pid_t pid)
{
    char echo[6] = "", group[128];
    cpu_set_t set;
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_write_all(link->to_agent, "hello", 5, &err), 0);
    CU_ASSERT_EQUAL(read(link->from_agent, echo, 5), 5);
    CU_ASSERT_STRING_EQUAL(echo, "hello");
    CU_ASSERT_EQUAL(sched_getaffinity(pid, sizeof set, &set), 0);
    CU_ASSERT_EQUAL(CPU_COUNT(&set), b->site.topo.nsut);
    CU_ASSERT_TRUE(CPU_ISSET(b->site.topo.sut[0], &set));
    CU_ASSERT_NOT_EQUAL(getpgid(pid), getpgrp());
    CU_ASSERT_TRUE(file_has(pid, "environ", "PATH=/"));
    CU_ASSERT_FALSE(file_has(pid, "environ", "HOME="));
    CU_ASSERT_EQUAL(access(b->env.wire.scratch, W_OK), 0);
    CU_ASSERT_STRING_EQUAL(b->env.wire.peer, "");
    CU_ASSERT_STRING_EQUAL(fact(&b->env, "network"), "none: the test has none");
    CU_ASSERT_TRUE(strlen(fact(&b->env, "scratch.fs")) > 0);
    snprintf(group, sizeof group, "cbench-%s/%s", b->site.run_id, b->env.name);
    if (strcmp(cb_cgroup_version(), "none") != 0)
        CU_ASSERT_TRUE(is_in(pid, group));
}

static void host_arm_twice(void)
{
    static struct bed b;
    char scratch[128];
    make_bed(&b, "/proc/self/exe");
    for (int round = 0; round < 2; round++) {
        struct cb_link link = {-1, -1};
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(b.arm.runner->probe(&b.arm, &b.site, &err), 0);
        CU_ASSERT_EQUAL_FATAL(start(&b, &link, &err), 0);
        pid_t pid = agent_pid(&link);
        CU_ASSERT_TRUE_FATAL(pid > 0);
        check_running(&b, &link, pid);
        snprintf(scratch, sizeof scratch, "%s", b.env.wire.scratch);
        b.arm.runner->down(&b.env); /* the link is still open: the agent is killed */
        CU_ASSERT_NOT_EQUAL(kill(pid, 0), 0);
        CU_ASSERT_TRUE(childless());
        CU_ASSERT_NOT_EQUAL(access(scratch, F_OK), 0);
        b.arm.runner->down(&b.env);
        cb_link_close(&link);
    }
    unmake_bed(&b);
}

static void host_arm_down_early(void)
{
    static struct bed b;
    struct cb_err err = {0};
    char words[256] = "x";
    make_bed(&b, "/nowhere/agent");
    new_env(&b);
    b.arm.runner->diagnose(&b.env, words, sizeof words);
    CU_ASSERT_STRING_EQUAL(words, "");
    b.arm.runner->down(&b.env); /* nothing was done yet */
    CU_ASSERT_EQUAL(b.arm.runner->prepare(&b.env, &err), 0);
    b.arm.runner->down(&b.env);
    CU_ASSERT_TRUE(childless());
    new_env(&b);
    CU_ASSERT_EQUAL(b.arm.runner->prepare(&b.env, &err), 0);
    CU_ASSERT_EQUAL(b.arm.runner->up(&b.env, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/nowhere/agent"));
    b.arm.runner->down(&b.env);
    CU_ASSERT_TRUE(childless());
    /* A directory that is in the way is somebody else's. */
    char theirs[320];
    new_env(&b);
    snprintf(theirs, sizeof theirs, "%s/%s", b.site.work_dir, b.env.name);
    CU_ASSERT_EQUAL(mkdir(theirs, 0700), 0);
    CU_ASSERT_EQUAL(b.arm.runner->prepare(&b.env, &err), -1);
    CU_ASSERT_EQUAL(err.sys, EEXIST);
    b.arm.runner->down(&b.env);
    CU_ASSERT_EQUAL(rmdir(theirs), 0);
    unmake_bed(&b);
}

static void host_arm_last_words(void)
{
    static struct bed b;
    struct cb_link link = {-1, -1};
    struct cb_err err = {0};
    char words[256] = "", byte;
    make_bed(&b, "/proc/self/exe");
    CU_ASSERT_EQUAL_FATAL(start(&b, &link, &err), 0);
    pid_t pid = agent_pid(&link);
    CU_ASSERT_EQUAL(cb_write_all(link.to_agent, "die", 3, &err), 0);
    CU_ASSERT_EQUAL(read(link.from_agent, &byte, 1), 0); /* the death is seen on the link */
    CU_ASSERT_TRUE(gone(pid));
    for (int i = 0; i < 100 && !strstr(words, "status"); i++) {
        b.arm.runner->diagnose(&b.env, words, sizeof words);
        cb_sleep_ns(CB_NS_PER_MS);
    }
    CU_ASSERT_STRING_EQUAL(words, "the agent ended with status 7\ntold to die\n");
    cb_link_close(&link);
    b.arm.runner->down(&b.env);
    unmake_bed(&b);
}

/* cbench is killed: the kernel and the launcher take the agent down; gc takes the rest. */
static void host_arm_survives_no_kill(void)
{
    static struct bed b;
    int told[2];
    pid_t agent = -1;
    make_bed(&b, "/proc/self/exe");
    CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
    pid_t cbench = fork();
    if (cbench == 0) {
        struct cb_link link = {-1, -1};
        struct cb_err err;
        pid_t pid = start(&b, &link, &err) ? -1 : agent_pid(&link);
        if (write(told[1], &pid, sizeof pid) == sizeof pid)
            pause();
        _exit(1);
    }
    CU_ASSERT_EQUAL(read(told[0], &agent, sizeof agent), sizeof agent);
    CU_ASSERT_TRUE_FATAL(agent > 0);
    CU_ASSERT_EQUAL(kill(agent, 0), 0);
    cb_kill_wait(cbench);
    CU_ASSERT_TRUE(gone(agent));
    close(told[0]);
    close(told[1]);
    struct cb_err err;
    new_env(&b);
    char path[320];
    snprintf(path, sizeof path, "%s/%s", b.site.work_dir, b.env.name);
    CU_ASSERT_EQUAL(cb_remove_tree(path, &err), 0);
    unmake_bed(&b);
}

/* Runs as an ordinary user: status 0 when all went as it should. */
static int as_user(struct bed *b)
{
    struct cb_link link = {-1, -1};
    struct cb_err err = {0};
    if (setgid(65534) || setuid(65534))
        return 1;
    if (start(b, &link, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        return 2;
    }
    pid_t pid = agent_pid(&link);
    if (pid <= 0 || strncmp(fact(&b->env, "cgroup.version"), "none: ", 6) != 0 || b->env.wire.peer[0])
        return 3;
    b->arm.runner->down(&b->env);
    return kill(pid, 0) == 0 ? 4 : 0;
}

static void host_arm_as_user(void)
{
    static struct bed b;
    int status;
    if (geteuid() != 0) {
        printf("skipped: the other tests ran as an ordinary user already ... ");
        return;
    }
    make_bed(&b, "/proc/self/exe");
    CU_ASSERT_EQUAL(chown(b.site.work_dir, 65534, 65534), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(as_user(&b));
    waitpid(pid, &status, 0);
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    unmake_bed(&b);
}

const struct cb_suite cb_suite = {"host",
                                  {/* first: the process has not found its control groups yet */
                                   {"host arm as an ordinary user", host_arm_as_user},
                                   {"controllers are told", controllers_are_told},
                                   {"group holds and kills", group_holds_and_kills},
                                   {"limits bite", limits_bite},
                                   {"leftovers are removed", leftovers_are_removed},
                                   {"backing is found", backing_is_found},
                                   {"host arm, twice", host_arm_twice},
                                   {"host arm: down early", host_arm_down_early},
                                   {"host arm: last words", host_arm_last_words},
                                   {"host arm: nothing survives a kill", host_arm_survives_no_kill},
                                   CU_TEST_INFO_NULL}};
