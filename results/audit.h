/* What a report says, held against what follows from the raw observations. Nothing is believed because it is
 * written down: whoever audits recomputes it, and these functions name every difference. */
#ifndef CB_RESULTS_AUDIT_H
#define CB_RESULTS_AUDIT_H

#include "bench/base/err.h"
#include "results/dataset.h"

struct cb_audit {
    /* Called for each difference; `what` names it: "metrics[mem.chase.latency{size=65536} in vm].ratio". */
    void (*differs)(void *arg, const char *where, const char *what, const char *stored,
                    const char *recomputed);
    void *arg;
    size_t checked, differences;
};
/* Counts one comparison, and tells of it when the two texts are not the same. */
void cb_audit_text(struct cb_audit *a, const char *where, const char *what, const char *stored,
                   const char *recomputed);
void cb_audit_number(struct cb_audit *a, const char *where, const char *what, uint64_t stored,
                     uint64_t recomputed);

/* Two texts of run.json. Doubles must be the same bit for bit. Verdicts are left out: they follow from claims
 * files, which are no part of a run. CB_EUSAGE where the stored one is no JSON. */
int cb_audit_json(struct cb_audit *a, const char *stored, const char *recomputed, struct cb_err *err);
/* Two texts of samples.csv, field by field. */
int cb_audit_csv(struct cb_audit *a, const char *stored, const char *recomputed, struct cb_err *err);
/* Every sample of a case has the iterations that were calibrated for it, in all arms and blocks. */
void cb_audit_iterations(struct cb_audit *a, const struct cb_dataset *d);

#endif
