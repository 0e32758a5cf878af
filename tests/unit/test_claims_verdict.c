/* Each row of the verdict table, with a run made for it. */
#include "results/claims_verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/rank.h"
#include "tests/unit/claims_fixture.h"
#include "tests/unit/vectors.h"

#define LATENCY "[claim a]\nmetric = mem.chase.latency\n"
#define VM      LATENCY "compare = vm / host\n"
#define CTR     LATENCY "compare = container / host\n"

/* --- rows 1 to 3 */

static void errors(void)
{
    row_is(quiet(), VM "assert = ratio <= x", CB_ROW_ERROR, "", "expected a number, found 'x'");
    row_is(quiet(), LATENCY "compare = vm\nassert = value <= 5GB/s", CB_ROW_ERROR, "",
           "measured in ns, which does not go with GB/s");
}

static void what_cannot_be_tested_is_not_run(void)
{
    row_is(quiet(), VM "assert = ratio > 1\npending = \"not yet\"", CB_ROW_NOT_RUN, "", "not yet");
    row_is(quiet(), LATENCY "compare = vm:disk=sata / vm\nassert = ratio > 1", CB_ROW_NOT_RUN, "",
           "no arm vm:disk=sata");
    row_is(quiet(), "[claim a]\nmetric = mem.fault.time size=1M\ncompare = vm / host\nassert = ratio > 1",
           CB_ROW_NOT_RUN, "", "did not measure mem.fault.time size=1M");
    row_is(quiet(), "[claim a]\nmetric = mem.chase.latency size=1K\ncompare = vm / host\nassert = ratio > 1",
           CB_ROW_NOT_RUN, "", "did not measure mem.chase.latency size=1K");
    struct cb_dataset d = quiet();
    fixture_set(&d.arms[FIXTURE_VM].status, "skipped");
    fixture_set(&d.arms[FIXTURE_VM].reason, "no qemu here");
    row_is(d, VM "assert = ratio > 1", CB_ROW_NOT_RUN, "", "vm: no qemu here");
    d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++) {
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->outcome, "skipped");
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->reason, "no huge pages");
    }
    row_is(d, VM "assert = ratio > 1", CB_ROW_NOT_RUN, "", "mem.chase.latency in vm: no huge pages");
    d = quiet();
    fixture_set(&d.arms[FIXTURE_VM].name, "vm:accel=tcg");
    row_is(d, LATENCY "compare = vm:accel=tcg / vm\nassert = ratio > 1", CB_ROW_NOT_RUN, "",
           "only one arm for vm:accel=tcg and vm");
}

static struct cb_dataset with_accelerator(const char *name, const char *accelerator)
{
    struct cb_dataset d = quiet();
    fixture_set(&d.arms[FIXTURE_VM].name, name);
    fixture_set(&d.arms[FIXTURE_VM].accelerator, accelerator);
    return d;
}

static void needs(void)
{
#define NEEDS VM "assert = ratio > 1\nneeds = "
    row_is(with_accelerator("vm", "tcg"), NEEDS "kvm", CB_ROW_NOT_RUN, "", "vm ran under emulation (TCG)");
    row_is(with_accelerator("vm", "kvm-hardware"), NEEDS "kvm", CB_ROW_SUPPORTED, "", "");
    row_is(with_accelerator("vm", "kvm-nested"), NEEDS "kvm", CB_ROW_SUPPORTED, "", "");
    row_is(with_accelerator("vm:accel=tcg", "tcg"), NEEDS "kvm", CB_ROW_NOT_RUN, "", "needs KVM");
    row_is(with_accelerator("vm:accel=tcg", "tcg"),
           LATENCY "compare = vm:accel=tcg / host\nassert = ratio > 1\nneeds = kvm", CB_ROW_SUPPORTED, "",
           "");
    row_is(with_accelerator("vm", "kvm-hardware"), NEEDS "tcg", CB_ROW_NOT_RUN, "", "needs emulation");
    row_is(with_accelerator("vm", "tcg"), NEEDS "tcg", CB_ROW_SUPPORTED, "", "");
    row_is(with_accelerator("vm", "tcg"), CTR "assert = ratio > 1\nneeds = kvm", CB_ROW_SUPPORTED, "", "");
    row_is(quiet(), NEEDS "bare-metal", CB_ROW_NOT_RUN, "", "the host is a virtual machine (kvm)");
    row_is(quiet(), NEEDS "root", CB_ROW_NOT_RUN, "", "not root's");
    struct cb_dataset d = quiet();
    fixture_set(&d.run.host.at[2].value, "false");
    fixture_kv(&d.arms[FIXTURE_HOST].facts, "uid", "0");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "network", "veth cb0");
    row_is(d, NEEDS "bare-metal, root, network", CB_ROW_SUPPORTED, "", "");
    d = quiet();
    fixture_kv(&d.arms[FIXTURE_VM].facts, "network", "none: no tap");
    row_is(d, NEEDS "network", CB_ROW_NOT_RUN, "", "vm has none: no tap");
    /* An arm that never came up has no accelerator: its failure is the news. */
    d = with_accelerator("vm", "none");
    fixture_set(&d.arms[FIXTURE_VM].status, "failed");
    fixture_set(&d.arms[FIXTURE_VM].reason, "hangs");
    row_is(d, NEEDS "kvm", CB_ROW_ARM, "", "vm: hangs");
}

static void where(void)
{
    static const struct {
        const char *condition;
        bool holds;
    } rows[] = {
        {"cpu-model ~ Example", true},
        {"cpu ~ EPYC", false},
        {"kernel = 6.18.0", true},
        {"kernel = 6.18", false},
        {"kernel != 6.18", true},
        {"kernel != 6.18.0", false},
        {"memory >= 16G", true},
        {"memory > 16G", false},
        {"memory < 17179869185", true},
        {"memory <= 8G", false},
        {"cpu > 1", false},
        {"colour = red", false},
        {"memory >= 1G and cpu ~ x", true},
        {"cpu ~ x and memory < 1G", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char claim[256];
        struct cb_dataset d = quiet();
        fixture_kv(&d.run.host, "memory", "17179869184");
        snprintf(claim, sizeof claim, VM "assert = ratio > 1\nwhere = %s", rows[i].condition);
        row_is(d, claim, rows[i].holds ? CB_ROW_SUPPORTED : CB_ROW_NOT_RUN, "",
               rows[i].holds ? "" : "out of scope: ");
    }
}

static void failed_arms(void)
{
    struct cb_dataset d = quiet();
    fixture_set(&d.arms[FIXTURE_VM].status, "failed");
    fixture_set(&d.arms[FIXTURE_VM].reason, "boot: timed out");
    row_is(d, VM "assert = ratio > 1", CB_ROW_ARM, "", "vm: boot: timed out");
    d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++) {
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->outcome, "failed");
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->reason, "checksum");
    }
    row_is(d, VM "assert = ratio > 1", CB_ROW_ARM, "", "mem.chase.latency in vm: checksum");
    /* Row 2 comes first, in whatever order the metrics do. */
    for (int later = 0; later < 2; later++) {
        d = quiet();
        for (unsigned b = 0; b < BLOCKS; b++) {
            fixture_set(&fixture_result(&d, b, FIXTURE_VM, later)->outcome, "failed");
            fixture_set(&fixture_result(&d, b, FIXTURE_VM, !later)->outcome, "skipped");
        }
        row_is(d,
               "[claim a]\nmetric = mem.chase.latency, mem.stream.rate\ncompare = vm / host\n"
               "assert = ratio > 1",
               CB_ROW_NOT_RUN, "", "");
    }
    /* What a pattern stands for is what could be compared. */
    d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++)
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->outcome, "skipped");
    row_is(d, "[claim a]\nmetric = mem.*\ncompare = vm / host\nassert = ratio > 1", CB_ROW_SUPPORTED, "", "");
    d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++)
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->outcome, "skipped");
    row_is(d, "[claim a]\nmetric = mem.chase.*\ncompare = vm / host\nassert = ratio > 1", CB_ROW_NOT_RUN, "",
           "this run did not measure mem.chase.*");
    row_is(with_accelerator("vm:accel=kvm", "tcg"), VM "assert = ratio > 1", CB_ROW_ARM, "",
           "vm:accel=kvm ran under emulation (TCG)");
    d = quiet();
    fixture_kv(&d.arms[FIXTURE_HOST].facts, "cpus.allowed", "0-1");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "cpus.allowed", "0");
    row_is(d, VM "assert = ratio > 1", CB_ROW_ARM, "", "unequal pinning: vm and host");
}

/* --- row 4 */

static void void_blocks_make_a_run_unfit(void)
{
    for (unsigned voided = 2; voided < 4; voided++) {
        struct cb_dataset d = quiet();
        for (unsigned b = 0; b < voided; b++)
            fixture_set(&d.blocks[b].void_reason, "steal 2 %");
        /* Two of twelve are below a fifth, three above. */
        row_is(d, "[defaults]\nmin-units = 5\n" VM "assert = ratio > 1",
               voided == 2 ? CB_ROW_SUPPORTED : CB_ROW_UNFIT, voided == 2 ? "" : "unfit",
               voided == 2 ? "" : "3 of 12 blocks are void");
    }
}

static void differing_twins_make_a_run_unfit(void)
{
    struct cb_dataset d = quiet();
    for (size_t i = 0; i < d.nresults; i++) {
        struct cb_ds_result *r = &d.results[i];
        for (size_t s = 0; r->arm == FIXTURE_HOST2 && s < r->nsamples; s++) {
            r->samples[s].s.wall_ns = r->samples[s].s.wall_ns * 11 / 10;
            r->samples[s].s.cpu_ns = r->samples[s].s.cpu_ns * 11 / 10;
        }
    }
    struct judged j;
    judge(&j, d, VM "assert = ratio > 1");
    CU_ASSERT_EQUAL(j.v.aa.alarms, 3); /* of five: the quantiles come from the histogram */
    CU_ASSERT_EQUAL(j.v.aa.of, 5);
    CU_ASSERT(j.v.aa.unfit && j.v.aa.ci[0] > .05);
    CU_ASSERT_EQUAL(j.v.at[0].row, CB_ROW_UNFIT);
    CU_ASSERT_EQUAL(j.v.family, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(j.v.at[0].reason, "identical arms differ in 3 of 5 metrics"));
    judged_free(&j);
    judge(&j, quiet(), VM "assert = ratio > 1");
    CU_ASSERT(!j.v.aa.unfit);
    judged_free(&j);
}

static void kvm_in_an_emulator_says_nothing(void)
{
    struct cb_dataset d = with_accelerator("vm", "kvm-hardware");
    fixture_set(&d.run.host.at[3].value, "qemu-tcg");
    row_is(d, NEEDS "kvm", CB_ROW_UNFIT, "unfit", "the host itself is emulated");
    d = with_accelerator("vm", "kvm-hardware");
    fixture_set(&d.run.host.at[3].value, "qemu-tcg");
    row_is(d, VM "assert = ratio > 1", CB_ROW_SUPPORTED, "", "");
}

static struct cb_dataset without_twin(void)
{
    struct cb_dataset d = quiet();
    fixture_set(&d.arms[FIXTURE_HOST2].name, "host:x=1");
    return d;
}

static void a_twin_is_required_unless_it_is_optional(void)
{
    row_is(without_twin(), VM "assert = ratio > 1", CB_ROW_UNFIT, "unfit",
           "no A/A arm (host2) measured mem.chase");
    row_is(without_twin(), "[defaults]\naa = optional\n" VM "assert = ratio > 1", CB_ROW_SUPPORTED, "", "");
}

/* --- rows 5 to 7 */

static void few_units(void)
{
    row_is(fixture_make(9), VM "assert = ratio > 1", CB_ROW_FEW_UNITS, "too-few-units",
           "9 blocks, and the file asks for 10");
    struct cb_buf text = {0};
    cb_buf_puts(&text, "[defaults]\nmin-units = 5\n" VM "assert = ratio > 1\n");
    for (int i = 0; i < 5; i++)
        cb_buf_printf(
            &text, "[claim x%d]\nmetric = mem.chase.latency\ncompare = vm / host\nassert = ratio > 1\n", i);
    row_is(fixture_make(6), cb_buf_str(&text), CB_ROW_FEW_UNITS, "too-few-units",
           "6 blocks, and 6 claims tested together need 7");
    row_is(fixture_make(7), cb_buf_str(&text), CB_ROW_SUPPORTED, "", "");
    cb_buf_free(&text);
    row_is(fixture_make(0), VM "assert = ratio > 1", CB_ROW_NOT_RUN, "", "");
}

/* Samples that go on falling: 40, each 1 % below the last. */
static void drift(struct cb_ds_result *r, uint64_t iters)
{
    r->nsamples = 40;
    r->samples = reallocarray(r->samples, r->nsamples, sizeof *r->samples);
    for (uint32_t i = 0; i < r->nsamples; i++)
        r->samples[i] = (struct cb_ds_sample){
            .s = {.seq = i, .iters = iters, .work = iters, .wall_ns = (uint64_t)(150e3 * pow(.99, i))},
            .trusted = true};
}

static void no_steady_state(void)
{
    for (unsigned unsteady = 2; unsteady < 4; unsteady++) {
        struct cb_dataset d = quiet();
        for (unsigned b = 0; b < unsteady; b++)
            drift(fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE), d.cases[FIXTURE_CHASE].iters);
        row_is(d, VM "assert = ratio > 1", unsteady == 2 ? CB_ROW_SUPPORTED : CB_ROW_BAD_DATA,
               unsteady == 2 ? "" : "no-steady-state", unsteady == 2 ? "" : "in 3 of 12 blocks");
    }
}

static void too_few_samples_for_a_quantile(void)
{
    struct cb_dataset d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++)
        fixture_result(&d, b, FIXTURE_VM, FIXTURE_COMMIT)->hist->total = 900;
    row_is(d, "[claim a]\nmetric = fs.commit.p99\ncompare = vm / host\nassert = ratio > 1", CB_ROW_BAD_DATA,
           "too-few-samples", "fs.commit.p99 in vm: too-few-samples");
    d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++)
        fixture_result(&d, b, FIXTURE_VM, FIXTURE_COMMIT)->hist->total = 900;
    row_is(d, "[claim a]\nmetric = fs.commit.p50\ncompare = vm / host\nassert = ratio > 1", CB_ROW_SUPPORTED,
           "", "");
}

static void clocks_that_run_wrong(void)
{
    struct cb_dataset d = quiet();
    for (unsigned b = 0; b < BLOCKS; b++)
        fixture_set(&fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->outcome, "untrusted");
    row_is(d, VM "assert = ratio > 1", CB_ROW_BAD_DATA, "untrusted-clock",
           "its clock and the host's disagree");
}

static struct cb_dataset planted(double vm, double spread, double twin)
{
    struct cb_dataset d = quiet();
    plant_all(&d, FIXTURE_VM, vm, spread);
    plant_all(&d, FIXTURE_HOST2, 1, twin);
    return d;
}

static void margins_below_the_noise_floor(void)
{
    /* Twins that differ by up to 4 %. */
    row_is(planted(1, .001, .04), VM "assert = ratio within 1%", CB_ROW_BELOW_NOISE, "below-noise-floor",
           "the margin of 1 % is smaller than the noise floor of mem.chase.latency");
    row_is(planted(1, .001, .04), VM "assert = ratio <= 1.01", CB_ROW_BELOW_NOISE, "below-noise-floor",
           "1 %");
    row_is(planted(1, .001, .04), VM "assert = ratio >= 0.995", CB_ROW_BELOW_NOISE, "below-noise-floor", "");
    row_is(planted(1.5, .001, .04), VM "assert = ratio within 1%", CB_ROW_BELOW_NOISE, "below-noise-floor",
           "");
    row_is(planted(1, .001, .04), VM "assert = ratio within 5%", CB_ROW_SUPPORTED, "", "");
    row_is(planted(1, .001, .001), VM "assert = ratio within 1%", CB_ROW_SUPPORTED, "", "");
    row_is(planted(1, .001, .04), LATENCY "assert = order host <= vm margin 1%", CB_ROW_BELOW_NOISE,
           "below-noise-floor", "");
    /* Direction has no margin: the effect is held against the floor. */
    row_is(planted(1.01, .001, .04), VM "assert = ratio > 1", CB_ROW_BELOW_NOISE, "below-noise-floor",
           "the effect of 1");
    row_is(planted(1.05, .001, .04), VM "assert = ratio > 1", CB_ROW_SUPPORTED, "", "");
    row_is(planted(1.05, .001, .04), VM "assert = ratio < 1", CB_ROW_REFUTED, "", "");
    /* A value is compared with a number. */
    row_is(planted(1, .001, .04), LATENCY "compare = vm\nassert = value <= 105ns", CB_ROW_SUPPORTED, "", "");
}

/* --- rows 8 to 11 */

static void undecided_claims_say_what_they_need(void)
{
    struct judged j;
    judge(&j, planted(1.04, .02, .001), VM "assert = ratio <= 1.042");
    const struct cb_claim_verdict *one = &j.v.at[0];
    const struct cb_claim_part *p = &one->parts[0];
    CU_ASSERT_EQUAL(one->row, CB_ROW_STRADDLES);
    CU_ASSERT_STRING_EQUAL(one->kind, "straddles");
    double gap = fabs(cb_mean(p->d, p->n) - log(1.042));
    CU_ASSERT(near(one->needed, ceil(cb_blocks_needed(cb_sd(p->d, p->n), gap, .05))));
    CU_ASSERT(one->needed > 12 && one->needed < CB_BLOCKS_NEEDED_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(one->reason, "has the bound inside: needs ~"));
    CU_ASSERT_PTR_NOT_NULL(strstr(one->reason, " more, ~"));
    judged_free(&j);
    row_is(planted(1.04, .02, .001), VM "assert = ratio <= 1.04", CB_ROW_STRADDLES, "straddles",
           "needs more than 1000 blocks");
}

/* Some blocks a little above the bound, nine far below: the ranks of the nine outweigh them, their number
 * does not. */
static struct cb_dataset lopsided(unsigned blocks)
{
    struct cb_dataset d = fixture_make(blocks);
    plant_all(&d, FIXTURE_HOST2, 1, .001);
    for (unsigned b = 0; b < blocks; b++) {
        plant(&d, b, FIXTURE_HOST, 100);
        plant(&d, b, FIXTURE_VM, b < blocks - 9 ? 110.5 + .01 * b : 60 + b);
    }
    return d;
}

static void skewed_data_decide_nothing(void)
{
    row_is(lopsided(16), VM "assert = ratio <= 1.1", CB_ROW_SKEW, "skew",
           "the sign test over 16 blocks does not");
    row_is(lopsided(16), VM "assert = ratio >= 1.1", CB_ROW_SKEW, "skew", "");
    row_is(lopsided(14), VM "assert = ratio <= 1.1", CB_ROW_SUPPORTED, "", "");
}

static void supported_and_refuted(void)
{
    row_is(planted(1.02, .005, .001), VM "assert = ratio <= 1.05", CB_ROW_SUPPORTED, "",
           " 90 % interval 1.0");
    row_is(planted(1.08, .005, .001), VM "assert = ratio <= 1.05", CB_ROW_REFUTED, "", " 90 % interval 1.0");
    row_is(planted(1.08, .005, .001), VM "assert = ratio in [1.05, 1.1]", CB_ROW_SUPPORTED, "", "");
    row_is(planted(1.02, .005, .001), VM "assert = ratio in [1.05, 1.1]", CB_ROW_REFUTED, "", "");
    row_is(planted(1.5, .005, .001), LATENCY "compare = vm\nassert = value <= 0.2us", CB_ROW_SUPPORTED, "",
           "us");
    row_is(planted(1.5, .005, .001), LATENCY "compare = vm\nassert = value <= 120ns", CB_ROW_REFUTED, "",
           "ns");
    row_is(planted(1.5, .005, .001), LATENCY "compare = vm\nassert = value >= 120ns", CB_ROW_SUPPORTED, "",
           "");
    for (int wrong = 0; wrong < 2; wrong++) {
        struct cb_dataset d = planted(1.5, .005, .001);
        plant_all(&d, FIXTURE_CONTAINER, 1.2, .005);
        row_is(d,
               wrong ? LATENCY "assert = order host <= vm <= container"
                     : LATENCY "assert = order host <= container <= vm",
               wrong ? CB_ROW_REFUTED : CB_ROW_SUPPORTED, "", wrong ? "container / vm: 0.8" : "");
    }
}

const struct cb_suite cb_suite = {
    "claims verdict",
    {{"1 errors", errors},
     {"2 what cannot be tested is not run", what_cannot_be_tested_is_not_run},
     {"2 needs", needs},
     {"2 where", where},
     {"3 failed arms", failed_arms},
     {"4 void blocks make a run unfit", void_blocks_make_a_run_unfit},
     {"4 differing twins make a run unfit", differing_twins_make_a_run_unfit},
     {"4 KVM in an emulator says nothing", kvm_in_an_emulator_says_nothing},
     {"4 a twin is required unless it is optional", a_twin_is_required_unless_it_is_optional},
     {"5 few units", few_units},
     {"6 no steady state", no_steady_state},
     {"6 too few samples for a quantile", too_few_samples_for_a_quantile},
     {"6 clocks that run wrong", clocks_that_run_wrong},
     {"7 margins below the noise floor", margins_below_the_noise_floor},
     {"8 undecided claims say what they need", undecided_claims_say_what_they_need},
     {"9 skewed data decide nothing", skewed_data_decide_nothing},
     {"10, 11 supported and refuted", supported_and_refuted},
     CU_TEST_INFO_NULL}};
