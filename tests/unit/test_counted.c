/* Conservation: a claim that the host's counters bear out, one that they do not, and what is no lie although
 * the figures differ. */
#include "results/counted.h"

#include "results/effect.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

#define BEFORE UINT64_C(123456789)

/* Notes that the counter grew by `share` of what the case claims, and `extra`, in an arm's block. */
static void note(struct cb_dataset *d, unsigned block, unsigned arm, const char *counter, double share,
                 uint64_t extra)
{
    const struct cb_ds_result *r = cb_dataset_result(d, block, arm, FIXTURE_STREAM);
    char key[32], before[24], after[24];
    uint64_t work = 0;
    for (size_t i = 0; i < r->nsamples; i++)
        work += r->samples[i].s.work;
    snprintf(key, sizeof key, "counted.%d.%s.4096", FIXTURE_STREAM, counter);
    snprintf(before, sizeof before, "%llu", (unsigned long long)BEFORE);
    snprintf(after, sizeof after, "%llu",
             (unsigned long long)(BEFORE + (uint64_t)(share * 4096 * (double)work) + extra));
    fixture_note(d, block, (int)arm, false, key, before, after);
}

static bool invalid(const char *counter, double share, uint64_t extra)
{
    struct cb_dataset d = fixture_make(1);
    char reason[128];
    note(&d, 0, FIXTURE_VM, counter, share, extra);
    bool yes =
        cb_counted_otherwise(&d, cb_dataset_result(&d, 0, FIXTURE_VM, FIXTURE_STREAM), reason, sizeof reason);
    /* Nobody else is accused. */
    CU_ASSERT_FALSE(cb_counted_otherwise(&d, cb_dataset_result(&d, 0, FIXTURE_HOST, FIXTURE_STREAM), reason,
                                         sizeof reason));
    CU_ASSERT_FALSE(
        cb_counted_otherwise(&d, cb_dataset_result(&d, 0, FIXTURE_VM, FIXTURE_CHASE), reason, sizeof reason));
    cb_dataset_free(&d);
    return yes;
}

static void less_than_claimed_is_invalid(void)
{
    static const char *const all[] = {"disk_read", "disk_write", "flush", "link_out", "link_in"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CU_ASSERT_FALSE(invalid(all[i], 1, 0));
        CU_ASSERT_FALSE(invalid(all[i], .96, 0));
        CU_ASSERT(invalid(all[i], .94, 0));
        CU_ASSERT(invalid(all[i], 0, 0));
    }
}

static void more_than_claimed_has_its_room(void)
{
    CU_ASSERT_FALSE(invalid("disk_write", 1.04, CB_COUNTED_EXTRA));
    CU_ASSERT(invalid("disk_write", 1.06, CB_COUNTED_EXTRA));
    CU_ASSERT_FALSE(invalid("link_out", 1.09, CB_COUNTED_EXTRA));
    CU_ASSERT(invalid("link_out", 1.11, CB_COUNTED_EXTRA));
    CU_ASSERT_FALSE(invalid("flush", 3, 0));
}

static void what_is_no_counter_says_nothing(void)
{
    CU_ASSERT_FALSE(invalid("surprise", 0, 0));
    struct cb_dataset d = fixture_make(1);
    char reason[128];
    fixture_note(&d, 0, FIXTURE_VM, false, "counted.1.disk_read.1", "10",
                 "9"); /* went back: another device */
    fixture_note(&d, 0, FIXTURE_HOST, true, "counted.1.disk_read.1", "10",
                 "11"); /* who is inside may say anything */
    for (unsigned arm = 0; arm < FIXTURE_ARMS; arm++)
        CU_ASSERT_FALSE(
            cb_counted_otherwise(&d, cb_dataset_result(&d, 0, arm, FIXTURE_STREAM), reason, sizeof reason));
    cb_dataset_free(&d);
}

/* Of 8 blocks, `lies` hold other bytes than were claimed; the outcome of the arm's row and its reason. */
static void expect_row(unsigned lies, unsigned arm, const char *outcome, const char *says)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_rows rows;
    struct cb_err err;
    for (unsigned b = 0; b < 8; b++)
        note(&d, b, arm, "disk_read", b < lies ? .5 : 1, 0);
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    const struct cb_row *vm = cb_rows_find(&rows, FIXTURE_RATE, FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(vm->outcome, outcome);
    CU_ASSERT(strstr(vm->reason, says) != NULL);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void a_row_is_untrusted_when_most_blocks_lie(void)
{
    expect_row(0, FIXTURE_VM, "ok", "");
    expect_row(4, FIXTURE_VM, "ok", "");
    expect_row(5, FIXTURE_VM, "untrusted", "vm: invalid: ");
    expect_row(8, FIXTURE_VM, "untrusted", " bytes claimed, device counted ");
    /* A ratio is no better than what it is a ratio to. */
    expect_row(8, FIXTURE_HOST, "untrusted", "host: invalid: ");
    expect_row(8, FIXTURE_CONTAINER, "ok", "");
}

const struct cb_suite cb_suite = {
    "counted",
    {{"less than claimed is invalid", less_than_claimed_is_invalid},
     {"more than claimed has its room", more_than_claimed_has_its_room},
     {"what is no counter says nothing", what_is_no_counter_says_nothing},
     {"a row is untrusted when most blocks lie", a_row_is_untrusted_when_most_blocks_lie},
     CU_TEST_INFO_NULL}};
