#include "tests/unit/store_fixture.h"

#include <sqlite3.h>

#include "bench/base/io.h"
#include "results/effect.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

struct store_place store_place_make(void)
{
    struct store_place p = {.dir = "/tmp/cbench-store-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
    snprintf(p.db, sizeof p.db, "%s/cbench.db", p.dir);
    return p;
}

void store_place_remove(const struct store_place *p)
{
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_remove_tree(p->dir, &err), 0);
}

struct cb_store *store_open(const char *path)
{
    struct cb_store *s;
    struct cb_err err = {0};
    if (cb_store_open(path, &s, &err) < 0)
        fprintf(stderr, "%s\n", err.msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

int store_save_block(struct cb_store *s, const struct cb_dataset *d, unsigned b, struct cb_err *err)
{
    const struct cb_block_rows rows = {
        .block = b,
        .b = &d->blocks[b],
        .instances = d->instances + (size_t)b * FIXTURE_ARMS,
        .ninstances = FIXTURE_ARMS,
        .results = d->results + (size_t)b * FIXTURE_ARMS * FIXTURE_CASES,
        .nresults = FIXTURE_ARMS * FIXTURE_CASES,
        .evidence = d->evidence + (size_t)b * FIXTURE_EVIDENCE,
        .nevidence = FIXTURE_EVIDENCE,
    };
    return cb_store_block(s, d->run.id, &rows, err);
}

void store_save(struct cb_store *s, const struct cb_dataset *d)
{
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_store_begin_run(s, d, &err), 0);
    for (unsigned b = 0; b < d->nblocks; b++)
        CU_ASSERT_EQUAL_FATAL(store_save_block(s, d, b, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_store_end_run(s, d, &err), 0);
}

static void same_facts(const struct cb_kvs *a, const struct cb_kvs *b)
{
    CU_ASSERT_EQUAL_FATAL(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        CU_ASSERT_STRING_EQUAL(a->at[i].key, b->at[i].key);
        CU_ASSERT_STRING_EQUAL(a->at[i].value, b->at[i].value);
    }
}

void store_same_frame(const struct cb_dataset *a, const struct cb_dataset *b)
{
    CU_ASSERT_STRING_EQUAL(a->run.id, b->run.id);
    CU_ASSERT_STRING_EQUAL(a->run.started, b->run.started);
    CU_ASSERT_STRING_EQUAL(a->run.version, b->run.version);
    CU_ASSERT_STRING_EQUAL(a->run.agent_sha256, b->run.agent_sha256);
    CU_ASSERT_EQUAL(a->run.seed, b->run.seed);
    CU_ASSERT(a->run.quick == b->run.quick && a->run.complete == b->run.complete);
    CU_ASSERT(a->run.wall_s == b->run.wall_s && a->run.measuring_s == b->run.measuring_s);
    CU_ASSERT_STRING_EQUAL(a->run.stopped, b->run.stopped);
    CU_ASSERT(a->run.target == b->run.target && a->run.nlooks == b->run.nlooks);
    CU_ASSERT_EQUAL(memcmp(a->run.looks, b->run.looks, sizeof a->run.looks), 0);
    same_facts(&a->run.host, &b->run.host);
    CU_ASSERT_EQUAL_FATAL(a->narms, b->narms);
    for (size_t i = 0; i < a->narms; i++) {
        CU_ASSERT_STRING_EQUAL(a->arms[i].name, b->arms[i].name);
        CU_ASSERT_STRING_EQUAL(a->arms[i].status, b->arms[i].status);
        CU_ASSERT_STRING_EQUAL(a->arms[i].reason, b->arms[i].reason);
        CU_ASSERT_STRING_EQUAL(a->arms[i].accelerator, b->arms[i].accelerator);
        same_facts(&a->arms[i].facts, &b->arms[i].facts);
    }
    CU_ASSERT_EQUAL_FATAL(a->nsteps, b->nsteps);
    for (size_t i = 0; i < a->nsteps; i++) {
        const struct cb_ds_step *x = &a->steps[i], *y = &b->steps[i];
        CU_ASSERT_STRING_EQUAL(x->ladder, y->ladder);
        CU_ASSERT_STRING_EQUAL(x->chain, y->chain);
        CU_ASSERT_STRING_EQUAL(x->label, y->label);
        CU_ASSERT(x->arm == y->arm && x->base == y->base && x->side == y->side);
    }
    CU_ASSERT_EQUAL_FATAL(a->ncases, b->ncases);
    for (size_t i = 0; i < a->ncases; i++) {
        CU_ASSERT_STRING_EQUAL(a->cases[i].bench, b->cases[i].bench);
        CU_ASSERT_STRING_EQUAL(a->cases[i].params, b->cases[i].params);
        CU_ASSERT(a->cases[i].iters == b->cases[i].iters && a->cases[i].seed == b->cases[i].seed);
    }
    CU_ASSERT_EQUAL_FATAL(a->nmetrics, b->nmetrics);
    for (size_t i = 0; i < a->nmetrics; i++) {
        const struct cb_metric *x = &a->metrics[i].how, *y = &b->metrics[i].how;
        CU_ASSERT_STRING_EQUAL(a->metrics[i].name, b->metrics[i].name);
        CU_ASSERT_STRING_EQUAL(x->quantity, y->quantity);
        CU_ASSERT_STRING_EQUAL(x->unit, y->unit);
        CU_ASSERT(x->better == y->better && x->derive == y->derive && x->scale == y->scale && x->q == y->q);
    }
}

void store_same_observations(const struct cb_dataset *a, const struct cb_dataset *b)
{
    CU_ASSERT_EQUAL_FATAL(a->nblocks, b->nblocks);
    for (size_t i = 0; i < a->nblocks; i++) {
        CU_ASSERT(a->blocks[i].begin_ns == b->blocks[i].begin_ns &&
                  a->blocks[i].end_ns == b->blocks[i].end_ns && a->blocks[i].row == b->blocks[i].row);
        CU_ASSERT_STRING_EQUAL(a->blocks[i].void_reason, b->blocks[i].void_reason);
    }
    CU_ASSERT_EQUAL_FATAL(a->ninstances, b->ninstances);
    CU_ASSERT_EQUAL_FATAL(a->nresults, b->nresults);
    for (size_t i = 0; i < a->nresults; i++) {
        const struct cb_ds_result *x = &a->results[i];
        const struct cb_ds_result *y = cb_dataset_result(b, x->block, x->arm, x->case_index);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_STRING_EQUAL(x->outcome, y->outcome);
        CU_ASSERT_EQUAL(x->position, y->position);
        CU_ASSERT_EQUAL_FATAL(x->nsamples, y->nsamples);
        for (size_t j = 0; j < x->nsamples; j++) {
            const struct cb_ds_sample *s = &x->samples[j], *t = &y->samples[j];
            CU_ASSERT(s->s.seq == t->s.seq && s->s.iters == t->s.iters && s->s.work == t->s.work);
            CU_ASSERT(s->s.wall_ns == t->s.wall_ns && s->s.cpu_ns == t->s.cpu_ns);
            CU_ASSERT_EQUAL(s->s.peer_ns, t->s.peer_ns);
            CU_ASSERT(s->warm == t->warm && s->trusted == t->trusted);
            CU_ASSERT(s->agent_ns == t->agent_ns && s->host_ns == t->host_ns);
        }
        CU_ASSERT_EQUAL_FATAL(!x->hist, !y->hist);
        if (x->hist)
            CU_ASSERT_EQUAL(memcmp(x->hist, y->hist, sizeof *x->hist), 0);
    }
}

void store_same_evidence(const struct cb_dataset *a, const struct cb_dataset *b)
{
    CU_ASSERT_EQUAL_FATAL(a->nevidence, b->nevidence);
    for (size_t i = 0; i < a->nevidence; i++) {
        const struct cb_ds_evidence *x = &a->evidence[i], *y = &b->evidence[i];
        CU_ASSERT(x->block == y->block && x->arm == y->arm && x->inside == y->inside);
        CU_ASSERT_STRING_EQUAL(x->key, y->key);
        CU_ASSERT_STRING_EQUAL(x->before, y->before);
        CU_ASSERT_STRING_EQUAL(x->after, y->after);
    }
}

void store_same_rows(const struct cb_dataset *a, const struct cb_dataset *b)
{
    struct cb_rows x, y;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(a, &x, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_effects(b, &y, &err), 0);
    CU_ASSERT_EQUAL_FATAL(x.n, y.n);
    for (size_t i = 0; i < x.n; i++) {
        CU_ASSERT_EQUAL(memcmp(&x.at[i].value, &y.at[i].value, sizeof(double)), 0);
        CU_ASSERT_EQUAL(memcmp(&x.at[i].ratio, &y.at[i].ratio, sizeof(double)), 0);
        CU_ASSERT_EQUAL(memcmp(x.at[i].ci90, y.at[i].ci90, sizeof x.at[i].ci90), 0);
        CU_ASSERT_EQUAL(
            memcmp(x.at[i].d, y.at[i].d, x.at[i].n * sizeof(double) * (x.at[i].arm != FIXTURE_HOST)), 0);
    }
    cb_rows_free(&x);
    cb_rows_free(&y);
}

void store_raw_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *why = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fprintf(stderr, "%s: %s\n", sql, why);
    CU_ASSERT_PTR_NULL(why);
    sqlite3_free(why);
    sqlite3_close(db);
}
