/* The reading half of the store. Nothing read is believed: types, sizes, counts and references are checked
 * here, so that the rest of results/ may index by what it finds in a dataset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/store_db.h"

/* Limits on what a database may claim. They lie well above what a run writes (512 cases, 64 arms, 1000
 * blocks) and keep a planted file from exhausting memory. */
#define NAME_TEXT_MAX   256
#define REASON_TEXT_MAX 4096
#define HIST_TEXT_MAX   (1 << 20)
#define ARMS_MAX        64
#define CASES_MAX       512
#define METRICS_MAX     4096
#define BLOCKS_MAX      1000
#define FACTS_MAX       1024
#define SAMPLES_MAX     65536
#define EVIDENCE_MAX    128 /* items a snapshot; two snapshots an instance and one a block */

struct loader {
    struct cb_store *store;
    const char *run;
    struct cb_dataset *d;
    struct cb_err *err;
};

/* --- lists
 * ------------------------------------------------------------------------------------------------------- */

/* Makes room for one more zeroed item at the end of an array; room doubles at powers of two. NULL when memory
 * is short.
 */
static void *append(void **array, size_t *n, size_t size)
{
    if ((*n & (*n - 1)) == 0) {
        void *more = reallocarray(*array, *n ? *n * 2 : 1, size);
        if (!more)
            return NULL;
        *array = more;
    }
    void *item = (char *)*array + *n * size;
    memset(item, 0, size);
    (*n)++;
    return item;
}

/* Fills an array with the rows of a query. */
struct list {
    const char *what;
    size_t size, max;
    void **array;
    size_t *n;
    int (*fill)(struct loader *l, struct cb_stmt *st, void *item, size_t index);
};

static int load_list(struct loader *l, const char *sql, const struct cb_bind *keys, unsigned nkeys,
                     const struct list *list)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(l->store, sql, &st, l->err) < 0 || cb_stmt_bind(&st, keys, nkeys, l->err) < 0)
        return -1;
    int more;
    while ((more = cb_stmt_step(&st, l->err)) > 0) {
        size_t index = *list->n;
        if (index >= list->max)
            return cb_fail(l->err, CB_EUSAGE, "more than %zu %s", list->max, list->what);
        void *item = append(list->array, list->n, list->size);
        if (!item)
            return cb_fail(l->err, CB_ESYS, "out of memory");
        if (list->fill(l, &st, item, index) < 0)
            return cb_wrap(l->err, "%s", list->what);
    }
    return more;
}

/* --- column helpers
 * ---------------------------------------------------------------------------------------------- */

static int name_text(struct loader *l, struct cb_stmt *st, int column, char **out)
{
    return cb_column_text(st, column, NAME_TEXT_MAX, out, l->err);
}

static int long_text(struct loader *l, struct cb_stmt *st, int column, char **out)
{
    return cb_column_text(st, column, REASON_TEXT_MAX, out, l->err);
}

/* Times and counts of one measurement; INT64_MAX also keeps doubles made of them exact enough. */
static int number(struct loader *l, struct cb_stmt *st, int column, uint64_t *out)
{
    return cb_column_uint(st, column, INT64_MAX, out, l->err);
}

static int small(struct loader *l, struct cb_stmt *st, int column, uint64_t max, unsigned *out)
{
    uint64_t v = 0;
    if (cb_column_uint(st, column, max, &v, l->err) < 0)
        return -1;
    *out = (unsigned)v;
    return 0;
}

/* An index into an array of n. */
static int below(struct loader *l, struct cb_stmt *st, int column, size_t n, unsigned *out)
{
    if (!n)
        return cb_fail(l->err, CB_EUSAGE, "refers to something that is not there");
    return small(l, st, column, n - 1, out);
}

/* Rows are numbered from 0 without holes: other rows refer to them by that number. */
static int numbered(struct loader *l, struct cb_stmt *st, int column, size_t index)
{
    uint64_t v = 0;
    if (cb_column_uint(st, column, INT64_MAX, &v, l->err) < 0)
        return -1;
    return v == index ? 0 : cb_fail(l->err, CB_EUSAGE, "number %zu is missing", index);
}

static int outcome(struct loader *l, struct cb_stmt *st, int column, char **out)
{
    static const char *const known[] = {"ok", "untrusted", "skipped", "failed"};
    if (name_text(l, st, column, out) < 0)
        return -1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(*out, known[i]))
            return 0;
    return cb_fail(l->err, CB_EUSAGE, "unknown outcome");
}

/* --- the frame of a run
 * ------------------------------------------------------------------------------------------ */

static int fill_fact(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_kv *kv = item;
    (void)index;
    return name_text(l, st, 0, &kv->key) < 0 || long_text(l, st, 1, &kv->value) < 0 ? -1 : 0;
}

static struct list facts_list(struct cb_kvs *kvs)
{
    return (struct list){"facts", sizeof(struct cb_kv), FACTS_MAX, (void **)&kvs->at, &kvs->n, fill_fact};
}

static int read_run(struct loader *l, struct cb_stmt *st)
{
    struct cb_ds_run *r = &l->d->run;
    bool bad =
        cb_column_field(st, 0, r->id, sizeof r->id, l->err) < 0 ||
        cb_column_field(st, 1, r->started, sizeof r->started, l->err) < 0 ||
        cb_column_bits(st, 2, &r->seed, l->err) < 0 || small(l, st, 3, BLOCKS_MAX, &r->blocks) < 0 ||
        cb_column_bool(st, 4, &r->quick, l->err) < 0 || cb_column_bool(st, 5, &r->complete, l->err) < 0 ||
        cb_column_field(st, 6, r->version, sizeof r->version, l->err) < 0 ||
        cb_column_field(st, 7, r->agent_sha256, sizeof r->agent_sha256, l->err) < 0 ||
        cb_column_real(st, 8, &r->wall_s, l->err) < 0 || cb_column_real(st, 9, &r->measuring_s, l->err) < 0 ||
        small(l, st, 10, ARMS_MAX - 1, &r->baseline) < 0 ||
        cb_column_field(st, 11, r->stopped, sizeof r->stopped, l->err) < 0 ||
        cb_column_real(st, 12, &r->target, l->err) < 0;
    if (bad)
        return -1;
    return r->target >= 0 ? 0 : cb_fail(l->err, CB_EUSAGE, "target below zero");
}

static int load_looks(struct loader *l)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    struct cb_ds_run *r = &l->d->run;
    int more;
    if (cb_stmt_prepare(l->store, "SELECT nth, blocks FROM look WHERE run = ? ORDER BY nth", &st, l->err) <
            0 ||
        cb_stmt_bind(&st, CB_BINDS(CB_TEXT(l->run)), l->err) < 0)
        return -1;
    for (; (more = cb_stmt_step(&st, l->err)) > 0; r->nlooks++) {
        if (r->nlooks == CB_LOOKS_MAX)
            return cb_fail(l->err, CB_EUSAGE, "more than %d looks", CB_LOOKS_MAX);
        if (numbered(l, &st, 0, r->nlooks) < 0 || small(l, &st, 1, BLOCKS_MAX, &r->looks[r->nlooks]) < 0)
            return cb_wrap(l->err, "looks");
    }
    return more;
}

static int load_run(struct loader *l)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(l->store,
                        "SELECT id, started, seed, blocks, quick, complete, version, agent_sha256, wall_s, "
                        "measuring_s, baseline, stopped, target FROM run WHERE id = ?",
                        &st, l->err) < 0 ||
        cb_stmt_bind(&st, CB_BINDS(CB_TEXT(l->run)), l->err) < 0)
        return -1;
    int found = cb_stmt_step(&st, l->err);
    if (found < 0 || (found && read_run(l, &st) < 0))
        return -1;
    if (!found)
        return cb_fail(l->err, CB_EUSAGE, "no such run");
    if (load_looks(l) < 0)
        return -1;
    struct list facts = facts_list(&l->d->run.host);
    return load_list(l, "SELECT key, value FROM run_fact WHERE run = ? ORDER BY nth",
                     CB_BINDS(CB_TEXT(l->run)), &facts);
}

static int fill_arm(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_arm *a = item;
    if (numbered(l, st, 0, index) < 0 || name_text(l, st, 1, &a->name) < 0 ||
        name_text(l, st, 2, &a->runner) < 0 || outcome(l, st, 3, &a->status) < 0 ||
        long_text(l, st, 4, &a->reason) < 0 || name_text(l, st, 5, &a->accelerator) < 0 ||
        name_text(l, st, 6, &a->agent_sha256) < 0)
        return -1;
    struct list facts = facts_list(&a->facts);
    return load_list(l, "SELECT key, value FROM arm_fact WHERE run = ? AND arm = ? ORDER BY nth",
                     CB_BINDS(CB_TEXT(l->run), CB_INT(index)), &facts);
}

static int fill_case(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_case *c = item;
    bool bad = numbered(l, st, 0, index) < 0 || name_text(l, st, 1, &c->bench) < 0 ||
               small(l, st, 2, UINT32_MAX, &c->revision) < 0 || name_text(l, st, 3, &c->params) < 0 ||
               number(l, st, 4, &c->iters) < 0 || cb_column_bits(st, 5, &c->seed, l->err) < 0;
    return bad ? -1 : 0;
}

static int read_rule(struct loader *l, struct cb_stmt *st, struct cb_metric *how)
{
    char better[16], derive[32];
    if (cb_column_field(st, 5, better, sizeof better, l->err) < 0 ||
        cb_column_field(st, 6, derive, sizeof derive, l->err) < 0 ||
        cb_column_real(st, 7, &how->scale, l->err) < 0 || cb_column_real(st, 8, &how->q, l->err) < 0)
        return -1;
    if (cb_better_parse(better, &how->better) < 0 || cb_derive_parse(derive, &how->derive) < 0)
        return cb_fail(l->err, CB_EUSAGE, "unknown rule %.31s, %.15s", derive, better);
    return how->scale > 0 && how->q >= 0 && how->q <= 1 ? 0 : cb_fail(l->err, CB_EUSAGE, "rule out of range");
}

static int fill_metric(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_metric *m = item;
    char *quantity = NULL, *unit = NULL;
    bool bad = numbered(l, st, 0, index) < 0 || below(l, st, 1, l->d->ncases, &m->case_index) < 0 ||
               name_text(l, st, 2, &m->name) < 0 || name_text(l, st, 3, &quantity) < 0 ||
               name_text(l, st, 4, &unit) < 0;
    m->how.quantity = quantity;
    m->how.unit = unit;
    return bad || read_rule(l, st, &m->how) < 0 ? -1 : 0;
}

static int load_frame(struct loader *l)
{
    struct cb_dataset *d = l->d;
    const struct list arms = {"arms", sizeof *d->arms, ARMS_MAX, (void **)&d->arms, &d->narms, fill_arm};
    const struct list cases = {"cases",    sizeof *d->cases, CASES_MAX, (void **)&d->cases,
                               &d->ncases, fill_case};
    const struct list metrics = {"metrics",    sizeof *d->metrics, METRICS_MAX, (void **)&d->metrics,
                                 &d->nmetrics, fill_metric};
    if (load_run(l) < 0 ||
        load_list(
            l,
            "SELECT arm, name, runner, status, reason, accelerator, agent_sha256 FROM arm WHERE run = ? "
            "ORDER BY arm",
            CB_BINDS(CB_TEXT(l->run)), &arms) < 0 ||
        load_list(l,
                  "SELECT case_index, bench, revision, params, iters, seed FROM bench_case WHERE run = ? "
                  "ORDER BY case_index",
                  CB_BINDS(CB_TEXT(l->run)), &cases) < 0 ||
        load_list(l,
                  "SELECT nth, case_index, name, quantity, unit, better, derive, scale, q FROM metric WHERE "
                  "run = ? "
                  "ORDER BY nth",
                  CB_BINDS(CB_TEXT(l->run)), &metrics) < 0)
        return -1;
    if (d->run.baseline >= d->narms)
        return cb_fail(l->err, CB_EUSAGE, "the baseline arm is missing");
    return cb_store_load_steps(l->store, d, l->err);
}

/* --- what was observed
 * ------------------------------------------------------------------------------------------- */

static int fill_block(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_block *b = item;
    bool bad = numbered(l, st, 0, index) < 0 || number(l, st, 1, &b->begin_ns) < 0 ||
               number(l, st, 2, &b->end_ns) < 0 || long_text(l, st, 3, &b->void_reason) < 0 ||
               small(l, st, 4, BLOCKS_MAX - 1, &b->row) < 0;
    return bad ? -1 : 0;
}

static int fill_instance(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_instance *i = item;
    (void)index;
    bool bad = below(l, st, 0, l->d->nblocks, &i->block) < 0 || below(l, st, 1, l->d->narms, &i->arm) < 0 ||
               small(l, st, 2, ARMS_MAX, &i->position) < 0 || outcome(l, st, 3, &i->outcome) < 0 ||
               long_text(l, st, 4, &i->reason) < 0 || number(l, st, 5, &i->start_ns) < 0 ||
               number(l, st, 6, &i->stop_ns) < 0 || number(l, st, 7, &i->prepare_ns) < 0 ||
               number(l, st, 8, &i->mark_jitter_ns) < 0;
    return bad ? -1 : 0;
}

static int fill_sample(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_sample *x = item;
    bool bad = numbered(l, st, 0, index) < 0 || small(l, st, 1, UINT32_MAX, &x->s.seq) < 0 ||
               number(l, st, 2, &x->s.iters) < 0 || number(l, st, 3, &x->s.work) < 0 ||
               number(l, st, 4, &x->s.wall_ns) < 0 || number(l, st, 5, &x->s.cpu_ns) < 0 ||
               cb_column_bool(st, 6, &x->warm, l->err) < 0 ||
               cb_column_bool(st, 7, &x->trusted, l->err) < 0 || number(l, st, 8, &x->agent_ns) < 0 ||
               number(l, st, 9, &x->host_ns) < 0 || number(l, st, 10, &x->s.peer_ns) < 0;
    return bad ? -1 : 0;
}

static int load_samples(struct loader *l, uint64_t id, struct cb_ds_result *r)
{
    const struct list samples = {"samples",    sizeof *r->samples, SAMPLES_MAX, (void **)&r->samples,
                                 &r->nsamples, fill_sample};
    return load_list(
        l,
        "SELECT nth, seq, iters, work, wall_ns, cpu_ns, warm, trusted, agent_ns, host_ns, peer_ns "
        "FROM sample WHERE result = ? ORDER BY nth",
        CB_BINDS(CB_INT(id)), &samples);
}

static int read_histogram(struct loader *l, struct cb_stmt *st, struct cb_ds_result *r)
{
    char *counts = NULL;
    uint64_t min, max;
    /* An empty histogram's minimum is UINT64_MAX. */
    if (cb_column_bits(st, 0, &min, l->err) < 0 || cb_column_bits(st, 1, &max, l->err) < 0 ||
        cb_column_text(st, 2, HIST_TEXT_MAX, &counts, l->err) < 0)
        return -1;
    r->hist = malloc(sizeof *r->hist);
    int done = r->hist ? 0 : cb_fail(l->err, CB_ESYS, "out of memory");
    if (done == 0) {
        cb_hist_reset(r->hist);
        done = cb_hist_scan(r->hist, counts, l->err);
        r->hist->min = min;
        r->hist->max = max;
    }
    free(counts);
    return done;
}

static int load_histogram(struct loader *l, uint64_t id, struct cb_ds_result *r)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(l->store, "SELECT min_ns, max_ns, counts FROM histogram WHERE result = ?", &st,
                        l->err) < 0 ||
        cb_stmt_bind(&st, CB_BINDS(CB_INT(id)), l->err) < 0)
        return -1;
    int found = cb_stmt_step(&st, l->err);
    return found > 0 ? read_histogram(l, &st, r) : found;
}

static int fill_result(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_result *r = item;
    uint64_t id = 0;
    (void)index;
    bool bad = cb_column_bits(st, 0, &id, l->err) < 0 || below(l, st, 1, l->d->nblocks, &r->block) < 0 ||
               below(l, st, 2, l->d->narms, &r->arm) < 0 ||
               below(l, st, 3, l->d->ncases, &r->case_index) < 0 ||
               small(l, st, 4, CASES_MAX, &r->position) < 0 || outcome(l, st, 5, &r->outcome) < 0 ||
               long_text(l, st, 6, &r->reason) < 0;
    return bad || load_samples(l, id, r) < 0 || load_histogram(l, id, r) < 0 ? -1 : 0;
}

static int fill_evidence(struct loader *l, struct cb_stmt *st, void *item, size_t index)
{
    struct cb_ds_evidence *e = item;
    uint64_t arm = 0;
    char side[8];
    (void)index;
    if (below(l, st, 0, l->d->nblocks, &e->block) < 0 || cb_column_bits(st, 1, &arm, l->err) < 0 ||
        cb_column_field(st, 2, side, sizeof side, l->err) < 0 || name_text(l, st, 3, &e->key) < 0 ||
        name_text(l, st, 4, &e->before) < 0 || name_text(l, st, 5, &e->after) < 0)
        return -1;
    e->inside = !strcmp(side, CB_SIDE_INSIDE);
    if (!e->inside && strcmp(side, CB_SIDE_HOST) != 0)
        return cb_fail(l->err, CB_EUSAGE, "unknown side");
    if (arm != UINT64_MAX && arm >= l->d->narms)
        return cb_fail(l->err, CB_EUSAGE, "column arm: out of range");
    e->arm = arm == UINT64_MAX ? -1 : (int)arm;
    return 0;
}

static int load_evidence(struct loader *l)
{
    struct cb_dataset *d = l->d;
    const struct list evidence = {"evidence",
                                  sizeof *d->evidence,
                                  d->nblocks * (2 * d->narms + 1) * EVIDENCE_MAX,
                                  (void **)&d->evidence,
                                  &d->nevidence,
                                  fill_evidence};
    return load_list(
        l, "SELECT block, arm, side, key, before, after FROM evidence WHERE run = ? ORDER BY block, nth",
        CB_BINDS(CB_TEXT(l->run)), &evidence);
}

static int load_observations(struct loader *l)
{
    struct cb_dataset *d = l->d;
    const struct list blocks = {"blocks",    sizeof *d->blocks, BLOCKS_MAX, (void **)&d->blocks,
                                &d->nblocks, fill_block};
    if (load_list(l,
                  "SELECT block, begin_ns, end_ns, void_reason, row FROM block WHERE run = ? ORDER BY block",
                  CB_BINDS(CB_TEXT(l->run)), &blocks) < 0)
        return -1;
    const struct list instances = {"instances",           sizeof *d->instances,
                                   d->nblocks * d->narms, (void **)&d->instances,
                                   &d->ninstances,        fill_instance};
    const struct list results = {
        "results",    sizeof *d->results, d->nblocks * d->narms * d->ncases, (void **)&d->results,
        &d->nresults, fill_result};
    if (load_list(
            l,
            "SELECT block, arm, position, outcome, reason, start_ns, stop_ns, prepare_ns, mark_jitter_ns "
            "FROM instance WHERE run = ? ORDER BY block, position",
            CB_BINDS(CB_TEXT(l->run)), &instances) < 0)
        return -1;
    if (load_list(l,
                  "SELECT id, block, arm, case_index, position, outcome, reason FROM result WHERE run = ? "
                  "ORDER BY id",
                  CB_BINDS(CB_TEXT(l->run)), &results) < 0)
        return -1;
    return load_evidence(l);
}

int cb_store_load(struct cb_store *s, const char *run_id, struct cb_dataset *out, struct cb_err *err)
{
    *out = (struct cb_dataset){0};
    struct loader l = {.store = s, .run = run_id, .d = out, .err = err};
    /* One transaction: what is read is one state of the file, even while a run is being written. */
    if (cb_store_exec(s, "BEGIN", err) < 0)
        return -1;
    bool ok = load_frame(&l) == 0 && load_observations(&l) == 0;
    if (cb_store_finish(s, ok ? 0 : -1, err) == 0)
        return 0;
    cb_dataset_free(out);
    return cb_wrap(err, "run %s", run_id);
}

/* --- which run
 * --------------------------------------------------------------------------------------------------- */

static int no_run(const char *run, const char *why, struct cb_err *err)
{
    return cb_fail(err, CB_EUSAGE, "run %s: %s", run, why);
}

int cb_store_find(struct cb_store *s, const char *run, char id[32], struct cb_err *err)
{
    bool latest = !strcmp(run, "latest");
    CB_AUTOSTMT struct cb_stmt st = {0};
    /* An id that is the prefix of another is meant when it is typed: it sorts first. Two rows are enough to
     * know. */
    const char *sql = latest ? "SELECT id FROM run ORDER BY started DESC, rowid DESC LIMIT 1"
                             : "SELECT id FROM run WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2";
    if (cb_stmt_prepare(s, sql, &st, err) < 0 ||
        (!latest && cb_stmt_bind(&st, CB_BINDS(CB_TEXT(run)), err) < 0))
        return -1;
    int found = *run ? cb_stmt_step(&st, err) : 0;
    if (found < 0)
        return -1;
    if (!found)
        return no_run(run, latest ? "nothing is stored yet" : "no such run", err);
    if (cb_column_field(&st, 0, id, 32, err) < 0)
        return -1;
    if (latest || !strcmp(id, run))
        return 0;
    found = cb_stmt_step(&st, err);
    return found > 0 ? no_run(run, "more than one begins like that", err) : found;
}

int cb_store_recent(struct cb_store *s, char (*ids)[32], size_t *n, struct cb_err *err)
{
    size_t room = *n;
    CB_AUTOSTMT struct cb_stmt st = {0};
    *n = 0;
    if (cb_stmt_prepare(s, "SELECT id FROM run ORDER BY started DESC, rowid DESC LIMIT ?", &st, err) < 0 ||
        cb_stmt_bind(&st, CB_BINDS(CB_INT(room)), err) < 0)
        return -1;
    int more = 0;
    while (*n < room && (more = cb_stmt_step(&st, err)) > 0)
        if (cb_column_field(&st, 0, ids[(*n)++], 32, err) < 0)
            return -1;
    return more < 0 ? -1 : 0;
}
