/* Arms as text, CPU lists, the machine's topology. */
#include "tests/unit/unit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runners/runner.h"
#include "runners/topology.h"

/* --- arms -------------------------------------------------------------------------------------------- */

static void arms_that_parse(void)
{
    static const struct {
        const char *text, *runner, *param, *value;
    } rows[] = {
        {"host", "host", NULL, NULL},
        {"host2", "host", NULL, NULL},
        {"container", "container", "net", "veth"},
        {"container:net=host", "container", "net", "host"},
        {"container:net=host,fs=bind", "container", "fs", "bind"},
        {"container:fs=bind,net=none", "container", "net", "none"},
        {"container:net=macvlan,offload=off", "container", "offload", "off"},
        {"exec:runc", "exec", "runtime", "runc"},
        {"exec:runtime=runc", "exec", "runtime", "runc"},
        {"exec:cmd=a,b=c d", "exec", "cmd", "a,b=c d"},
        {"exec:cmd=a", "exec", "runtime", "cmd"},
        {"exec:scratch=/x,cmd=scratch=/y,", "exec", "cmd", "scratch=/y,"},
        {"exec:cmd=", "exec", "cmd", ""},
        {"container:ns=none,fs=host,net=host,seccomp=off", "container", "user", "off"},
        {"container:user=on,limits=on", "container", "ns", "all"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cb_arm arm;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL_FATAL(cb_arm_parse(rows[i].text, &arm, &err), 0);
        CU_ASSERT_STRING_EQUAL(arm.name, rows[i].text);
        CU_ASSERT_STRING_EQUAL(arm.runner->name, rows[i].runner);
        if (rows[i].param)
            CU_ASSERT_STRING_EQUAL(cb_arm_value(&arm, rows[i].param), rows[i].value);
    }
}

static void arms_that_do_not(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "1 to"},
        {"hosts", "no runner \"hosts\""},
        {"Host", "no runner"},
        {"host3", "no runner"},
        {"container2", "no runner"},
        {":net=host", "no runner \"\""},
        {"host:net=host", "no parameter \"net\""},
        {"host2:x=1", "no parameter \"x\""},
        {"container:", "not key=value"},
        {"container:net", "not key=value"},
        {"container:net=", "none of"},
        {"container:net=hos", "none of"},
        {"container:net=veth|host", "none of"},
        {"container:net=host,", "not key=value"},
        {"container:,net=host", "not key=value"},
        {"container:net=host,net=none", "twice"},
        {"container:ne=host", "no parameter \"ne\""},
        {"container:nets=host", "no parameter \"nets\""},
        {"container:ns=none", "ns=none goes with fs=host only, not with fs=overlay"},
        {"container:ns=none,fs=host", "ns=none goes with net=host only, not with net=veth"},
        {"container:ns=none,fs=host,net=host,user=on", "ns=none goes with user=off only"},
        {"container:fs=host", "fs=host goes with ns=none only, not with ns=all"},
        {"container:net=none,offload=off", "net=none goes with offload=on only"},
        {"container:net=host ", "none of"},
        {"exec:rum", "runtime=rum is none of"},
        {"exec:", "not key=value"},
        {"exec:scratch=/x,runc", "not key=value"},
        {"exec:runc,runtime=crun", "twice"},
        {"exec:runc,cmd=true", "of its own"},
        {"exec:cmd='", "open quote"},
        {"exec:cmd,x", "not key=value"},
        {"ho\nst", "printable"},
        {"host\x7f", "printable"},
        {"h\xc3\xb6st", "printable"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cb_arm arm;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_arm_parse(rows[i].text, &arm, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        if (!strstr(err.msg, rows[i].says))
            fprintf(stderr, "\"%s\": %s\n", rows[i].text, err.msg);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
    }
}

static void arm_length(void)
{
    struct cb_arm arm;
    struct cb_err err;
    char text[CB_ARM_NAME_MAX + 1];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    CU_ASSERT_EQUAL(cb_arm_parse(text, &arm, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "1 to 383"));
}

/* A runner of free text, as a later one may have it. */
static void arm_free_text(void)
{
    static const struct cb_arm_param params[] = {{"cmd", "", "true", NULL}, {NULL, NULL, NULL, NULL}};
    static const struct cb_runner fake = {.name = "fake", .params = params};
    const struct cb_arm arm = {.name = "fake", .runner = &fake, .value = {"a b"}};
    CU_ASSERT_STRING_EQUAL(cb_arm_value(&arm, "cmd"), "a b");
}

static void runner_table(void)
{
    CU_ASSERT_PTR_NULL(cb_runner_find("nothing"));
    for (const struct cb_runner *const *r = cb_runners; *r; r++) {
        CU_ASSERT_PTR_EQUAL(cb_runner_find((*r)->name), *r);
        CU_ASSERT_TRUE(strlen((*r)->summary) > 0);
        CU_ASSERT_PTR_NOT_NULL((*r)->probe);
        CU_ASSERT_PTR_NOT_NULL((*r)->up);
        CU_ASSERT_PTR_NOT_NULL((*r)->launch);
        CU_ASSERT_PTR_NOT_NULL((*r)->down);
        /* Defaults are valid choices: an arm without parameters parses to the same values as one that names
         * them. */
        for (const struct cb_arm_param *p = (*r)->params; p && p->name; p++) {
            char text[CB_ARM_NAME_MAX];
            struct cb_arm arm;
            struct cb_err err = {0};
            snprintf(text, sizeof text, "%s:%s=%s", (*r)->name, p->name, p->def);
            CU_ASSERT_EQUAL(cb_arm_parse(text, &arm, &err), 0);
        }
    }
}

static void env_facts_are_bounded(void)
{
    static struct cb_env env;
    char longest[2 * CB_WIRE_TEXT];
    memset(longest, 'v', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    for (int i = 0; i < CB_ENV_FACTS_MAX + 3; i++)
        cb_env_fact(&env, "key", "%d %s", i, longest);
    CU_ASSERT_EQUAL(env.nfacts, CB_ENV_FACTS_MAX);
    const char *last = env.facts[CB_ENV_FACTS_MAX - 1].value;
    CU_ASSERT_EQUAL(strlen(last), CB_WIRE_TEXT - 1);
    CU_ASSERT_EQUAL(atoi(last), CB_ENV_FACTS_MAX - 1);
}

static void link_close_once(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    struct cb_link both = {ends[0], ends[0]};
    cb_link_close(&both);
    CU_ASSERT_EQUAL(both.to_agent, -1);
    CU_ASSERT_EQUAL(dup2(ends[1], ends[0]), ends[0]); /* the number is taken by somebody else now */
    cb_link_close(&both);
    CU_ASSERT_EQUAL(write(ends[0], "", 0), 0);
    close(ends[0]);
    close(ends[1]);
}

/* --- topology ---------------------------------------------------------------------------------------- */

static void cpulists(void)
{
    static const struct {
        int cpus[6], n;
        const char *text;
    } rows[] = {
        {{0}, 0, ""},
        {{7}, 1, "7"},
        {{0, 1}, 2, "0-1"},
        {{1, 0}, 2, "1,0"},
        {{1, 2, 3, 6}, 4, "1-3,6"},
        {{1, 3, 5, 6, 7, 255}, 6, "1,3,5-7,255"},
    };
    char out[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CU_ASSERT_STRING_EQUAL(cb_cpulist_format(rows[i].cpus, rows[i].n, out, sizeof out), rows[i].text);
}

static void cpulist_is_cut(void)
{
    const int cpus[] = {100, 102, 104};
    char out[8];
    memset(out, 'x', sizeof out);
    cb_cpulist_format(cpus, 3, out, 6);
    CU_ASSERT_STRING_EQUAL(out, "100,1");
    CU_ASSERT_EQUAL(out[6], 'x');
}

static bool contains(const int *list, int n, int cpu)
{
    for (int i = 0; i < n; i++)
        if (list[i] == cpu)
            return true;
    return false;
}

static void check_split(const struct cb_topology *t, int want)
{
    cpu_set_t allowed;
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    CU_ASSERT_EQUAL(t->ncpus, CPU_COUNT(&allowed));
    CU_ASSERT_EQUAL(t->nsut, want < t->ncpus ? want : t->ncpus);
    CU_ASSERT_TRUE(t->nother >= 1);
    CU_ASSERT_EQUAL(t->shared, t->nsut == t->ncpus);
    for (int i = 0; i < t->nsut; i++) {
        CU_ASSERT_TRUE(CPU_ISSET(t->sut[i], &allowed));
        CU_ASSERT_FALSE(contains(t->sut, i, t->sut[i]));
        CU_ASSERT_EQUAL(contains(t->other, t->nother, t->sut[i]), t->shared);
    }
    if (!t->shared)
        CU_ASSERT_FALSE(contains(t->sut, t->nsut, 0));
}

static void topology_splits_cpus(void)
{
    for (int want = 1; want <= 3; want++) {
        struct cb_topology t;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL_FATAL(cb_topology_load(&t, want, &err), 0);
        check_split(&t, want);
    }
}

/* An affinity that the caller was started with binds, and survives the loading. */
static void topology_respects_affinity(void)
{
    cpu_set_t before, one, after;
    struct cb_topology t;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof before, &before), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    CU_ASSERT_EQUAL(cb_pin(0, &cpu, 1, &err), 0);
    CU_ASSERT_EQUAL(cb_topology_load(&t, 2, &err), 0);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_getaffinity(0, sizeof after, &after);
    CU_ASSERT_TRUE(CPU_EQUAL(&one, &after));
    sched_setaffinity(0, sizeof before, &before);
    CU_ASSERT_EQUAL(t.ncpus, 1);
    CU_ASSERT_EQUAL(t.nsut, 1);
    CU_ASSERT_EQUAL(t.sut[0], cpu);
    CU_ASSERT_EQUAL(t.other[0], cpu);
    CU_ASSERT_TRUE(t.shared);
}

static void topology_names_the_machine(void)
{
    struct cb_topology t;
    struct cb_err err = {0};
    unsigned long long kib = 0;
    CU_ASSERT_EQUAL_FATAL(cb_topology_load(&t, 1, &err), 0);
    FILE *f = fopen("/proc/meminfo", "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fscanf(f, "MemTotal: %llu kB", &kib), 1);
    fclose(f);
    CU_ASSERT_EQUAL(t.memory, kib * 1024);
    CU_ASSERT_TRUE(strlen(t.cpu_model) > 0);
    CU_ASSERT_PTR_NULL(strchr(t.cpu_model, '\n'));
    CU_ASSERT_EQUAL(t.virtualised, t.hypervisor[0] != '\0');
#if defined(__x86_64__)
    CU_ASSERT_TRUE(t.l1d >= 8192 && t.l1d <= 1048576);
    CU_ASSERT_TRUE(t.l2 >= t.l1d);
#endif
}

static void pin_to_nothing_fails(void)
{
    struct cb_err err = {0};
    const int none[] = {CB_CPUS_MAX - 1};
    CU_ASSERT_EQUAL(cb_pin(0, none, 0, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_ESYS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "pin to CPUs"));
}

const struct cb_suite cb_suite = {"arm",
                                  {{"arms that parse", arms_that_parse},
                                   {"arms that do not", arms_that_do_not},
                                   {"arm length", arm_length},
                                   {"free text value", arm_free_text},
                                   {"runner table", runner_table},
                                   {"env facts are bounded", env_facts_are_bounded},
                                   {"a link closes once", link_close_once},
                                   {"CPU lists", cpulists},
                                   {"CPU list is cut", cpulist_is_cut},
                                   {"topology splits CPUs", topology_splits_cpus},
                                   {"topology respects affinity", topology_respects_affinity},
                                   {"topology names the machine", topology_names_the_machine},
                                   {"pin to nothing fails", pin_to_nothing_fails},
                                   CU_TEST_INFO_NULL}};
