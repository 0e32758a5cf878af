/* Real virtual machines with the real agent: what answers, what is left afterwards, also when cbench is
 * killed in the middle. Where machines cannot be had, each test says why and does nothing, unless CB_MUST_RUN
 * names them. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "bench/base/sha256.h"
#include "runners/instance.h"
#include "runners/site.h"
#include "runners/vmhost.h"
#include "tests/unit/unit.h"

#define SLOT 3
/* Enough to boot; the smallest machine that did had 96 MiB. */
#define MEMORY  (UINT64_C(256) << 20)
#define WAIT_NS (20 * CB_NS_PER_S)

struct stage {
    struct cb_site site;
    struct cb_arm arm;
    struct cb_instance instance;
    struct cb_err err;
};

static bool skip(const char *why)
{
    const char *must = getenv("CB_MUST_RUN");
    printf("(skipped: %s) ", why);
    if (must && strstr(must, "vm"))
        CU_FAIL("virtual machines must run here");
    return false;
}

/* A site without network in directories of its own. */
static bool begin(struct stage *s, const char *arm)
{
    static unsigned runs;
    struct cb_site *site = &s->site;
    char state[] = "/tmp/cbt-XXXXXX", work[] = "/var/tmp/cbench-test-XXXXXX";
    memset(s, 0, sizeof *s);
    site->memory = MEMORY;
    snprintf(site->fabric_reason, sizeof site->fabric_reason, "none asked for");
    CU_ASSERT_FATAL(cb_arm_parse(arm, &s->arm, &s->err) == 0);
    if (cb_cache_dir(site->cache_dir, sizeof site->cache_dir, &s->err) < 0 ||
        cb_topology_load(&site->topo, 1, &s->err) < 0 || s->arm.runner->probe(&s->arm, site, &s->err) < 0)
        return skip(s->err.msg);
    CU_ASSERT_FATAL(cb_agent_find(site->agent_path, sizeof site->agent_path, &s->err) == 0);
    CU_ASSERT_FATAL(cb_sha256_file(site->agent_path, site->agent_sha256, &s->err) == 0);
    CU_ASSERT_FATAL(mkdtemp(state) && mkdtemp(work));
    snprintf(site->run_id, sizeof site->run_id, "test%d.%u", (int)getpid(), runs++);
    snprintf(site->state_dir, sizeof site->state_dir, "%s", state);
    snprintf(site->work_dir, sizeof site->work_dir, "%s", work);
    return true;
}

static void finish(struct stage *s)
{
    if (!s->site.work_dir[0])
        return;
    cb_vmhost_close(s->site.vmhost);
    cb_cgroup_remove_run(s->site.run_id);
    CU_ASSERT_EQUAL(cb_remove_tree(s->site.state_dir, &s->err), 0);
    CU_ASSERT_EQUAL(cb_remove_tree(s->site.work_dir, &s->err), 0);
}

static bool start(struct stage *s)
{
    int failed = cb_instance_start(&s->instance, &s->arm, &s->site, SLOT, NULL, &s->err);
    if (failed)
        printf("(%s) ", s->err.msg);
    CU_ASSERT_EQUAL(failed, 0);
    return !failed;
}

static bool file_mentions(const char *path, const char *text)
{
    struct cb_err ignored;
    CB_AUTOBUF struct cb_buf all = {0};
    return cb_read_file(AT_FDCWD, path, 65536, &all, &ignored) == 0 && all.len > 0 &&
           memmem(all.data, all.len, text, strlen(text));
}

static bool link_mentions(const char *path, const char *text)
{
    char target[512];
    ssize_t n = readlink(path, target, sizeof target);
    return n > 0 && memmem(target, (size_t)n, text, strlen(text));
}

/* Processes of the run: qemu has the state directory in its command line, libvirt's and its parent's stderr
 * is a file there. */
static unsigned processes_of(const struct stage *s, bool qemu_only)
{
    unsigned n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
        char cmdline[300], log[300];
        snprintf(cmdline, sizeof cmdline, "/proc/%s/cmdline", e->d_name);
        snprintf(log, sizeof log, "/proc/%s/fd/2", e->d_name);
        if (isdigit((unsigned char)e->d_name[0]))
            n += file_mentions(cmdline, s->site.state_dir) ||
                 (!qemu_only && link_mentions(log, s->site.state_dir));
    }
    if (proc)
        closedir(proc);
    return n;
}

static bool gone_in_time(const struct stage *s)
{
    uint64_t deadline = cb_deadline_in(WAIT_NS);
    while (processes_of(s, false) > 0 && cb_deadline_remaining_ns(deadline))
        cb_sleep_ns(10 * CB_NS_PER_MS);
    return processes_of(s, false) == 0;
}

static const char *fact(const struct cb_fact *facts, unsigned n, const char *key)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(facts[i].key, key) == 0)
            return facts[i].value;
    return "";
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static void boots_twice_and_leaves_nothing(void)
{
    struct stage s;
    if (!begin(&s, "vm"))
        return;
    for (int boot = 0; boot < 2; boot++) {
        const struct cb_instance *in = &s.instance;
        if (start(&s)) {
            CU_ASSERT_TRUE(in->start_ns > 0);
            CU_ASSERT_STRING_NOT_EQUAL(in->env.accelerator, "none");
            CU_ASSERT_STRING_EQUAL(fact(in->facts, in->nfacts, "kernel"),
                                   fact(in->env.facts, in->env.nfacts, "kernel.release"));
            CU_ASSERT_STRING_EQUAL(fact(in->facts, in->nfacts, "scratch.fs"), "ext4");
            CU_ASSERT_STRING_NOT_EQUAL(fact(in->facts, in->nfacts, "clock.source"), "tsc-early");
            CU_ASSERT_EQUAL(processes_of(&s, true), 1);
        }
        cb_instance_stop(&s.instance);
        CU_ASSERT_EQUAL(processes_of(&s, true), 0);
        cb_instance_stop(&s.instance);
    }
    finish(&s);
    CU_ASSERT_EQUAL(processes_of(&s, false), 0);
}

static void tells_that_a_guest_powered_off(void)
{
    struct stage s;
    char name[128], why[128] = "";
    if (!begin(&s, "vm:accel=tcg"))
        return;
    if (start(&s)) {
        uint64_t deadline = cb_deadline_in(WAIT_NS);
        snprintf(name, sizeof name, "cbench-%s", s.instance.env.name);
        CU_ASSERT_EQUAL(cb_vmhost_stopped(s.site.vmhost, name, why, sizeof why), 0);
        cb_session_close(&s.instance.session);
        while (!cb_vmhost_stopped(s.site.vmhost, name, why, sizeof why) && cb_deadline_remaining_ns(deadline))
            cb_sleep_ns(10 * CB_NS_PER_MS);
        CU_ASSERT_STRING_EQUAL(why, "the guest powered off");
    }
    cb_instance_stop(&s.instance);
    finish(&s);
}

/* No program for init: the kernel panics, which must be seen at once and told with the kernel's words. */
static void tells_why_a_guest_failed(void)
{
    struct stage s;
    char path[256];
    if (!begin(&s, "vm:accel=tcg"))
        return;
    CU_ASSERT_EQUAL_FATAL(cb_path(path, sizeof path, &s.err, "%s/agent", s.site.work_dir), 0);
    FILE *f = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("not a program\n", f);
    fclose(f);
    snprintf(s.site.agent_path, sizeof s.site.agent_path, "%s", path);
    CU_ASSERT_EQUAL(cb_instance_start(&s.instance, &s.arm, &s.site, SLOT, NULL, &s.err), -1);
    CU_ASSERT_NOT_EQUAL(s.err.code, CB_ETIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "console: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "panic"));
    cb_instance_stop(&s.instance);
    finish(&s);
}

static void tells_what_libvirt_says(void)
{
    struct stage s;
    struct cb_err *err = &s.err;
    uint64_t deadline = cb_deadline_in(WAIT_NS);
    if (!begin(&s, "vm:accel=tcg"))
        return;
    CU_ASSERT_EQUAL_FATAL(cb_vmhost_open(&s.site, &s.site.vmhost, err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_vmhost_versions(s.site.vmhost), "libvirt "));
    CU_ASSERT_EQUAL(cb_vmhost_create(s.site.vmhost, "<domain/>", deadline, err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err->msg, "domain"));
    CU_ASSERT_EQUAL(cb_vmhost_create(s.site.vmhost, "not XML", deadline, err), -1);
    CU_ASSERT_EQUAL(cb_vmhost_destroy(s.site.vmhost, "nobody", deadline, err), 0);
    CU_ASSERT_TRUE(cb_vmhost_usable(s.site.vmhost));
    CU_ASSERT_FALSE(cb_vmhost_usable(NULL));
    finish(&s);
}

/* The only child of a test that has opened libvirt and nothing else. */
static pid_t only_child(void)
{
    char path[64], line[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    return cb_read_line(path, line, sizeof line) == 0 ? atoi(line) : 0;
}

/* libvirt's process ends: that is an error, and the next machine gets another one. */
static void survives_the_end_of_libvirt(void)
{
    struct stage s;
    if (!begin(&s, "vm:accel=tcg"))
        return;
    CU_ASSERT_EQUAL_FATAL(cb_vmhost_open(&s.site, &s.site.vmhost, &s.err), 0);
    pid_t reaper = only_child();
    CU_ASSERT_FATAL(reaper > 0);
    kill(reaper, SIGKILL);
    CU_ASSERT_EQUAL_FATAL(waitid(P_PID, (id_t)reaper, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    CU_ASSERT_EQUAL(cb_vmhost_create(s.site.vmhost, "<domain/>", cb_deadline_in(WAIT_NS), &s.err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "ended"));
    CU_ASSERT_FALSE(cb_vmhost_usable(s.site.vmhost));
    start(&s);
    cb_instance_stop(&s.instance);
    finish(&s);
    CU_ASSERT_TRUE(gone_in_time(&s));
}

/* Boots, tells over the pipe, and waits for its end. */
static void be_cbench(struct stage *s, int ready)
{
    struct cb_err err;
    int failed = cb_instance_start(&s->instance, &s->arm, &s->site, SLOT, NULL, &err);
    if (!failed && cb_write_all(ready, "r", 1, &err) == 0)
        pause();
    _exit(1);
}

static void killed_cbench_leaves_no_process(void)
{
    struct stage s;
    int ready[2];
    char byte;
    if (!begin(&s, "vm:accel=tcg"))
        return;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    fflush(stdout);
    pid_t cbench = fork();
    if (cbench == 0)
        be_cbench(&s, ready[1]);
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    CU_ASSERT_TRUE(processes_of(&s, true) > 0);
    cb_kill_wait(cbench);
    CU_ASSERT_TRUE(gone_in_time(&s));
    close(ready[0]);
    finish(&s);
}

const struct cb_suite cb_suite = {"vm, booted",
                                  {{"boots twice, leaves nothing", boots_twice_and_leaves_nothing},
                                   {"tells that a guest powered off", tells_that_a_guest_powered_off},
                                   {"tells why a guest failed", tells_why_a_guest_failed},
                                   {"tells what libvirt says", tells_what_libvirt_says},
                                   {"survives the end of libvirt's process", survives_the_end_of_libvirt},
                                   {"killed cbench leaves no process", killed_cbench_leaves_no_process},
                                   CU_TEST_INFO_NULL}};
