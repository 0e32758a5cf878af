/* Error rates of the statistics by simulation, with the product's own functions: what an interval of 95 %
 * covers, how often a verdict is wrong where it is hardest, what is left of false alarms after corrections,
 * and whether running on after a look does harm. Seeds are fixed: the same numbers come out every time. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "results/decide.h"
#include "results/multiple.h"
#include "results/rank.h"
#include "results/stopping.h"
#include "results/synthetic.h"

#define ALPHA     0.05
#define NOISE_SD  0.01 /* of an arm's block */
#define UNITS_MAX 400

/* Standard errors: .0015 of a coverage of .95. */
#define REPS          20000
#define REPS_FAMILY   4000
#define REPS_STOPPING 10000

static const struct noise {
    const char *name;
    double spikes; /* share of an arm's blocks, see results/synthetic.h */
} noises[] = {{"normal", 0}, {"spiky", 0.05}};
#define NOISES (sizeof noises / sizeof *noises)

static const size_t blocks[] = {6, 10, 20};
#define BLOCKS (sizeof blocks / sizeof *blocks)

/* Log cost ratios of blocks: what both arms of a block share is gone, what each adds is not. */
static void draw_with(struct cb_rng *rng, double sd, const struct noise *noise, double truth, double *d,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = truth + cb_draw_noise(rng, sd, noise->spikes) - cb_draw_noise(rng, sd, noise->spikes);
}

static void draw(struct cb_rng *rng, const struct noise *noise, double truth, double *d, size_t n)
{
    draw_with(rng, NOISE_SD, noise, truth, d, n);
}

static struct cb_rng seeded(const char *what, const struct noise *noise)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, cb_seed_from(1, what, noise->name));
    return rng;
}

static bool failed;

/* One line: the share of `count` in `reps`, and whether it lies where it should. */
static void put(const char *what, const struct noise *noise, size_t n, size_t count, size_t reps, double lo,
                double hi)
{
    double rate = (double)count / (double)reps, ci[2];
    bool ok = rate >= lo && rate <= hi;
    cb_wilson(count, reps, 0.95, ci);
    failed |= !ok;
    printf("%-44s  %-7s  %3zu blocks  %.4f [%.4f, %.4f]  ", what, noise->name, n, rate, ci[0], ci[1]);
    if (lo > 0)
        printf("%.3f to %.3f  %s\n", lo, hi, ok ? "ok" : "OUTSIDE");
    else if (hi < 1)
        printf("at most %.3f   %s\n", hi, ok ? "ok" : "OUTSIDE");
    else
        puts("for comparison");
}

/* ---- intervals
 * -------------------------------------------------------------------------------------------------- */

static bool covers(const double *d, size_t n, double conf, double truth)
{
    struct cb_interval i = cb_decision_interval(d, n, conf);
    return i.lo <= truth && truth <= i.hi;
}

/* The exact level of six blocks is 1 - 2/64. */
static void coverage(const struct noise *noise, size_t n)
{
    struct cb_rng rng = seeded("coverage", noise);
    double d[UNITS_MAX], truth = log(1.02);
    size_t covered = 0;
    for (size_t i = 0; i < REPS; i++) {
        draw(&rng, noise, truth, d, n);
        covered += covers(d, n, 1 - ALPHA, truth);
    }
    put("95 % interval holds the truth", noise, n, covered, REPS, .94, n < 8 ? .98 : .96);
}

/* ---- verdicts
 * --------------------------------------------------------------------------------------------------- */

/* A claim on its own, with the guard against skew, as `cbench verify` decides it. */
static enum cb_verdict decide(const double *d, size_t n, struct cb_region r)
{
    struct cb_evidence e = cb_evidence(d, n, r, 0);
    enum cb_verdict v = cb_verdict(e, cb_evidence_p(e), ALPHA);
    return cb_skewed(d, n, r, 0, v, ALPHA) ? CB_INCONCLUSIVE : v;
}

/* The truth lies on the bound itself: there every verdict is as likely to be wrong as it ever is, and each of
 * the two has its own level. */
static void boundary(const struct noise *noise, size_t n)
{
    static const struct {
        const char *supported, *refuted;
        struct cb_region region;
    } claims[] = {
        {"\"ratio <= 1.05\" at 1.05: supported", "\"ratio <= 1.05\" at 1.05: refuted", {0, 1.05}},
        {"\"within 5 %\" at 1.05: supported", "\"within 5 %\" at 1.05: refuted", {1 / 1.05, 1.05}},
    };
    for (size_t c = 0; c < sizeof claims / sizeof *claims; c++) {
        struct cb_rng rng = seeded("boundary", noise);
        size_t verdicts[3] = {0};
        double d[UNITS_MAX];
        for (size_t i = 0; i < REPS; i++) {
            draw(&rng, noise, log(1.05), d, n);
            verdicts[decide(d, n, claims[c].region)]++;
        }
        put(claims[c].supported, noise, n, verdicts[CB_SUPPORTED], REPS, 0, .055);
        put(claims[c].refuted, noise, n, verdicts[CB_REFUTED], REPS, 0, .055);
    }
}

/* ---- families
 * --------------------------------------------------------------------------------------------------- */

#define CLAIMS  20
#define METRICS 40

/* Claims of one file, "costs no more", of arms that are the host: is any of them refuted? */
static void family_of_claims(const struct noise *noise, size_t n)
{
    struct cb_rng rng = seeded("claims", noise);
    const struct cb_region no_more = {0, 1};
    size_t alone = 0, holm = 0;
    for (size_t i = 0; i < REPS_FAMILY; i++) {
        struct cb_evidence e[CLAIMS];
        double p[CLAIMS], adjusted[CLAIMS], d[UNITS_MAX];
        bool any_alone = false, any_holm = false;
        for (size_t c = 0; c < CLAIMS; c++) {
            draw(&rng, noise, 0, d, n);
            e[c] = cb_evidence(d, n, no_more, 0);
            p[c] = cb_evidence_p(e[c]);
        }
        cb_holm(p, CLAIMS, adjusted);
        for (size_t c = 0; c < CLAIMS; c++) {
            any_alone |= cb_verdict(e[c], p[c], ALPHA) == CB_REFUTED;
            any_holm |= cb_verdict(e[c], adjusted[c], ALPHA) == CB_REFUTED;
        }
        alone += any_alone;
        holm += any_holm;
    }
    put("20 true claims, any refuted: uncorrected", noise, n, alone, REPS_FAMILY, 0, 1);
    put("20 true claims, any refuted: Holm", noise, n, holm, REPS_FAMILY, 0, .055);
}

/* A scan over all metrics for what got worse, where nothing did. */
static void family_of_metrics(const struct noise *noise, size_t n)
{
    struct cb_rng rng = seeded("metrics", noise);
    size_t alone = 0, bh = 0;
    for (size_t i = 0; i < REPS_FAMILY; i++) {
        double p[METRICS], d[UNITS_MAX];
        bool any_alone = false, any_bh = false;
        for (size_t m = 0; m < METRICS; m++) {
            draw(&rng, noise, 0, d, n);
            p[m] = cb_decision_test(d, n, 0).greater;
            any_alone |= p[m] <= ALPHA;
        }
        cb_benjamini_hochberg(p, METRICS, p);
        for (size_t m = 0; m < METRICS; m++)
            any_bh |= p[m] <= ALPHA;
        alone += any_alone;
        bh += any_bh;
    }
    put("40 unchanged metrics, any alarm: uncorrected", noise, n, alone, REPS_FAMILY, 0, 1);
    put("40 unchanged metrics, any alarm: BH", noise, n, bh, REPS_FAMILY, 0, .055);
}

/* ---- stopping
 * --------------------------------------------------------------------------------------------------- */

/* More than elsewhere, so that most pilots are not enough. */
#define STOPPING_SD (1.5 * NOISE_SD)

/* A pilot, then as many blocks as its spread asks for: the interval is wider to pay for the look. */
static void width_stopping(const struct noise *noise)
{
    struct cb_rng rng = seeded("width", noise);
    size_t plain = 0, widened = 0, total = 0;
    for (size_t i = 0; i < REPS_STOPPING; i++) {
        double d[UNITS_MAX];
        draw_with(&rng, STOPPING_SD, noise, 0, d, UNITS_MAX);
        size_t wanted = cb_blocks_for_width(cb_sd(d, CB_PILOT_BLOCKS), CB_PILOT_BLOCKS, CB_TARGET_HALF_WIDTH);
        size_t n = cb_extension(wanted, CB_PILOT_BLOCKS, UNITS_MAX, INFINITY, 1).blocks;
        plain += covers(d, n, 1 - ALPHA, 0);
        widened += covers(d, n, cb_level_after_look(ALPHA, n > CB_PILOT_BLOCKS), 0);
        total += n;
    }
    size_t mean = (total + REPS_STOPPING / 2) / REPS_STOPPING;
    put("stopped by width, reported at 95 %", noise, mean, plain, REPS_STOPPING, 0, 1);
    put("stopped by width, 96 % after an extension", noise, mean, widened, REPS_STOPPING, .94, .965);
}

int main(void)
{
    for (size_t k = 0; k < NOISES; k++)
        for (size_t b = 0; b < BLOCKS; b++)
            coverage(&noises[k], blocks[b]);
    for (size_t k = 0; k < NOISES; k++)
        for (size_t b = 0; b < BLOCKS; b++)
            boundary(&noises[k], blocks[b]);
    for (size_t k = 0; k < NOISES; k++) {
        family_of_claims(&noises[k], 10);
        family_of_metrics(&noises[k], 10);
        width_stopping(&noises[k]);
    }
    return failed;
}
