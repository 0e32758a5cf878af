#include "runners/cases.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

/* Last-level cache where nothing reports one: larger than most, so that "out of cache" stays true. */
#define LLC_UNKNOWN (32 * MIB)

/* ---- sizes from the topology
 * ------------------------------------------------------------------------------------ */

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t llc(const struct cb_topology *t)
{
    return t->llc ? t->llc : LLC_UNKNOWN;
}

/* STREAM's rule for an array: at least four times the last-level cache. */
static uint64_t stream_array(const struct cb_topology *t)
{
    return max_u64(4 * llc(t), 64 * MIB);
}

/* Far enough beyond the last level that nearly every load misses it, and no larger: touching it takes seconds
 * where pages are emulated. */
static uint64_t dram_size(const struct cb_topology *t)
{
    return max_u64(4 * llc(t), 128 * MIB);
}

uint64_t cb_cases_memory(const struct cb_topology *t)
{
    uint64_t want = max_u64(3 * stream_array(t), dram_size(t)) + 512 * MIB, cap = t->memory / 4;
    want = max_u64(want, 1024 * MIB) / (64 * MIB) * (64 * MIB);
    return want < cap ? want : cap / (64 * MIB) * (64 * MIB);
}

/* A working set that fits its level is half of it (the other half is for whatever else runs); the reported
 * last level is often shared or larger than what one guest gets, hence an eighth. */
static int resolve_size(const char *symbol, const struct cb_topology *t, uint64_t memory, uint64_t *out)
{
    const struct {
        const char *symbol;
        uint64_t bytes;
    } sizes[] = {
        {"@l1d", (t->l1d ? t->l1d : 32 * 1024) / 2},
        {"@l2", (t->l2 ? t->l2 : 512 * 1024) / 2},
        {"@llc", llc(t) / 8},
        {"@dram", dram_size(t)},
        {"@stream", stream_array(t)},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(symbol, sizes[i].symbol) == 0) {
            uint64_t cap = memory / 4; /* three arrays must fit, and a quarter for everything else */
            *out = sizes[i].bytes < cap ? sizes[i].bytes : cap / 4096 * 4096;
            return 0;
        }
    return -1;
}

/* "op=copy,size=@stream" -> "op=copy,size=134217728". */
static int resolve_variant(const char *variant, const struct cb_topology *t, uint64_t memory, char *out,
                           size_t cap, struct cb_err *err)
{
    const char *at = strchr(variant, '@');
    if (!at)
        return cb_path(out, cap, err, "%s", variant);
    char symbol[16];
    size_t n = strcspn(at, ",");
    uint64_t bytes;
    if (n >= sizeof symbol)
        return cb_fail(err, CB_EUSAGE, "size symbol in \"%s\" is too long", variant);
    memcpy(symbol, at, n);
    symbol[n] = '\0';
    if (resolve_size(symbol, t, memory, &bytes) < 0)
        return cb_fail(err, CB_EUSAGE, "unknown size symbol %s", symbol);
    return cb_path(out, cap, err, "%.*s%" PRIu64 "%s", (int)(at - variant), variant, bytes, at + n);
}

/* ---- cases
 * ------------------------------------------------------------------------------------------------------ */

/* The next word of a list with commas; NULL after the last, or when one is longer than any name. */
static const char *next_word(const char *list, char *word, size_t cap)
{
    size_t n = strcspn(list, ",");
    if (!*list || n >= cap)
        return NULL;
    memcpy(word, list, n);
    word[n] = '\0';
    return list + n + (list[n] == ',');
}

bool cb_cases_match(const char *list, const char *name)
{
    char word[CB_NAME_MAX];
    while ((list = next_word(list, word, sizeof word)))
        if (fnmatch(word, name, 0) == 0)
            return true;
    return false;
}

static const char *const set_names[] = {
    [CB_SET_QUICK] = "quick", [CB_SET_STANDARD] = "standard", [CB_SET_FULL] = "full"};

const char *cb_set_name(enum cb_set set)
{
    return set_names[set];
}

/* The set of that name, or -1. */
static int set_of(const char *word)
{
    for (int s = CB_SET_QUICK; s <= CB_SET_FULL; s++)
        if (strcmp(set_names[s], word) == 0)
            return s;
    return -1;
}

static const struct cb_variant *variants_of(const struct cb_bench *b)
{
    static const struct cb_variant defaults_only[] = {{"", CB_SET_QUICK}, {.params = NULL}};
    return b->variants ? b->variants : defaults_only;
}

static bool in_set(const struct cb_bench *b, enum cb_set set)
{
    for (const struct cb_variant *v = variants_of(b); v->params; v++)
        if (v->set <= set)
            return true;
    return false;
}

/* Which cases of a benchmark one word asks for: those of the set that is returned, -1 for none. */
static int asked_for(const char *word, const struct cb_bench *b, enum cb_set own)
{
    char glob[CB_NAME_MAX];
    const char *at = strchr(word, '@');
    int set = set_of(at ? at + 1 : word);
    if (!at && set >= 0)
        return in_set(b, (enum cb_set)set) ? set : -1;
    snprintf(glob, sizeof glob, "%.*s", at ? (int)(at - word) : (int)strlen(word), word);
    if (fnmatch(glob, b->name, 0) != 0)
        return -1;
    if (at)
        return set >= 0 && in_set(b, (enum cb_set)set) ? set : -1;
    return in_set(b, own) ? (int)own : CB_SET_FULL;
}

static int asked_for_by_list(const char *list, const struct cb_bench *b, enum cb_set own)
{
    char word[CB_NAME_MAX];
    int most = -1;
    while ((list = next_word(list, word, sizeof word))) {
        int set = asked_for(word, b, own);
        most = set > most ? set : most;
    }
    return most;
}

/* Every word must match something: a typing error would else measure less than was asked for. */
static int check_words(const char *list, enum cb_set own, struct cb_err *err)
{
    char word[CB_NAME_MAX];
    while (*list) {
        const char *next = next_word(list, word, sizeof word);
        bool hit = false;
        for (const struct cb_bench *const *b = cb_benchmarks; next && *b && !hit; b++)
            hit = asked_for(word, *b, own) >= 0;
        if (!hit)
            return cb_fail(err, CB_EUSAGE,
                           "--bench %.*s: no benchmark matches, and no set (quick, standard, full)",
                           (int)strcspn(list, ","), list);
        list = next;
    }
    return 0;
}

static int add_case(struct cb_plan *plan, const struct cb_bench *b, const char *variant,
                    const struct cb_topology *t, struct cb_err *err)
{
    char text[CB_PARAMS_TEXT_MAX];
    uint64_t values[CB_PARAM_MAX];
    struct cb_case *c = &plan->cases[plan->ncases];
    if (plan->ncases == CB_CASES_MAX)
        return cb_fail(err, CB_EUSAGE, "more than %d cases", CB_CASES_MAX);
    *c = (struct cb_case){.bench = b};
    if (resolve_variant(variant, t, plan->memory, text, sizeof text, err) < 0 ||
        cb_params_parse(b, text, values, err) < 0)
        return cb_wrap(err, "%s", b->name);
    if (cb_params_format(b, values, c->params, sizeof c->params) < 0)
        return cb_fail(err, CB_EUSAGE, "%s: parameters are too long", b->name);
    c->seed = cb_seed_from(plan->seed, b->name, c->params);
    plan->ncases++;
    return 0;
}

int cb_cases_select(struct cb_plan *plan, const char *list, const struct cb_topology *t, struct cb_err *err)
{
    enum cb_set own = plan->quick ? CB_SET_QUICK : CB_SET_STANDARD;
    list = list ? list : cb_set_name(own);
    if (check_words(list, own, err) < 0)
        return -1;
    plan->cases = calloc(CB_CASES_MAX, sizeof *plan->cases);
    if (!plan->cases)
        return cb_fail(err, CB_ESYS, "out of memory");
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++) {
        int set = asked_for_by_list(list, *b, own);
        for (const struct cb_variant *v = variants_of(*b); v->params; v++)
            if ((int)v->set <= set && add_case(plan, *b, v->params, t, err) < 0)
                return -1;
    }
    return 0;
}
