#include "results/effect.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static struct cb_notes notes_of(const struct cb_dataset *d)
{
    struct cb_notes n;
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(d, &rows, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_confounds(d, &rows, &n, &err), 0);
    cb_rows_free(&rows);
    return n;
}

/* Position of the first note with this text; -1 when there is none. */
static int find(const struct cb_notes *n, const char *text)
{
    for (size_t i = 0; i < n->n; i++)
        if (strstr(n->at[i], text))
            return (int)i;
    return -1;
}

/* The fixture without its differences. */
static struct cb_dataset alike_of(unsigned blocks)
{
    struct cb_dataset d = fixture_make(blocks);
    fixture_set(&d.run.host.at[2].value, "false");
    fixture_set(&d.arms[FIXTURE_VM].accelerator, "kvm-hardware");
    fixture_set(&d.arms[FIXTURE_VM].facts.at[0].value, "6.18.0");
    fixture_set(&d.arms[FIXTURE_VM].facts.at[1].value, "tsc");
    return d;
}

static struct cb_dataset alike(void)
{
    return alike_of(0);
}

static void nothing_to_say(void)
{
    struct cb_dataset d = alike();
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 0);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

/* The guest that boots the host's kernel: the same version is no difference, another one is. */
static void kernels_differ_by_version(void)
{
    struct cb_dataset d = alike();
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "kernel"), -1);
    cb_notes_free(&n);
    fixture_set(&d.arms[FIXTURE_VM].facts.at[0].value, "6.18.1");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "vm: kernel 6.18.1, host has 6.18.0"), 0);
    CU_ASSERT_EQUAL(n.n, 1);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void machines_are_explained(void)
{
    struct cb_dataset d = alike();
    fixture_kv(&d.arms[FIXTURE_VM].facts, "preset", "tuned: as guides advise");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "disk", "virtio, raw, cache=unsafe (drops flushes), io=threads");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "vm drops flushes (cache=unsafe)"), 0);
    CU_ASSERT_EQUAL(find(&n, "vm stands for tuned: as guides advise"), 1);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

/* The fixture's chase costs 1.02 in the container and 1.5 in the virtual machine: as if it were ctl.spin. */
static void unequal_speed_is_said(void)
{
    struct cb_dataset d = alike_of(10);
    fixture_set(&d.metrics[FIXTURE_LATENCY].name, "ctl.spin.time");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT(find(&n, "the CPU of vm takes 1.5") >= 0);
    CU_ASSERT_EQUAL(find(&n, "the CPU of host2"), -1);
    cb_notes_free(&n);
    fixture_set(&d.arms[FIXTURE_VM].accelerator, "tcg");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "the CPU of vm"), -1);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void worst_comes_first(void)
{
    struct cb_dataset d = fixture_make(0);
    fixture_kv(&d.arms[FIXTURE_VM].facts, "accelerator.reason", "no /dev/kvm");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 4);
    CU_ASSERT_EQUAL(find(&n, "the host is itself a virtual machine (kvm): not bare metal"), 0);
    CU_ASSERT_EQUAL(
        find(&n, "vm runs under emulation (TCG), not hardware virtualisation: its numbers say nothing about "
                 "KVM (no /dev/kvm)"),
        1);
    CU_ASSERT_EQUAL(find(&n, "vm: kernel 6.1.0, host has 6.18.0"), 2);
    CU_ASSERT_EQUAL(find(&n, "vm: clock source kvm-clock, host has tsc"), 3);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

/* One difference of facts at a time, and the note it must give ("" for none). */
static void each_difference_has_its_note(void)
{
    static const struct {
        const char *key, *vm, *host, *note;
    } rows[] = {
        {"cpus.allowed", "0-1", "1", "vm may use 2 CPUs, host 1: unequal pinning"},
        {"cpus.allowed", "0", "3", ""}, /* a guest numbers its own */
        {"cpus.allowed", "0,2-4", "1-4", ""},
        {"cpus.allowed", "junk", "1", "unequal pinning"},
        {"cpus.threads", "1", "1", ""},
        {"cpus.threads", "2 | 3 | 2-3", "2-3", ""},
        {"cpus.threads", "12", "1-2", "threads of vm ran on CPUs 12"},
        {"cpus.threads", "0-99999999999999999999999", "0-9", "unequal pinning"},
        {"cpus.threads", "1 | 0-1", "1",
         "threads of vm ran on CPUs 1 | 0-1, those of host on 1: unequal pinning"},
        {"thp", "never", "madvise", "vm: transparent huge pages never, host has madvise"},
        {"thp", "unknown", "madvise", ""},
        {"page.size", "65536", "4096", "vm: page size 65536"},
        {"aslr", "0", "2", "vm: address randomisation 0"},
        {"scratch.device", "/dev/vdb", "/dev/sda1", "vm keeps its files on /dev/vdb, host on /dev/sda1"},
        {"mitigations", "meltdown: PTI; mds: Clear", "mds: Clear; retbleed: IBPB",
         "vm has other CPU mitigations (meltdown: PTI) than host (retbleed: IBPB)"},
        {"mitigations", "mds: Clear", "mds: Clear; mmio: Clear", "(nothing more) than host (mmio: Clear)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_dataset d = alike();
        fixture_kv(&d.arms[FIXTURE_VM].facts, rows[i].key, rows[i].vm);
        fixture_kv(&d.arms[FIXTURE_HOST].facts, rows[i].key, rows[i].host);
        struct cb_notes n = notes_of(&d);
        CU_ASSERT_EQUAL(n.n, *rows[i].note ? 1 : 0);
        CU_ASSERT_EQUAL(find(&n, rows[i].note), n.n ? 0 : -1);
        if (n.n && find(&n, rows[i].note) < 0)
            fprintf(stderr, "%s\n", n.at[0]);
        cb_notes_free(&n);
        cb_dataset_free(&d);
    }
}

static void each_accelerator_has_its_note(void)
{
    static const char *const rows[][2] = {
        {"tcg", "vm runs under emulation (TCG)"},
        {"kvm-nested", "vm runs under nested KVM"},
        {"kvm-paravirtual", "vm runs under a paravirtual KVM"},
        {"kvm-hardware", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_dataset d = alike();
        fixture_set(&d.arms[FIXTURE_VM].accelerator, rows[i][0]);
        struct cb_notes n = notes_of(&d);
        CU_ASSERT_EQUAL(n.n, rows[i][1] ? 1 : 0);
        CU_ASSERT_EQUAL(n.n ? find(&n, rows[i][1]) : 0, 0);
        cb_notes_free(&n);
        cb_dataset_free(&d);
    }
}

/* Worse than a virtual machine, and worse than what its own virtual machines run under. */
static void an_emulated_host_comes_first(void)
{
    struct cb_dataset d = alike();
    fixture_set(&d.run.host.at[2].value, "true");
    fixture_set(&d.run.host.at[3].value, "qemu-tcg");
    fixture_set(&d.arms[FIXTURE_VM].accelerator, "kvm-nested");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 2);
    CU_ASSERT_EQUAL(find(&n, "the host is itself emulated (qemu-tcg)"), 0);
    CU_ASSERT_EQUAL(find(&n, "vm runs under nested KVM"), 1);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

/* More than a note: its rows are not to be used. */
static void unequal_pinning_is_an_error(void)
{
    struct cb_dataset d = fixture_make(6);
    struct cb_rows rows;
    struct cb_err err = {0};
    for (unsigned a = 0; a < FIXTURE_ARMS; a++)
        fixture_kv(&d.arms[a].facts, "cpus.allowed", a == FIXTURE_CONTAINER ? "2-3" : "1");
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    for (unsigned m = 0; m < FIXTURE_METRICS; m++)
        for (unsigned a = 0; a < FIXTURE_ARMS; a++) {
            const struct cb_row *r = cb_rows_find(&rows, m, a);
            CU_ASSERT_STRING_EQUAL(r->outcome, a == FIXTURE_CONTAINER ? "untrusted" : "ok");
            CU_ASSERT_STRING_EQUAL(r->reason, a == FIXTURE_CONTAINER
                                                  ? "unequal pinning: container has other CPUs than host"
                                                  : "");
        }
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void void_blocks_come_first(void)
{
    struct cb_dataset d = fixture_make(10);
    fixture_set(&d.blocks[3].void_reason, "steal 3 % (limit 1 %)");
    fixture_set(&d.blocks[7].void_reason, "heat");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "2 of 10 blocks are void and left out: steal 3 % (limit 1 %)"), 0);
    cb_notes_free(&n);
    fixture_set(&d.blocks[8].void_reason, "heat");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "3 of 10 blocks are void and left out, so many that"), 0);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void a_kernel_without_psi_is_named(void)
{
    struct cb_dataset d = alike();
    fixture_note(&d, 0, -1, false, "time.source", "tsc", "tsc");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "blocks that other tasks disturbed count like all others"), 0);
    cb_notes_free(&n);
    fixture_note(&d, 0, -1, false, "pressure.cpu_some_us", "0", "5");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 0);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void a_budget_that_ended_the_run_is_said(void)
{
    struct cb_dataset d = alike();
    snprintf(d.run.stopped, sizeof d.run.stopped, "budget");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 0); /* no width was aimed at */
    cb_notes_free(&n);
    d.run.target = .01;
    n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "stopped: budget. The time was over before every interval was within 1 %"), 0);
    cb_notes_free(&n);
    snprintf(d.run.stopped, sizeof d.run.stopped, "target");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 0);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void memory_counts_what_may_be_used(void)
{
    static const struct {
        const char *total, *limit; /* of the host, whose guest has 1000 MiB and no limit */
        int note;
    } rows[] = {{"25769803776", "1073741824", -1}, {"25769803776", "none", 0}, {"1073741824", "unknown", -1}};
    for (size_t i = 0; i < 3; i++) {
        struct cb_dataset d = alike();
        fixture_kv(&d.arms[FIXTURE_VM].facts, "memory.total", "1048576000");
        fixture_kv(&d.arms[FIXTURE_VM].facts, "memory.limit", "none");
        fixture_kv(&d.arms[FIXTURE_HOST].facts, "memory.total", rows[i].total);
        fixture_kv(&d.arms[FIXTURE_HOST].facts, "memory.limit", rows[i].limit);
        struct cb_notes n = notes_of(&d);
        CU_ASSERT_EQUAL(find(&n, "vm has 1000 MiB of memory, host 24576"), rows[i].note);
        cb_notes_free(&n);
        cb_dataset_free(&d);
    }
}

static void what_concerns_the_run_is_said_once(void)
{
    struct cb_dataset d = alike();
    fixture_kv(&d.run.host, "cpus.shared", "true");
    fixture_kv(&d.arms[FIXTURE_CONTAINER].facts, "cgroup.missing", "cpuset");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 2);
    CU_ASSERT_EQUAL(find(&n, "share CPUs"), 0);
    CU_ASSERT_EQUAL(find(&n, "container: control groups lack cpuset"), 1);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void missing_links_matter_to_network_cases(void)
{
    struct cb_dataset d = alike();
    fixture_kv(&d.arms[FIXTURE_CONTAINER].facts, "network", "none: no veth");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 0); /* nothing of the network was measured */
    cb_notes_free(&n);
    fixture_set(&d.cases[0].bench, "net.rr");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(find(&n, "container has no network link (no veth)"), 0);
    cb_notes_free(&n);
    fixture_kv(&d.arms[FIXTURE_HOST].facts, "network", "none: ");
    n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 1);
    CU_ASSERT_EQUAL(find(&n, "the run has no network link (not said why)"), 0);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

static void skipped_arms_confound_nothing(void)
{
    struct cb_dataset d = alike();
    fixture_set(&d.arms[FIXTURE_VM].accelerator, "tcg");
    fixture_set(&d.arms[FIXTURE_VM].status, "skipped");
    struct cb_notes n = notes_of(&d);
    CU_ASSERT_EQUAL(n.n, 0);
    cb_notes_free(&n);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {
    "confounds",
    {{"arms alike: nothing to say", nothing_to_say},
     {"unequal speed is said", unequal_speed_is_said},
     {"kernels differ by their version", kernels_differ_by_version},
     {"machines are explained", machines_are_explained},
     {"the worst comes first", worst_comes_first},
     {"each difference has its note", each_difference_has_its_note},
     {"each accelerator has its note", each_accelerator_has_its_note},
     {"an emulated host comes first", an_emulated_host_comes_first},
     {"unequal pinning is an error", unequal_pinning_is_an_error},
     {"void blocks come first", void_blocks_come_first},
     {"a kernel without PSI is named", a_kernel_without_psi_is_named},
     {"a budget that ended the run is said", a_budget_that_ended_the_run_is_said},
     {"memory counts what may be used", memory_counts_what_may_be_used},
     {"what concerns the run is said once", what_concerns_the_run_is_said_once},
     {"missing links matter to network cases", missing_links_matter_to_network_cases},
     {"skipped arms confound nothing", skipped_arms_confound_nothing},
     CU_TEST_INFO_NULL}};
