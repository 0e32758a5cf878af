#include "runners/ladder.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct line {
    enum { FOOT, STEP, SIDE } kind;
    const char *ladder, *chain; /* of a foot */
    const char *label;          /* of the others */
    const char *arm;
} lines[] = {
#define CB_FOOT(ladder_, chain_, arm_) {.kind = FOOT, .ladder = ladder_, .chain = chain_, .arm = arm_},
#define CB_STEP(label_, arm_)          {.kind = STEP, .label = label_, .arm = arm_},
#define CB_SIDE(label_, arm_)          {.kind = SIDE, .label = label_, .arm = arm_},
#include "runners/ladder.def"
#undef CB_FOOT
#undef CB_STEP
#undef CB_SIDE
};

bool cb_rung_next(const char *ladder, size_t *at, struct cb_rung *out)
{
    const struct line *foot = &lines[0], *below = foot; /* the table begins with one */
    for (size_t i = 0; i < COUNT(lines); i++) {
        const struct line *l = &lines[i];
        if (l->kind == FOOT)
            foot = l;
        else if (i >= *at && strcmp(foot->ladder, ladder) == 0) {
            *out = (struct cb_rung){foot->ladder, foot->chain, l->label, l->arm, below->arm, l->kind == SIDE};
            *at = i + 1;
            return true;
        }
        if (l->kind != SIDE)
            below = l;
    }
    return false;
}

const char *cb_ladder_name(size_t i)
{
    const char *last = "";
    for (size_t k = 0; k < COUNT(lines); k++) {
        if (lines[k].kind != FOOT || strcmp(lines[k].ladder, last) == 0)
            continue;
        last = lines[k].ladder;
        if (i-- == 0)
            return last;
    }
    return NULL;
}
