/* What the parameters of a container change, seen from inside (hostile.c) and from the host: each rung of the
 * ladder, the user namespace, the limits, where scratch lies, address translation. As test_container.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/proc.h"
#include "runners/armgroup.h"
#include "runners/idmap.h"
#include "tests/unit/stage.h"
#include "tests/unit/unit.h"

#define NO_CAPABILITIES "0000000000000000"
#define C1              "container:ns=none,fs=host,net=host,seccomp=off"

static const char *fact(const struct stage *s, const char *key)
{
    for (unsigned i = 0; i < s->env.nfacts; i++)
        if (strcmp(s->env.facts[i].key, key) == 0)
            return s->env.facts[i].value;
    return "";
}

/* The owner of a file below the instance's directory, -1 where there is none. */
static long owner_of(const struct stage *s, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s/%s", s->site.work_dir, s->env.name, name);
    return lstat(path, &st) == 0 ? (long)st.st_uid : -1;
}

/* Is the file's first line this text? */
static bool file_holds(const struct stage *s, const char *name, const char *text)
{
    char path[512], line[128];
    snprintf(path, sizeof path, "%s/%s/%s", s->site.work_dir, s->env.name, name);
    return cb_read_line(path, line, sizeof line) == 0 && strcmp(line, text) == 0;
}

static bool is_host_name(const char *name)
{
    char host[128] = "";
    gethostname(host, sizeof host);
    return strcmp(host, name) == 0;
}

/* --- the ladder -------------------------------------------------------------------------------------- */

static const struct rung {
    const char *arm, *namespaces, *rootfs;
    bool seccomp, isolated;
} rungs[] = {
    {C1, "none", "the host's", false, false},
    {"container:fs=bind,net=host,seccomp=off", "mnt pid ipc uts cgroup", "bind, read-only", false, true},
    {"container:fs=bind,net=host", "mnt pid ipc uts cgroup", "bind, read-only", true, true},
    {"container:fs=bind,net=host,seccomp=ssbd", "mnt pid ipc uts cgroup", "bind, read-only", true, true},
    {"container:net=host", "mnt pid ipc uts cgroup", "overlay", true, true},
    {"container", "mnt pid ipc uts cgroup net", "overlay", true, true},
    {"container:net=nat", "mnt pid ipc uts cgroup net", "overlay", true, true},
    {"container:user=on,limits=on", "mnt pid ipc uts cgroup net user", "overlay", true, true},
};

static void climb(const struct rung *r)
{
    struct stage s;
    if (stage_begin(&s, r->arm, false)) {
        CU_ASSERT_STRING_EQUAL(fact(&s, "namespaces"), r->namespaces);
        CU_ASSERT_EQUAL(strncmp(fact(&s, "rootfs"), r->rootfs, strlen(r->rootfs)), 0);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status Seccomp"), r->seccomp ? "2" : "0");
        CU_ASSERT_EQUAL(strcmp(stage_ask(&s, "status CapEff"), NO_CAPABILITIES) == 0, r->isolated);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status NoNewPrivs"), r->isolated ? "1" : "0");
        CU_ASSERT_EQUAL(strcmp(stage_ask(&s, "status Pid"), "1") == 0, r->isolated);
        CU_ASSERT_EQUAL(!is_host_name(stage_ask(&s, "hostname")), r->isolated);
        CU_ASSERT_EQUAL(stage_processes(&s.env), 1);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write %s/x", s.env.wire.scratch), "ok");
        s.arm.runner->down(&s.env);
        CU_ASSERT_EQUAL(stage_processes(&s.env), 0);
        CU_ASSERT_EQUAL(stage_groups(&s.env), 0);
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, s.env.name));
    }
    stage_clear(&s);
}

static void each_rung_is_what_it_says(void)
{
    for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++)
        climb(&rungs[i]);
}

/* A further process is what the first one is. */
static void is_entered(const char *arm)
{
    struct stage s;
    if (stage_begin(&s, arm, false)) {
        char caps[64], user[64];
        pid_t pid = 0;
        snprintf(caps, sizeof caps, "%s", stage_ask(&s, "status CapEff"));
        snprintf(user, sizeof user, "%s", stage_ask(&s, "read /proc/self/uid_map"));
        struct cb_link first = s.link;
        int entered = s.arm.runner->enter(&s.env, &s.link, &pid, &s.err);
        CU_ASSERT_EQUAL(entered, 0);
        if (entered == 0) {
            cb_lines_init(&s.lines, s.link.from_agent);
            CU_ASSERT_STRING_EQUAL(stage_hear(&s), "hello");
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status CapEff"), caps);
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "read /proc/self/uid_map"), user);
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status Uid"), "0\t0\t0\t0");
        } else {
            printf("(%s: %s) ", arm, s.err.msg);
            s.link = (struct cb_link){-1, -1};
        }
        cb_link_close(&s.link);
        cb_kill_wait(pid);
        s.link = first;
    }
    stage_clear(&s);
}

static void may_be_entered(void)
{
    is_entered("container");
    is_entered("container:user=on");
    is_entered(C1);
}

static void the_hosts_own_files(void)
{
    struct stage s;
    if (stage_begin(&s, C1, true)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write %s/x", s.env.wire.scratch), "ok");
        CU_ASSERT_EQUAL(owner_of(&s, "scratch/x"), 0);
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, "rootfs")); /* no image is made */
        if (s.env.wire.device[0])
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
    }
    stage_clear(&s);
}

/* --- user -------------------------------------------------------------------------------------------- */

static void root_inside_is_nobody_outside(void)
{
    struct stage s;
    unsigned inside, outside, count;
    if (stage_begin(&s, "container:user=on", true)) {
        CU_ASSERT_EQUAL(
            sscanf(stage_ask(&s, "read /proc/self/uid_map"), "%u %u %u", &inside, &outside, &count), 3);
        CU_ASSERT(inside == 0 && outside == CB_IDMAP_FIRST && count == CB_IDMAP_COUNT);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status Uid"), "0\t0\t0\t0");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status Gid"), "0\t0\t0\t0");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status Groups"), "no such key"); /* none: an empty value */
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /scratch/x"), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /tmp/y"), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /z"), "ok");
        CU_ASSERT_EQUAL(owner_of(&s, "upper/scratch/x"), CB_IDMAP_FIRST);
        CU_ASSERT_EQUAL(owner_of(&s, "upper/z"), CB_IDMAP_FIRST);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "try unshare-user"), "EPERM");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "may-write /cbench-agent"), "EACCES"); /* the host's root's */
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
    }
    stage_clear(&s);
}

static void a_user_writes_wherever_scratch_is(void)
{
    static const char *const arms[] = {"container:user=on,fs=bind", "container:user=on,fs=volume",
                                       "container:user=on,fs=tmpfs", "container:user=on,net=host"};
    for (size_t i = 0; i < sizeof arms / sizeof *arms; i++) {
        struct stage s;
        if (stage_begin(&s, arms[i], false)) {
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /scratch/x"), "ok");
            CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status CapBnd"), NO_CAPABILITIES);
        }
        stage_clear(&s);
    }
}

/* --- limits ------------------------------------------------------------------------------------------ */

/* What the kernel keeps in a file of the instance's group. */
static const char *group_file(const struct stage *s, const char *controller, const char *file)
{
    static char line[64];
    char group[128], dir[256], path[320];
    struct cb_err err;
    line[0] = '\0';
    if (cb_armgroup_name(&s->env, group, sizeof group, &err) == 0 &&
        cb_cgroup_dir(group, controller, dir, sizeof dir) == 0) {
        snprintf(path, sizeof path, "%s/%s", dir, file);
        cb_read_line(path, line, sizeof line);
    }
    return line;
}

/* That such limits bite is the cgroup's own test. */
static void limits_are_set(void)
{
    struct stage s;
    char quota[32];
    if (stage_begin(&s, "container:limits=on", false)) {
        bool v2 = strcmp(cb_cgroup_version(), "v2") == 0;
        snprintf(quota, sizeof quota, v2 ? "%d 100000" : "%d", s.site.topo.nsut * 100000);
        CU_ASSERT_STRING_EQUAL(group_file(&s, "cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us"), quota);
        CU_ASSERT_STRING_EQUAL(group_file(&s, "pids", "pids.max"), "2048");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "eat %u", (unsigned)(STAGE_MEMORY >> 19)), "signal 9");
        CU_ASSERT_PTR_NOT_NULL(strstr(fact(&s, "limits"), "2048 processes"));
    }
    stage_clear(&s);
}

/* A group for the quota alone would change where the scheduler puts the arms that have none. */
static void no_quota_unless_asked_for(void)
{
    struct stage s;
    if (stage_begin(&s, "container", false)) {
        CU_ASSERT_STRING_EQUAL(group_file(&s, "pids", "pids.max"), "max");
        if (strcmp(cb_cgroup_version(), "v2") != 0)
            CU_ASSERT_STRING_EQUAL(group_file(&s, "cpu", "cpu.cfs_quota_us"), "");
        CU_ASSERT_STRING_EQUAL(fact(&s, "limits"), "");
    }
    stage_clear(&s);
}

/* --- scratch ----------------------------------------------------------------------------------------- */

static void overlay_keeps_what_is_written(void)
{
    struct stage s;
    if (stage_begin(&s, "container:fs=overlay", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write %s/x", s.env.wire.scratch), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /cbench-agent"), "ETXTBSY"); /* it runs */
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /tmp/y"), "ok");
        CU_ASSERT_TRUE(file_holds(&s, "upper/scratch/x", "written inside"));
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, "rootfs/scratch/x"));
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, "rootfs/tmp/y"));
    }
    stage_clear(&s);
}

/* What benchmarks do with it: a file of the lower layer is copied when it is first written to. */
static void comes_with_an_overlay(void)
{
    struct stage s;
    if (stage_begin(&s, "container:fs=overlay", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list %s", CB_OVERLAY_GIVEN), "l0 root upper work");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write %s/l0/1", CB_OVERLAY_GIVEN), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list %s/root", CB_OVERLAY_GIVEN), "1");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list %s/upper", CB_OVERLAY_GIVEN), "");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write %s/root/1", CB_OVERLAY_GIVEN), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list %s/upper", CB_OVERLAY_GIVEN), "1");
        CU_ASSERT_TRUE(file_holds(&s, "given/upper/1", "written inside"));
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, "rootfs" CB_OVERLAY_GIVEN "/l0"));
    }
    stage_clear(&s);
    if (stage_begin(&s, "container:fs=bind", false))
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list %s", CB_OVERLAY_GIVEN), "");
    stage_clear(&s);
}

static void bind_writes_to_a_plain_directory(void)
{
    struct stage s;
    if (stage_begin(&s, "container:fs=bind", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write %s/x", s.env.wire.scratch), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /tmp/y"), "EROFS");
        CU_ASSERT_TRUE(file_holds(&s, "scratch/x", "written inside"));
        CU_ASSERT_FALSE(stage_exists(s.site.work_dir, "rootfs/scratch/x"));
    }
    stage_clear(&s);
}

static void tmpfs_leaves_nothing_on_disk(void)
{
    struct stage s;
    if (stage_begin(&s, "container:fs=tmpfs", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /scratch/x"), "ok");
        CU_ASSERT_EQUAL(owner_of(&s, "upper/scratch/x"), -1);
        CU_ASSERT_EQUAL(owner_of(&s, "scratch/x"), -1);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /tmp/y"), "ok");
        CU_ASSERT_EQUAL(owner_of(&s, "upper/tmp/y"), 0); /* the root is an overlay still */
        CU_ASSERT_STRING_EQUAL(fact(&s, "scratch.fs"), "tmpfs");
        CU_ASSERT_STRING_EQUAL(s.env.scratch_device, ""); /* no disk's counters say anything of it */
    }
    stage_clear(&s);
}

static void volume_is_a_plain_directory(void)
{
    struct stage s;
    if (stage_begin(&s, "container:fs=volume", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /scratch/x"), "ok");
        CU_ASSERT_EQUAL(owner_of(&s, "scratch/x"), 0);
        CU_ASSERT_EQUAL(owner_of(&s, "upper/scratch/x"), -1);
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "write /tmp/y"), "ok");
        CU_ASSERT_EQUAL(owner_of(&s, "upper/tmp/y"), 0);
    }
    stage_clear(&s);
}

/* --- network ----------------------------------------------------------------------------------------- */

/* The peer has no route to where these addresses are: that it answers says that they were translated. */
static void reaches_the_peer_through_nat(void)
{
    struct stage s;
    if (stage_begin(&s, "container:net=nat", true)) {
        uint64_t rx = 0, tx = 0;
        char port[16];
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /sys/class/net"), "eth0 lo");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect 192.0.2.1"), "ENETUNREACH"); /* no way out */
        CU_ASSERT_PTR_NOT_NULL(strstr(fact(&s, "network"), "198.19.0.5, masqueraded"));
        cb_fabric_port(s.site.fabric, s.env.slot, port);
        CU_ASSERT_EQUAL(cb_fabric_counters(s.site.fabric, port, &rx, &tx, &s.err), 0);
        CU_ASSERT(rx > 0 && tx > 0);
        s.arm.runner->down(&s.env);
        CU_ASSERT_EQUAL(cb_fabric_counters(s.site.fabric, port, &rx, &tx, &s.err), -1);
        CU_ASSERT_EQUAL(s.err.sys, ENODEV);
    }
    stage_clear(&s);
}

static void nat_without_offloads_for_a_user(void)
{
    struct stage s;
    if (stage_begin(&s, "container:net=nat,offload=off,user=on", true))
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
    stage_clear(&s);
}

static void reaches_the_peer_by_a_macvlan(void)
{
    struct stage s;
    if (stage_begin(&s, "container:net=macvlan", true)) {
        uint64_t rx = 0, tx = 0;
        char port[16];
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /sys/class/net"), "eth0 lo");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
        cb_fabric_port(s.site.fabric, s.env.slot, port);
        CU_ASSERT_EQUAL(cb_fabric_counters(s.site.fabric, port, &rx, &tx, &s.err), 0);
        CU_ASSERT(rx > 0 && tx > 0); /* what the run holds claims against sees this path too */
        s.arm.runner->down(&s.env);
        CU_ASSERT_EQUAL(cb_fabric_counters(s.site.fabric, port, &rx, &tx, &s.err), -1);
    }
    stage_clear(&s);
}

static void reaches_the_peer_without_offloads(void)
{
    struct stage s;
    if (stage_begin(&s, "container:offload=off", true))
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
    stage_clear(&s);
}

/* Kernels differ in whether a macvlan lets go of the offloads of what it lies on: it works, or it is told
 * beforehand. */
static void macvlan_without_offloads(void)
{
    static const char text[] = "container:net=macvlan,offload=off";
    struct stage s;
    struct cb_arm arm;
    struct cb_site none = {0};
    CU_ASSERT_FATAL(cb_arm_parse(text, &arm, &s.err) == 0);
    if (geteuid() == 0 && arm.runner->probe(&arm, &none, &s.err) < 0) {
        CU_ASSERT_EQUAL(s.err.code, CB_EMISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "net=macvlan,offload=off"));
        return;
    }
    if (stage_begin(&s, text, true))
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s %s", s.env.wire.peer, s.env.wire.device), "ok");
    stage_clear(&s);
}

const struct cb_suite cb_suite = {"container arms",
                                  {{"each rung is what it says", each_rung_is_what_it_says},
                                   {"may be entered", may_be_entered},
                                   {"ns=none: the host's own files", the_hosts_own_files},
                                   {"root inside is nobody outside", root_inside_is_nobody_outside},
                                   {"a user writes wherever scratch is", a_user_writes_wherever_scratch_is},
                                   {"limits are set", limits_are_set},
                                   {"no quota unless asked for", no_quota_unless_asked_for},
                                   {"overlay keeps what is written", overlay_keeps_what_is_written},
                                   {"comes with an overlay", comes_with_an_overlay},
                                   {"bind writes to a plain directory", bind_writes_to_a_plain_directory},
                                   {"tmpfs leaves nothing on disk", tmpfs_leaves_nothing_on_disk},
                                   {"a volume is a plain directory", volume_is_a_plain_directory},
                                   {"reaches the peer through NAT", reaches_the_peer_through_nat},
                                   {"NAT without offloads for a user", nat_without_offloads_for_a_user},
                                   {"reaches the peer by a macvlan", reaches_the_peer_by_a_macvlan},
                                   {"reaches the peer without offloads", reaches_the_peer_without_offloads},
                                   {"macvlan without offloads", macvlan_without_offloads},
                                   CU_TEST_INFO_NULL}};
