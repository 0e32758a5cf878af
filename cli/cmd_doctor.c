/* cbench doctor: what can run here, what cannot and why, the command that fixes it, what makes this machine
 * noisy. */
#include <argp.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "cli/cli.h"
#include "runners/kvmprobe.h"
#include "runners/site.h"

enum state { PASSES, CANNOT_TELL, FAILS };

struct finding {
    enum state state;
    char text[400];
    char fix[200]; /* a command, or "" */
};

struct machine {
    struct cb_topology topo;
    struct cb_site site; /* enough of one for the runners' probes; nothing is created */
};

static void pass(struct finding *f, const char *fmt, ...) CB_PRINTF(2, 3);
static void pass(struct finding *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->state = PASSES;
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
}

static void fail(struct finding *f, enum state state, const char *fix, const char *fmt, ...) CB_PRINTF(4, 5);
static void fail(struct finding *f, enum state state, const char *fix, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->state = state;
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    snprintf(f->fix, sizeof f->fix, "%s", fix);
}

/* ---- what can run
 * ------------------------------------------------------------------------------------------------ */

static void check_root(const struct machine *m, struct finding *f)
{
    (void)m;
    if (geteuid() == 0)
        pass(f, "running as root");
    else
        fail(f, FAILS, "sudo cbench doctor", "not root: containers, the private network and cgroups need it");
}

static void check_agent(const struct machine *m, struct finding *f)
{
    if (m->site.agent_path[0])
        pass(f, "%s, sha256 %.16s...", m->site.agent_path, m->site.agent_sha256);
    else
        fail(f, FAILS, "scripts/cbench --version",
             "cbench-agent is not beside this program; CBENCH_AGENT can name it");
}

static void check_runner(const struct machine *m, const char *arm_name, struct finding *f)
{
    struct cb_arm arm;
    struct cb_err err = {0};
    if (cb_arm_parse(arm_name, &arm, &err) == 0 && arm.runner->probe(&arm, &m->site, &err) == 0)
        pass(f, "can run");
    else
        fail(f, FAILS, "sudo scripts/bootstrap", "%s", err.msg);
}

static void check_host(const struct machine *m, struct finding *f)
{
    check_runner(m, "host", f);
}

static void check_container(const struct machine *m, struct finding *f)
{
    check_runner(m, "container", f);
}

static void check_vm(const struct machine *m, struct finding *f)
{
    check_runner(m, "vm", f);
}

/* What arms ask for that compare emulated devices; most do not need it. */
static void check_guest_drivers(const struct machine *m, struct finding *f)
{
    struct cb_arm arm;
    struct cb_err err = {0};
    if (cb_arm_parse("vm:disk=sata,nic=e1000", &arm, &err) == 0 &&
        arm.runner->probe(&arm, &m->site, &err) == 0)
        pass(f, "a guest kernel drives SATA and e1000 too");
    else
        fail(f, CANNOT_TELL, "scripts/guest-kernel --generic", "disk=sata, nic=e1000, share=9p: %s", err.msg);
}

/* What an arm is told apart by, and whether there would be one: the class says what its numbers mean. */
static void check_kvm(const struct machine *m, struct finding *f)
{
    struct cb_kvm_measurement seen;
    struct cb_kvm_verdict v;
    (void)m;
    cb_kvm_measure(2 * CB_NS_PER_S, &seen);
    cb_kvm_classify(&seen, &v);
    if (v.usable)
        pass(f, "%s: %s", cb_kvm_class_name(v.kvm), v.reason);
    else
        fail(f, CANNOT_TELL, "", "VMs run under emulation (TCG): %s", v.reason);
}

static void check_cgroup(const struct machine *m, struct finding *f)
{
    char have[128], missing[128];
    struct cb_err err = {0};
    (void)m;
    if (cb_cgroup_init(&err) < 0) {
        fail(f, FAILS, "", "%s", err.msg);
        return;
    }
    cb_cgroup_controllers(have, sizeof have, missing, sizeof missing);
    /* As sd_booted(3) finds it out. */
    const char *beside = access("/run/systemd/system", F_OK) == 0 ? ", beside systemd's" : "";
    if (missing[0])
        fail(f, FAILS, "", "%s%s: %s; missing: %s", cb_cgroup_version(), beside, have, missing);
    else
        pass(f, "%s%s: %s", cb_cgroup_version(), beside, have);
}

static void check_gnuplot(const struct machine *m, struct finding *f)
{
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_err err = {0};
    const char *const argv[] = {"gnuplot", "--version", NULL};
    (void)m;
    if (cb_capture(argv, 5 * CB_NS_PER_S, 256, &out, &err) == 0)
        pass(f, "%.*s", (int)strcspn(cb_buf_str(&out), "\n"), cb_buf_str(&out));
    else
        fail(f, FAILS, "apt-get install gnuplot-nox", "reports have no pictures: %s", err.msg);
}

/* ---- what makes numbers noisy or narrow in meaning
 * ---------------------------------------------------------------- */

static void check_cpus(const struct machine *m, struct finding *f)
{
    char sut[128], other[128];
    const struct cb_topology *t = &m->topo;
    cb_cpulist_format(t->sut, t->nsut, sut, sizeof sut);
    cb_cpulist_format(t->other, t->nother, other, sizeof other);
    if (t->shared)
        fail(f, FAILS, "", "one CPU only: arms, peer and harness share it, network figures suffer");
    else
        pass(f, "arms get CPU %s; harness and peer CPU %s", sut, other);
}

static void check_virtualised(const struct machine *m, struct finding *f)
{
    if (m->topo.virtualised)
        fail(f, CANNOT_TELL, "", "this host is itself a virtual machine (%s): it is not bare metal",
             m->topo.hypervisor);
    else
        pass(f, "no hypervisor flag: bare metal");
}

static void check_governor(const struct machine *m, struct finding *f)
{
    char line[64], path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", m->topo.sut[0]);
    if (cb_read_line(path, line, sizeof line) < 0)
        fail(f, CANNOT_TELL, "", "no cpufreq here: the frequency cannot be seen from this side");
    else if (strcmp(line, "performance") == 0)
        pass(f, "performance");
    else
        fail(f, FAILS, "cpupower frequency-set -g performance", "governor %s: the frequency moves with load",
             line);
}

static void check_load(const struct machine *m, struct finding *f)
{
    char line[128];
    double load = 0;
    if (cb_read_line("/proc/loadavg", line, sizeof line) < 0 || sscanf(line, "%lf", &load) != 1)
        fail(f, CANNOT_TELL, "", "no /proc/loadavg");
    else if (load > 0.3 * m->topo.ncpus)
        fail(f, FAILS, "", "load %.2f on %d CPUs: something else is running", load, m->topo.ncpus);
    else
        pass(f, "load %.2f on %d CPUs", load, m->topo.ncpus);
}

/* Steal of the machine's whole life, of the whole machine: a first impression only. */
static void check_steal(const struct machine *m, struct finding *f)
{
    char line[512];
    unsigned long long user, nice, sys, idle, iowait, irq, softirq, steal;
    (void)m;
    if (cb_read_line("/proc/stat", line, sizeof line) < 0 ||
        sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle, &iowait, &irq,
               &softirq, &steal) != 8) {
        fail(f, CANNOT_TELL, "", "no steal field in /proc/stat");
        return;
    }
    double busy = (double)(user + nice + sys + irq + softirq + steal);
    double share = busy > 0 ? 100.0 * (double)steal / busy : 0;
    if (share > 1)
        fail(f, FAILS, "", "%.1f %% of busy time was stolen by the hypervisor since boot", share);
    else
        pass(f, "%.2f %% of busy time stolen since boot", share);
}

static void check_psi(const struct machine *m, struct finding *f)
{
    char line[128];
    (void)m;
    if (cb_read_line("/proc/pressure/cpu", line, sizeof line) < 0)
        fail(f, CANNOT_TELL, "", "no pressure files (PSI is off: kernel option psi=1)");
    else
        pass(f, "%s", line);
}

/* ---- the table
 * --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*check)(const struct machine *m, struct finding *f);
} checks[] = {
    {"root", check_root},
    {"agent", check_agent},
    {"arm host", check_host},
    {"arm container", check_container},
    {"arm vm", check_vm},
    {"guest drivers", check_guest_drivers},
    {"hardware kvm", check_kvm},
    {"cgroups", check_cgroup},
    {"gnuplot", check_gnuplot},
    {"cpus", check_cpus},
    {"bare metal", check_virtualised},
    {"cpu governor", check_governor},
    {"load", check_load},
    {"steal", check_steal},
    {"pressure", check_psi},
};

static const char *const state_names[] = {"ok", "?", "FAILS"};

static void print_plain(const char *name, const struct finding *f)
{
    printf("%-6s %-14s %s\n", state_names[f->state], name, f->text);
    if (f->fix[0])
        printf("%-6s %-14s   fix: %s\n", "", "", f->fix);
}

static void add_json(json_t *all, const char *name, const struct finding *f)
{
    static const char *const words[] = {"passes", "cannot-tell", "fails"};
    json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s}", "check", name, "state", words[f->state],
                                         "text", f->text, "fix", f->fix));
}

/* Enough of a site for probes; failures show in the checks themselves. */
static void look_around(struct machine *m)
{
    struct cb_err ignored;
    struct cb_site *s = &m->site;
    s->topo = m->topo;
    s->memory = UINT64_C(1) << 30;
    if (cb_agent_find(s->agent_path, sizeof s->agent_path, &ignored) < 0 ||
        cb_sha256_file(s->agent_path, s->agent_sha256, &ignored) < 0)
        s->agent_path[0] = '\0';
    (void)cb_cache_dir(s->cache_dir, sizeof s->cache_dir, &ignored);
}

static int examine(bool as_json, struct cb_err *err)
{
    struct machine m = {0};
    json_t *all = as_json ? json_array() : NULL;
    if (cb_topology_load(&m.topo, 1, err) < 0)
        return -1;
    look_around(&m);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct finding f = {0};
        checks[i].check(&m, &f);
        if (as_json)
            add_json(all, checks[i].name, &f);
        else
            print_plain(checks[i].name, &f);
    }
    if (as_json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(all);
    }
    return 0;
}

enum { KEY_JSON = 256 };

static const struct argp_option option_table[] = {
    {"json", KEY_JSON, NULL, 0, "A JSON array", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key != KEY_JSON)
        return ARGP_ERR_UNKNOWN;
    *(bool *)state->input = true;
    return 0;
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .doc = "Says what can run here, what cannot and why, and what makes this machine noisy. Changes nothing.",
};

static int cmd_doctor(int argc, char **argv)
{
    bool as_json = false;
    struct cb_err err = {0};
    if (argp_parse(&argp, argc, argv, 0, NULL, &as_json) != 0)
        return CB_EXIT_USAGE;
    return examine(as_json, &err) < 0 ? cb_report_error(&err) : CB_EXIT_OK;
}

const struct cb_command cb_cmd_doctor = {"doctor", "what can run here, what cannot and why", cmd_doctor};
