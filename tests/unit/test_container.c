/* Containers with a hostile program in the agent's place (hostile.c), seen from inside and from the host.
 * Needs root; where containers cannot be had, each test says why and does nothing, unless CB_MUST_RUN names
 * them. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/netlink.h"
#include "runners/runner.h"
#include "tests/unit/unit.h"

#define REPLY_NS (10 * CB_NS_PER_S)
#define MEMORY   (UINT64_C(64) << 20) /* little enough to be used up in a test */

/* One container and what it stands on. */
struct stage {
    struct cb_site site;
    struct cb_arm arm;
    struct cb_env env;
    struct cb_link link;
    struct cb_lines lines;
    struct cb_err err;
};

/* --- setting up -------------------------------------------------------------------------------------- */

static bool cannot_run(const char *why)
{
    const char *must = getenv("CB_MUST_RUN");
    printf("(skipped: %s) ", why);
    if (must && strstr(must, "container"))
        CU_FAIL("containers must run here");
    return false;
}

static void make_env(struct stage *s, unsigned slot)
{
    s->env = (struct cb_env){.arm = &s->arm, .site = &s->site, .slot = slot};
    snprintf(s->env.name, sizeof s->env.name, "%s-%u", s->site.run_id, slot);
    s->link = (struct cb_link){-1, -1};
}

/* False where the test cannot run. */
static bool set_stage(struct stage *s, const char *arm, const char *agent)
{
    static unsigned runs;
    char dir[] = "/var/tmp/cbench-test-XXXXXX"; /* /tmp may be what overlayfs cannot lie on */
    memset(s, 0, sizeof *s);
    CU_ASSERT_FATAL(cb_arm_parse(arm, &s->arm, &s->err) == 0);
    if (s->arm.runner->probe(&s->arm, &s->site, &s->err) < 0)
        return cannot_run(s->err.msg);
    CU_ASSERT_FATAL(cb_topology_load(&s->site.topo, 1, &s->err) == 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(s->site.run_id, sizeof s->site.run_id, "test%d.%u", (int)getpid(), runs++);
    snprintf(s->site.work_dir, sizeof s->site.work_dir, "%s", dir);
    snprintf(s->site.agent_path, sizeof s->site.agent_path, "%s", agent);
    snprintf(s->site.fabric_reason, sizeof s->site.fabric_reason, "none asked for");
    s->site.memory = MEMORY;
    make_env(s, 3);
    return true;
}

static bool add_fabric(struct stage *s)
{
    if (cb_fabric_open(CB_TEST_HOSTILE, &s->site.topo, &s->site.fabric, &s->err) == 0)
        return true;
    return cannot_run(s->err.msg);
}

static void clear_stage(struct stage *s)
{
    cb_link_close(&s->link);
    if (s->env.arm)
        s->arm.runner->down(&s->env);
    if (!s->site.work_dir[0])
        return;
    cb_fabric_close(s->site.fabric);
    cb_cgroup_remove_run(s->site.run_id);
    CU_ASSERT_EQUAL(cb_remove_tree(s->site.work_dir, &s->err), 0);
}

static int start(struct stage *s)
{
    const struct cb_runner *r = s->arm.runner;
    if (r->prepare(&s->env, &s->err) < 0 || r->up(&s->env, &s->err) < 0 ||
        r->launch(&s->env, &s->link, &s->err) < 0)
        return -1;
    cb_lines_init(&s->lines, s->link.from_agent);
    return 0;
}

static const char *hear(struct stage *s)
{
    char *line;
    int n = cb_lines_next(&s->lines, cb_deadline_in(REPLY_NS), &line, &s->err);
    return n > 0 ? line : n == 0 ? "(end)" : s->err.msg;
}

static const char *ask(struct stage *s, const char *fmt, ...) CB_PRINTF(2, 3);
static const char *ask(struct stage *s, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    line[n] = '\n';
    if (cb_write_all(s->link.to_agent, line, (size_t)n + 1, &s->err) < 0)
        return s->err.msg;
    return hear(s);
}

/* A container of `arm` that answers, or false. */
static bool begin(struct stage *s, const char *arm)
{
    if (!set_stage(s, arm, CB_TEST_HOSTILE))
        return false;
    if (start(s) < 0) {
        printf("(%s) ", s->err.msg);
        CU_FAIL("the container did not start");
        return false;
    }
    CU_ASSERT_STRING_EQUAL(hear(s), "hello");
    return true;
}

/* --- what the host sees ------------------------------------------------------------------------------ */

static unsigned count_lines(const char *path, const char *needle)
{
    char line[4096];
    unsigned n = 0;
    CB_AUTOFILE FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, needle) != NULL;
    return n;
}

/* Processes in the control group of an instance; 0 with the pid of one of them. */
static unsigned processes_of(const struct cb_env *env, int *pid)
{
    char path[300], group[160];
    unsigned n = 0;
    DIR *proc = opendir("/proc");
    snprintf(group, sizeof group, "cbench-%s/%s", env->site->run_id, env->name);
    for (struct dirent *d; proc && (d = readdir(proc));) {
        snprintf(path, sizeof path, "/proc/%s/cgroup", d->d_name);
        if (d->d_name[0] < '1' || d->d_name[0] > '9' || count_lines(path, group) == 0)
            continue;
        n++;
        if (pid)
            *pid = atoi(d->d_name);
    }
    if (proc)
        closedir(proc);
    return n;
}

static void count_run(const char *run_id, void *arg)
{
    struct {
        const char *run_id;
        unsigned n;
    } *seen = arg;
    seen->n += strcmp(run_id, seen->run_id) == 0;
}

/* Control groups of the site's run, of any arm. */
static unsigned groups_of(const struct cb_site *site)
{
    struct cb_err err;
    struct {
        const char *run_id;
        unsigned n;
    } seen = {site->run_id, 0};
    CU_ASSERT_EQUAL(cb_cgroup_each_run(count_run, &seen, &err), 0);
    return seen.n;
}

static bool file_holds(const char *text, const char *fmt, ...) CB_PRINTF(2, 3);
static bool file_holds(const char *text, const char *fmt, ...)
{
    char path[512], line[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(path, sizeof path, fmt, ap);
    va_end(ap);
    return cb_read_line(path, line, sizeof line) == 0 && strcmp(line, text) == 0;
}

static bool exists(const char *dir, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0;
}

/* --- from inside ------------------------------------------------------------------------------------- */

static void has_no_privileges(void)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    struct stage s;
    if (begin(&s, "container")) {
        for (int i = 0; i < 5; i++)
            CU_ASSERT_STRING_EQUAL(ask(&s, "status %s", sets[i]), "0000000000000000");
        CU_ASSERT_STRING_EQUAL(ask(&s, "status NoNewPrivs"), "1");
        CU_ASSERT_STRING_EQUAL(ask(&s, "status Seccomp"), "2");
    }
    clear_stage(&s);
}

static void refuses_what_it_must(void)
{
    static const struct {
        const char *attempt, *answer;
    } rows[] = {
        {"mount", "EPERM"},        {"umount", "EPERM"},        {"mknod", "EPERM"},
        {"unshare-user", "EPERM"}, {"unshare-mount", "EPERM"}, {"clone-user", "EPERM"},
        {"clone3", "ENOSYS"},      {"setns", "EPERM"},         {"chroot", "EPERM"},
        {"sethostname", "EPERM"},  {"reboot", "EPERM"},        {"bpf", "EPERM"},
        {"vsock", "EPERM"},        {"raw-socket", "EPERM"},    {"unknown-call", "ENOSYS"},
        {"io_uring", "EINVAL"},
    };
    struct stage s;
    if (begin(&s, "container"))
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            CU_ASSERT_STRING_EQUAL(ask(&s, "try %s", rows[i].attempt), rows[i].answer);
    clear_stage(&s);
}

/* What the filter lets through, the missing capabilities still refuse. */
static void capabilities_hold_without_seccomp(void)
{
    struct stage s;
    if (begin(&s, "container:seccomp=off")) {
        CU_ASSERT_STRING_EQUAL(ask(&s, "status Seccomp"), "0");
        CU_ASSERT_STRING_EQUAL(ask(&s, "status CapEff"), "0000000000000000");
        CU_ASSERT_STRING_EQUAL(ask(&s, "try mount"), "EPERM");
        CU_ASSERT_STRING_EQUAL(ask(&s, "try mknod"), "EPERM");
        CU_ASSERT_STRING_EQUAL(ask(&s, "try unshare-mount"), "EPERM");
        CU_ASSERT_STRING_EQUAL(ask(&s, "try sethostname"), "EPERM");
    }
    clear_stage(&s);
}

static void sees_only_itself(void)
{
    char host[128], outside[32];
    struct stage s;
    snprintf(outside, sizeof outside, "kill %d", (int)getpid());
    if (begin(&s, "container")) {
        gethostname(host, sizeof host);
        CU_ASSERT_STRING_EQUAL(ask(&s, "status Pid"), "1");
        CU_ASSERT_STRING_EQUAL(ask(&s, "%s", outside), "ESRCH");
        CU_ASSERT_STRING_NOT_EQUAL(ask(&s, "hostname"), host);
        CU_ASSERT_STRING_EQUAL(ask(&s, "hostname"), s.env.name);
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /"), "cbench-agent dev proc scratch sys tmp");
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /proc/self/fd"), "0 1 2 3"); /* 3: the listing itself */
        CU_ASSERT_STRING_EQUAL(ask(&s, "read /proc/self/environ"), "PATH=/ ");
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /sys/class/net"), "lo");
    }
    clear_stage(&s);
}

static void sees_no_other_process(void)
{
    struct stage s;
    if (begin(&s, "container")) {
        char all[CB_LINE_MAX], *save = NULL;
        unsigned processes = 0;
        snprintf(all, sizeof all, "%s", ask(&s, "list /proc"));
        for (char *name = strtok_r(all, " ", &save); name; name = strtok_r(NULL, " ", &save))
            processes += name[0] >= '0' && name[0] <= '9';
        CU_ASSERT_EQUAL(processes, 1);
    }
    clear_stage(&s);
}

static void devices_and_masked_paths(void)
{
    struct stage s;
    if (begin(&s, "container")) {
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /dev"), "fd full null ptmx pts random shm stderr stdin stdout "
                                                     "tty urandom zero");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /dev/null"), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /dev/full"), "ENOSPC");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /dev/shm/x"), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "read /proc/keys"), "");
        CU_ASSERT_STRING_EQUAL(ask(&s, "read /proc/timer_list"), "");
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /sys/firmware"), "");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /sys/firmware/x"), "EROFS");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /proc/sys/kernel/core_pattern"), "EROFS");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /sys/kernel/mm/transparent_hugepage/enabled"), "EROFS");
        const char *kcore = ask(&s, "read /proc/kcore"); /* not in every kernel */
        CU_ASSERT_TRUE(strcmp(kcore, "") == 0 || strcmp(kcore, "ENOENT") == 0);
    }
    clear_stage(&s);
}

static void lives_in_its_cgroup(void)
{
    struct stage s;
    if (begin(&s, "container")) {
        int pid = 0;
        char cpus[64];
        const struct cb_topology *topo = &s.site.topo;
        cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus);
        CU_ASSERT_EQUAL(processes_of(&s.env, &pid), 1);
        CU_ASSERT_NOT_EQUAL(pid, 0);
        /* The namespace's root is the group itself, so that the path from inside is "/". */
        CU_ASSERT_PTR_NULL(strstr(ask(&s, "read /proc/self/cgroup"), "cbench-"));
        CU_ASSERT_STRING_EQUAL(ask(&s, "status Cpus_allowed_list"), cpus);
        CU_ASSERT_STRING_EQUAL(ask(&s, "eat 8"), "exit 0");
        CU_ASSERT_STRING_EQUAL(ask(&s, "eat %u", (unsigned)(MEMORY >> 19)), "signal 9");
    }
    clear_stage(&s);
}

/* --- what it writes ---------------------------------------------------------------------------------- */

static void overlay_keeps_what_is_written(void)
{
    struct stage s;
    if (begin(&s, "container:fs=overlay")) {
        CU_ASSERT_STRING_EQUAL(ask(&s, "write %s/x", s.env.wire.scratch), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /cbench-agent"), "ETXTBSY"); /* it runs */
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /tmp/y"), "ok");
        CU_ASSERT_TRUE(file_holds("written inside", "%s/%s/upper/scratch/x", s.site.work_dir, s.env.name));
        CU_ASSERT_FALSE(exists(s.site.work_dir, "rootfs/scratch/x"));
        CU_ASSERT_FALSE(exists(s.site.work_dir, "rootfs/tmp/y"));
    }
    clear_stage(&s);
}

static void bind_writes_to_a_plain_directory(void)
{
    struct stage s;
    if (begin(&s, "container:fs=bind")) {
        CU_ASSERT_STRING_EQUAL(ask(&s, "write %s/x", s.env.wire.scratch), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /tmp/y"), "EROFS");
        CU_ASSERT_TRUE(file_holds("written inside", "%s/%s/scratch/x", s.site.work_dir, s.env.name));
        CU_ASSERT_FALSE(exists(s.site.work_dir, "rootfs/scratch/x"));
    }
    clear_stage(&s);
}

/* --- network ----------------------------------------------------------------------------------------- */

static bool begin_with_fabric(struct stage *s, const char *arm)
{
    if (!set_stage(s, arm, CB_TEST_HOSTILE) || !add_fabric(s))
        return false;
    if (start(s) < 0) {
        printf("(%s) ", s->err.msg);
        CU_FAIL("the container did not start");
        return false;
    }
    CU_ASSERT_STRING_EQUAL(hear(s), "hello");
    return true;
}

static void reaches_the_peer_by_its_veth(void)
{
    struct stage s;
    if (begin_with_fabric(&s, "container")) {
        CU_ASSERT_STRING_EQUAL(s.env.wire.device, "eth0");
        CU_ASSERT_STRING_EQUAL(s.env.wire.peer, cb_fabric_peer(s.site.fabric));
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /sys/class/net"), "eth0 lo");
        CU_ASSERT_STRING_EQUAL(ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "connect 192.0.2.1"), "ENETUNREACH"); /* no way out */
    }
    clear_stage(&s);
}

static void reaches_the_peer_from_the_hosts_network(void)
{
    struct stage s;
    if (begin_with_fabric(&s, "container:net=host")) {
        if (!s.env.wire.device[0]) {
            cannot_run("no link in the host's network");
            clear_stage(&s);
            return;
        }
        uint64_t rx, tx;
        CU_ASSERT_STRING_EQUAL(ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "status CapEff"), "0000000000000000");
        CU_ASSERT_EQUAL(cb_net_counters(s.env.wire.device, &rx, &tx, &s.err), 0);
        s.arm.runner->down(&s.env);
        CU_ASSERT_EQUAL(cb_net_counters(s.env.wire.device, &rx, &tx, &s.err), -1);
    }
    clear_stage(&s);
}

static void has_no_network_when_told(void)
{
    struct stage s;
    if (begin_with_fabric(&s, "container:net=none")) {
        CU_ASSERT_STRING_EQUAL(s.env.wire.peer, "");
        CU_ASSERT_STRING_EQUAL(s.env.wire.device, "");
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /sys/class/net"), "lo");
        CU_ASSERT_STRING_EQUAL(ask(&s, "connect 127.0.0.1"), "ECONNREFUSED"); /* lo is up */
    }
    clear_stage(&s);
}

/* --- the end ----------------------------------------------------------------------------------------- */

/* The kernel takes a link down with its namespace, but in its own time. */
static bool port_is_gone(const struct stage *s)
{
    uint64_t rx, tx, deadline = cb_deadline_in(REPLY_NS);
    char port[16];
    struct cb_err err;
    cb_fabric_port(s->site.fabric, s->env.slot, port);
    while (cb_fabric_counters(s->site.fabric, port, &rx, &tx, &err) == 0) {
        if (cb_deadline_remaining_ns(deadline) == 0)
            return false;
        cb_sleep_ns(CB_NS_PER_MS);
    }
    return true;
}

static void leaves_nothing(void)
{
    struct stage s;
    if (begin_with_fabric(&s, "container")) {
        unsigned mounts = count_lines("/proc/self/mountinfo", "");
        CU_ASSERT_EQUAL(count_lines("/proc/self/mountinfo", s.env.name), 0); /* nor while it runs */
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /scratch/x"), "ok");
        s.arm.runner->down(&s.env);
        CU_ASSERT_EQUAL(processes_of(&s.env, NULL), 0);
        CU_ASSERT_FALSE(exists(s.site.work_dir, s.env.name));
        CU_ASSERT_EQUAL(count_lines("/proc/self/mountinfo", ""), mounts);
        CU_ASSERT_TRUE(port_is_gone(&s));
        cb_cgroup_remove_run(s.site.run_id);
        CU_ASSERT_EQUAL(groups_of(&s.site), 0);
        s.arm.runner->down(&s.env); /* again */
    }
    clear_stage(&s);
}

static void can_start_again_under_its_name(void)
{
    struct stage s;
    if (begin_with_fabric(&s, "container")) {
        CU_ASSERT_STRING_EQUAL(ask(&s, "write /scratch/x"), "ok");
        cb_link_close(&s.link);
        s.arm.runner->down(&s.env);
        make_env(&s, s.env.slot);
        CU_ASSERT_EQUAL_FATAL(start(&s), 0);
        CU_ASSERT_STRING_EQUAL(hear(&s), "hello");
        CU_ASSERT_STRING_EQUAL(ask(&s, "list /scratch"), "");
        CU_ASSERT_STRING_EQUAL(ask(&s, "connect %s", s.env.wire.peer), "ok");
    }
    clear_stage(&s);
}

static void two_do_not_meet(void)
{
    struct stage a;
    if (begin(&a, "container")) {
        struct stage b = {.site = a.site, .arm = a.arm};
        make_env(&b, 4);
        b.env.arm = &b.arm;
        CU_ASSERT_EQUAL_FATAL(start(&b), 0);
        CU_ASSERT_STRING_EQUAL(hear(&b), "hello");
        CU_ASSERT_STRING_EQUAL(ask(&a, "write /scratch/a"), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&b, "write /scratch/b"), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&a, "list /scratch"), "a");
        CU_ASSERT_STRING_EQUAL(ask(&b, "list /scratch"), "b");
        cb_link_close(&b.link);
        b.arm.runner->down(&b.env);
        CU_ASSERT_STRING_EQUAL(ask(&a, "list /scratch"), "a");
        CU_ASSERT_EQUAL(processes_of(&a.env, NULL), 1);
    }
    clear_stage(&a);
}

/* A start that fails says why in a line, and goes away like any other. */
static void expect_failure(struct stage *s, const char *why)
{
    CU_ASSERT_EQUAL(start(s), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->err.msg, why));
    if (!strstr(s->err.msg, why))
        printf("(%s) ", s->err.msg);
    s->arm.runner->down(&s->env);
    CU_ASSERT_EQUAL(processes_of(&s->env, NULL), 0);
    CU_ASSERT_FALSE(exists(s->site.work_dir, s->env.name));
    cb_cgroup_remove_run(s->site.run_id);
    CU_ASSERT_EQUAL(groups_of(&s->site), 0);
}

static void says_when_the_agent_is_missing(void)
{
    struct stage s;
    if (set_stage(&s, "container", "/nonexistent/agent"))
        expect_failure(&s, "/nonexistent/agent: No such file or directory");
    clear_stage(&s);
}

static void says_when_the_agent_is_no_program(void)
{
    struct stage s;
    if (set_stage(&s, "container", "/etc/passwd"))
        expect_failure(&s, "exec /cbench-agent: Exec format error");
    clear_stage(&s);
}

static void says_when_the_layer_is_missing(void)
{
    struct stage s;
    char layer[512];
    if (set_stage(&s, "container", CB_TEST_HOSTILE)) {
        CU_ASSERT_EQUAL_FATAL(s.arm.runner->prepare(&s.env, &s.err), 0);
        snprintf(layer, sizeof layer, "%s/%s/upper", s.site.work_dir, s.env.name);
        CU_ASSERT_EQUAL(rmdir(layer), 0);
        CU_ASSERT_EQUAL(s.arm.runner->up(&s.env, &s.err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "mount overlay on root"));
        CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "No such file or directory"));
        s.arm.runner->down(&s.env);
        CU_ASSERT_FALSE(exists(s.site.work_dir, s.env.name));
    }
    clear_stage(&s);
}

static void tells_the_last_words(void)
{
    struct stage s;
    char words[256];
    if (begin(&s, "container")) {
        CU_ASSERT_STRING_EQUAL(ask(&s, "complain it hurts"), "ok");
        CU_ASSERT_STRING_EQUAL(ask(&s, "exit 3"), "(end)");
        uint64_t deadline = cb_deadline_in(REPLY_NS);
        do /* the stream may end a moment before the process does */
            s.arm.runner->diagnose(&s.env, words, sizeof words);
        while (!strstr(words, "status 3") && cb_deadline_remaining_ns(deadline));
        CU_ASSERT_PTR_NOT_NULL(strstr(words, "status 3"));
        CU_ASSERT_PTR_NOT_NULL(strstr(words, "it hurts"));
    }
    clear_stage(&s);
}

static void needs_root(void)
{
    struct stage s;
    int status;
    if (set_stage(&s, "container", CB_TEST_HOSTILE)) {
        pid_t pid = fork();
        if (pid == 0) {
            bool ok = seteuid(65534) == 0 && s.arm.runner->probe(&s.arm, &s.site, &s.err) < 0 &&
                      s.err.code == CB_EMISSING && strstr(s.err.msg, "root");
            _exit(ok ? 0 : 1);
        }
        CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
        CU_ASSERT_EQUAL(status, 0);
    }
    clear_stage(&s);
}

const struct cb_suite cb_suite = {
    "container",
    {{"has no privileges", has_no_privileges},
     {"refuses what it must", refuses_what_it_must},
     {"capabilities hold without seccomp", capabilities_hold_without_seccomp},
     {"sees only itself", sees_only_itself},
     {"sees no other process", sees_no_other_process},
     {"devices and masked paths", devices_and_masked_paths},
     {"lives in its cgroup", lives_in_its_cgroup},
     {"overlay keeps what is written", overlay_keeps_what_is_written},
     {"bind writes to a plain directory", bind_writes_to_a_plain_directory},
     {"reaches the peer by its veth", reaches_the_peer_by_its_veth},
     {"reaches the peer from the host's network", reaches_the_peer_from_the_hosts_network},
     {"has no network when told", has_no_network_when_told},
     {"leaves nothing", leaves_nothing},
     {"can start again under its name", can_start_again_under_its_name},
     {"two do not meet", two_do_not_meet},
     {"says when the agent is missing", says_when_the_agent_is_missing},
     {"says when the agent is no program", says_when_the_agent_is_no_program},
     {"says when a layer is missing", says_when_the_layer_is_missing},
     {"tells the last words", tells_the_last_words},
     {"needs root", needs_root},
     CU_TEST_INFO_NULL}};
