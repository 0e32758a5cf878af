/* Containers with a hostile program in the agent's place (hostile.c), seen from inside and from the host.
 * Needs root; where containers cannot be had, each test says why and does nothing, unless CB_MUST_RUN names
 * them. */
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/proc.h"
#include "runners/netlink.h"
#include "runners/ns.h"
#include "tests/unit/stage.h"
#include "tests/unit/unit.h"

struct exchange {
    const char *command, *answer; /* command NULL ends an array */
};

/* A container of `arm` answers each command as expected. */
static void expect_answers(const char *arm, const struct exchange *rows)
{
    struct stage s;
    if (stage_begin(&s, arm, false))
        for (const struct exchange *x = rows; x->command; x++) {
            const char *answer = stage_ask(&s, "%s", x->command);
            CU_ASSERT_STRING_EQUAL(answer, x->answer);
            if (strcmp(answer, x->answer) != 0)
                printf("(%s: %s, not %s) ", x->command, answer, x->answer);
        }
    stage_clear(&s);
}

/* --- from inside ------------------------------------------------------------------------------------- */

#define NO_CAPABILITIES "0000000000000000"

static void has_no_privileges(void)
{
    static const struct exchange rows[] = {{"status CapInh", NO_CAPABILITIES},
                                           {"status CapPrm", NO_CAPABILITIES},
                                           {"status CapEff", NO_CAPABILITIES},
                                           {"status CapBnd", NO_CAPABILITIES},
                                           {"status CapAmb", NO_CAPABILITIES},
                                           {"status NoNewPrivs", "1"},
                                           {"status Seccomp", "2"},
                                           {NULL, NULL}};
    expect_answers("container", rows);
}

static void refuses_what_it_must(void)
{
    static const struct exchange rows[] = {
        {"try mount", "EPERM"},         {"try umount", "EPERM"},        {"try mknod", "EPERM"},
        {"try unshare-user", "EPERM"},  {"try unshare-mount", "EPERM"}, {"try clone-user", "EPERM"},
        {"try clone3", "ENOSYS"},       {"try setns", "EPERM"},         {"try chroot", "EPERM"},
        {"try sethostname", "EPERM"},   {"try reboot", "EPERM"},        {"try bpf", "EPERM"},
        {"try vsock", "EPERM"},         {"try vsock-high", "EPERM"},    {"try raw-socket", "EPERM"},
        {"try unknown-call", "ENOSYS"}, {"try io_uring", "EINVAL"},     {NULL, NULL}};
    expect_answers("container", rows);
    expect_answers("container:seccomp=ssbd", rows);
}

/* What the filter would let through, the missing capabilities refuse. */
static void capabilities_hold_without_seccomp(void)
{
    static const struct exchange rows[] = {{"status Seccomp", "0"},
                                           {"status CapEff", NO_CAPABILITIES},
                                           {"status NoNewPrivs", "1"},
                                           {"try mount", "EPERM"},
                                           {"try mknod", "EPERM"},
                                           {"try unshare-mount", "EPERM"},
                                           {"try sethostname", "EPERM"},
                                           {"try raw-socket", "EPERM"},
                                           {NULL, NULL}};
    expect_answers("container:seccomp=off", rows);
}

static void sees_only_itself(void)
{
    static const struct exchange rows[] = {{"status Pid", "1"},
                                           {"processes", "1"},
                                           {"list /", "cbench-agent cbench-overlay dev proc scratch sys tmp"},
                                           {"list /proc/self/fd", "0 1 2 3"}, /* 3: the listing itself */
                                           {"read /proc/self/environ", "PATH=/ "},
                                           {"list /sys/class/net", "lo"},
                                           {NULL, NULL}};
    expect_answers("container", rows);
}

static void has_common_devices(void)
{
    static const struct exchange rows[] = {
        {"list /dev", "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"},
        {"write /dev/null", "ok"},
        {"write /dev/full", "ENOSPC"},
        {"write /dev/shm/x", "ok"},
        {NULL, NULL}};
    expect_answers("container", rows);
}

static void hides_the_kernels_secrets(void)
{
    static const struct exchange rows[] = {{"read /proc/keys", ""},
                                           {"read /proc/timer_list", ""},
                                           {"list /sys/firmware", ""},
                                           {"write /sys/firmware/x", "EROFS"},
                                           {"may-write /proc/sys/kernel/core_pattern", "EROFS"},
                                           {"may-write /sys/kernel/mm/transparent_hugepage/enabled", "EROFS"},
                                           {NULL, NULL}};
    static const struct exchange kcore[] = {{"read /proc/kcore", ""}, {NULL, NULL}};
    expect_answers("container", rows);
    if (stage_exists("/proc", "kcore")) /* not every kernel has it */
        expect_answers("container", kcore);
}

static void is_not_the_host(void)
{
    char host[128];
    struct stage s;
    if (stage_begin(&s, "container", false)) {
        gethostname(host, sizeof host);
        CU_ASSERT_STRING_NOT_EQUAL(stage_ask(&s, "hostname"), host);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "hostname"), s.env.name);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "kill %d", (int)getpid()), "ESRCH");
    }
    stage_clear(&s);
}

static void lives_in_its_cgroup(void)
{
    struct stage s;
    if (stage_begin(&s, "container", false)) {
        char cpus[64];
        const struct cb_topology *topo = &s.site.topo;
        cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus);
        CU_ASSERT_EQUAL(stage_processes(&s.env), 1);
        CU_ASSERT_TRUE(stage_groups(&s.env) > 0);
        /* The namespace's root is the group itself, so that the path from inside is "/". */
        CU_ASSERT_PTR_NULL(strstr(stage_ask(&s, "read /proc/self/cgroup"), "cbench-"));
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status Cpus_allowed_list"), cpus);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "eat 8"), "exit 0");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "eat %u", (unsigned)(STAGE_MEMORY >> 19)), "signal 9");
    }
    stage_clear(&s);
}

/* --- network ----------------------------------------------------------------------------------------- */

static void reaches_the_peer_by_its_veth(void)
{
    struct stage s;
    if (stage_begin(&s, "container", true)) {
        CU_ASSERT_STRING_EQUAL(s.env.wire.device, "eth0");
        CU_ASSERT_STRING_EQUAL(s.env.wire.peer, cb_fabric_peer(s.site.fabric));
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /sys/class/net"), "eth0 lo");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect 192.0.2.1"), "ENETUNREACH"); /* no way out */
    }
    stage_clear(&s);
}

static void reaches_the_peer_from_the_hosts_network(void)
{
    struct stage s;
    if (stage_begin(&s, "container:net=host", true)) {
        if (!s.env.wire.device[0]) {
            stage_skip("no link in the host's network");
            stage_clear(&s);
            return;
        }
        uint64_t rx, tx;
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status CapEff"), "0000000000000000");
        CU_ASSERT_EQUAL(cb_net_counters(s.env.wire.device, &rx, &tx, &s.err), 0);
        s.arm.runner->down(&s.env);
        CU_ASSERT_EQUAL(cb_net_counters(s.env.wire.device, &rx, &tx, &s.err), -1);
    }
    stage_clear(&s);
}

static void has_no_network_when_told(void)
{
    struct stage s;
    if (stage_begin(&s, "container:net=none", true)) {
        CU_ASSERT_STRING_EQUAL(s.env.wire.peer, "");
        CU_ASSERT_STRING_EQUAL(s.env.wire.device, "");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /sys/class/net"), "lo");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect 127.0.0.1"), "ECONNREFUSED"); /* lo is up */
    }
    stage_clear(&s);
}

/* --- cgroup v2 --------------------------------------------------------------------------------------- */

/* A new group in the hierarchy of version 2, which hybrid machines have too, without controllers. */
static bool make_v2_group(char *dir, size_t cap)
{
    bool made = false;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    for (struct mntent *m; mounts && !made && (m = getmntent(mounts));)
        if (strcmp(m->mnt_type, "cgroup2") == 0) {
            snprintf(dir, cap, "%s/cbench-test-XXXXXX", m->mnt_dir);
            made = mkdtemp(dir) != NULL;
        }
    if (mounts)
        endmntent(mounts);
    return made;
}

/* On v2 a child is born in its group, which spares attaching it. */
static void is_born_in_a_v2_group(void)
{
    char dir[256];
    struct cb_err err;
    int status;
    pid_t pid;
    if (!make_v2_group(dir, sizeof dir)) {
        stage_skip("no group of version 2 can be made");
        return;
    }
    CB_AUTOFD int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(cb_ns_clone(CLONE_NEWUTS, fd, &pid, &err), 0);
    if (pid == 0)
        _exit(stage_count_lines("/proc/self/cgroup", strrchr(dir, '/')) == 1 ? 0 : 1);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

/* --- the end ----------------------------------------------------------------------------------------- */

/* The kernel takes a link down with its namespace, but in its own time. */
static bool port_is_gone(const struct stage *s)
{
    uint64_t rx, tx, deadline = cb_deadline_in(STAGE_REPLY_NS);
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
    if (stage_begin(&s, "container", true)) {
        unsigned mounts = stage_count_lines("/proc/self/mountinfo", "");
        CU_ASSERT_EQUAL(stage_count_lines("/proc/self/mountinfo", s.env.name), 0); /* nor while it runs */
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /scratch/x"), "ok");
        s.arm.runner->down(&s.env);
        CU_ASSERT_TRUE(waitpid(-1, NULL, WNOHANG) <= 0); /* no zombie; the peer lives */
        CU_ASSERT_EQUAL(stage_processes(&s.env), 0);
        CU_ASSERT_EQUAL(stage_groups(&s.env), 0);
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, s.env.name));
        CU_ASSERT_EQUAL(stage_count_lines("/proc/self/mountinfo", ""), mounts);
        CU_ASSERT_TRUE(port_is_gone(&s));
        s.arm.runner->down(&s.env); /* again */
    }
    stage_clear(&s);
}

/* A process that starts the container, says so and is then killed, as cbench may be. */
static void start_and_wait(struct stage *s, int said)
{
    if (stage_start(s) == 0 && cb_write_all(s->link.to_agent, "hang\n", 5, &s->err) == 0 &&
        strcmp(stage_hear(s), "hello") == 0 && write(said, "", 1) == 1)
        pause();
    _exit(1);
}

static void expect_death(const char *arm)
{
    struct stage s;
    if (stage_set(&s, arm, CB_TEST_HOSTILE, false)) {
        int ends[2];
        char byte;
        CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0)
            start_and_wait(&s, ends[1]);
        close(ends[1]);
        CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
        close(ends[0]);
        CU_ASSERT_EQUAL(stage_processes(&s.env), 1);
        cb_kill_wait(pid);
        uint64_t deadline = cb_deadline_in(STAGE_REPLY_NS);
        while (stage_processes(&s.env) && cb_deadline_remaining_ns(deadline))
            cb_sleep_ns(CB_NS_PER_MS);
        CU_ASSERT_EQUAL(stage_processes(&s.env), 0);
    }
    stage_clear(&s);
}

/* With other ids a process must ask for it again, and without a process namespace nobody else sees to it. */
static void dies_with_cbench(void)
{
    expect_death("container");
    expect_death("container:user=on");
    expect_death("container:ns=none,fs=host,net=host,seccomp=off");
}

static void can_start_again_under_its_name(void)
{
    struct stage s;
    if (stage_begin(&s, "container", true)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /scratch/x"), "ok");
        cb_link_close(&s.link);
        s.arm.runner->down(&s.env);
        stage_env(&s, s.env.slot);
        CU_ASSERT_EQUAL_FATAL(stage_start(&s), 0);
        CU_ASSERT_STRING_EQUAL(stage_hear(&s), "hello");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /scratch"), "");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s", s.env.wire.peer), "ok");
    }
    stage_clear(&s);
}

/* Starts a second process; its stage is another one's, but for the stream. */
static bool enter(struct stage *s, struct stage *second, pid_t *pid)
{
    *second = *s;
    int failed = s->arm.runner->enter(&s->env, &second->link, pid, &s->err);
    if (failed)
        printf("(%s) ", s->err.msg);
    CU_ASSERT_EQUAL(failed, 0);
    cb_lines_init(&second->lines, second->link.from_agent);
    return !failed;
}

static void a_second_process_is_as_confined(void)
{
    static const char *const arms[] = {"container", "container:fs=bind", "container:net=host"};
    static const char *const same[] = {"status CapEff",
                                       "status CapBnd",
                                       "status NoNewPrivs",
                                       "status Seccomp",
                                       "hostname",
                                       "list /sys/class/net",
                                       "list /",
                                       "list /proc/self/ns",
                                       "status Cpus_allowed_list",
                                       "read /proc/self/cgroup"};
    for (size_t i = 0; i < sizeof arms / sizeof *arms; i++) {
        struct stage s, second;
        pid_t pid;
        int status;
        if (stage_begin(&s, arms[i], false) && enter(&s, &second, &pid)) {
            CU_ASSERT_STRING_EQUAL(stage_hear(&second), "hello");
            for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
                char first[512];
                snprintf(first, sizeof first, "%s", stage_ask(&s, "%s", same[k]));
                CU_ASSERT_STRING_EQUAL(stage_ask(&second, "%s", same[k]), first);
            }
            CU_ASSERT_STRING_EQUAL(stage_ask(&second, "kill %d", (int)getpid()), "ESRCH");
            CU_ASSERT_STRING_EQUAL(stage_ask(&second, "write /scratch/x"), "ok");
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /scratch"), "x");
            CU_ASSERT(stage_processes(&s.env) > 1);
            cb_link_close(&second.link);
            CU_ASSERT_EQUAL(cb_wait(pid, cb_deadline_in(STAGE_REPLY_NS), &status, &s.err), 0);
            CU_ASSERT_EQUAL(stage_processes(&s.env), 1);
        }
        stage_clear(&s);
    }
}

/* It lives in the container's process namespace, which ends with its first process. */
static void a_second_process_goes_with_the_first(void)
{
    struct stage s, second;
    pid_t pid;
    int status;
    if (stage_begin(&s, "container", true) && enter(&s, &second, &pid)) {
        CU_ASSERT_STRING_EQUAL(stage_hear(&second), "hello");
        s.arm.runner->down(&s.env);
        CU_ASSERT_STRING_EQUAL(stage_hear(&second), "(end)");
        CU_ASSERT_EQUAL(cb_wait(pid, cb_deadline_in(STAGE_REPLY_NS), &status, &s.err), 0);
        CU_ASSERT_EQUAL(stage_groups(&s.env), 0);
        CU_ASSERT(cb_env_moment(&s.env, "gone") > cb_env_moment(&s.env, "init"));
        cb_link_close(&second.link);
    }
    stage_clear(&s);
}

static void two_do_not_meet(void)
{
    struct stage a;
    if (stage_begin(&a, "container", false)) {
        struct stage b = {.site = a.site, .arm = a.arm};
        stage_env(&b, 4);
        b.env.arm = &b.arm;
        CU_ASSERT_EQUAL_FATAL(stage_start(&b), 0);
        CU_ASSERT_STRING_EQUAL(stage_hear(&b), "hello");
        CU_ASSERT_STRING_EQUAL(stage_ask(&a, "write /scratch/a"), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&b, "write /scratch/b"), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&a, "list /scratch"), "a");
        CU_ASSERT_STRING_EQUAL(stage_ask(&b, "list /scratch"), "b");
        cb_link_close(&b.link);
        b.arm.runner->down(&b.env);
        CU_ASSERT_STRING_EQUAL(stage_ask(&a, "list /scratch"), "a");
        CU_ASSERT_EQUAL(stage_processes(&a.env), 1);
    }
    stage_clear(&a);
}

/* A start that fails says why in a line, and goes away like any other. */
static void expect_failure(struct stage *s, const char *why)
{
    CU_ASSERT_EQUAL(stage_start(s), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->err.msg, why));
    if (!strstr(s->err.msg, why))
        printf("(%s) ", s->err.msg);
    s->arm.runner->down(&s->env);
    CU_ASSERT_EQUAL(stage_processes(&s->env), 0);
    CU_ASSERT_FALSE(stage_exists(s->site.work_dir, s->env.name));
    CU_ASSERT_EQUAL(stage_groups(&s->env), 0);
}

static void says_when_the_agent_is_missing(void)
{
    struct stage s;
    if (stage_set(&s, "container", "/nonexistent/agent", false))
        expect_failure(&s, "/nonexistent/agent: No such file or directory");
    stage_clear(&s);
}

static void says_when_the_agent_is_no_program(void)
{
    struct stage s;
    if (stage_set(&s, "container", "/etc/passwd", false))
        expect_failure(&s, "exec /cbench-agent: Exec format error");
    stage_clear(&s);
}

static void says_when_the_layer_is_missing(void)
{
    struct stage s;
    char layer[512];
    if (stage_set(&s, "container", CB_TEST_HOSTILE, true)) {
        CU_ASSERT_EQUAL_FATAL(s.arm.runner->prepare(&s.env, &s.err), 0);
        snprintf(layer, sizeof layer, "%s/%s/upper", s.site.work_dir, s.env.name);
        CU_ASSERT_EQUAL(rmdir(layer), 0);
        CU_ASSERT_EQUAL(s.arm.runner->up(&s.env, &s.err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "mount overlay on root"));
        CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "No such file or directory"));
        s.arm.runner->down(&s.env);
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, s.env.name));
    }
    stage_clear(&s);
}

static void tells_the_last_words(void)
{
    struct stage s;
    char words[256];
    if (stage_begin(&s, "container", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "complain it hurts"), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "exit 3"), "(end)");
        uint64_t deadline = cb_deadline_in(STAGE_REPLY_NS);
        do /* the stream may end a moment before the process does */
            s.arm.runner->diagnose(&s.env, words, sizeof words);
        while (!strstr(words, "status 3") && cb_deadline_remaining_ns(deadline));
        CU_ASSERT_PTR_NOT_NULL(strstr(words, "status 3"));
        CU_ASSERT_PTR_NOT_NULL(strstr(words, "it hurts"));
    }
    stage_clear(&s);
}

static void needs_root(void)
{
    struct stage s;
    int status;
    if (stage_set(&s, "container", CB_TEST_HOSTILE, false)) {
        pid_t pid = fork();
        if (pid == 0) {
            bool ok = seteuid(65534) == 0 && s.arm.runner->probe(&s.arm, &s.site, &s.err) < 0 &&
                      s.err.code == CB_EMISSING && strstr(s.err.msg, "root");
            _exit(ok ? 0 : 1);
        }
        CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
        CU_ASSERT_EQUAL(status, 0);
    }
    stage_clear(&s);
}

const struct cb_suite cb_suite = {
    "container",
    {{"has no privileges", has_no_privileges},
     {"refuses what it must", refuses_what_it_must},
     {"capabilities hold without seccomp", capabilities_hold_without_seccomp},
     {"sees only itself", sees_only_itself},
     {"has the common devices", has_common_devices},
     {"hides the kernel's secrets", hides_the_kernels_secrets},
     {"is not the host", is_not_the_host},
     {"lives in its cgroup", lives_in_its_cgroup},
     {"reaches the peer by its veth", reaches_the_peer_by_its_veth},
     {"reaches the peer from the host's network", reaches_the_peer_from_the_hosts_network},
     {"has no network when told", has_no_network_when_told},
     {"is born in a v2 group", is_born_in_a_v2_group},
     {"leaves nothing", leaves_nothing},
     {"dies with cbench", dies_with_cbench},
     {"can start again under its name", can_start_again_under_its_name},
     {"a second process is as confined", a_second_process_is_as_confined},
     {"a second process goes with the first", a_second_process_goes_with_the_first},
     {"two do not meet", two_do_not_meet},
     {"says when the agent is missing", says_when_the_agent_is_missing},
     {"says when the agent is no program", says_when_the_agent_is_no_program},
     {"says when a layer is missing", says_when_the_layer_is_missing},
     {"tells the last words", tells_the_last_words},
     {"needs root", needs_root},
     CU_TEST_INFO_NULL}};
