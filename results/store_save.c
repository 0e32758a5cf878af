/* The writing half of the store: a run's frame once, then a transaction a block. */
#include "bench/base/buf.h"
#include "results/store_db.h"

static int save_run(struct cb_store *s, const struct cb_ds_run *r, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO run VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    return cb_stmt_run(&st,
                       CB_BINDS(CB_TEXT(r->id), CB_TEXT(r->started), CB_INT(r->seed), CB_INT(r->blocks),
                                CB_INT(r->quick), CB_INT(r->complete), CB_TEXT(r->version),
                                CB_TEXT(r->agent_sha256), CB_REAL(r->wall_s), CB_REAL(r->measuring_s),
                                CB_INT(r->baseline), CB_TEXT(r->stopped), CB_REAL(r->target)),
                       err);
}

static int save_looks(struct cb_store *s, const struct cb_ds_run *r, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO look VALUES (?,?,?)", &st, err) < 0)
        return -1;
    for (unsigned i = 0; i < r->nlooks; i++)
        if (cb_stmt_run(&st, CB_BINDS(CB_TEXT(r->id), CB_INT(i), CB_INT(r->looks[i])), err) < 0)
            return -1;
    return 0;
}

static int save_run_facts(struct cb_store *s, const struct cb_ds_run *r, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO run_fact VALUES (?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t i = 0; i < r->host.n; i++)
        if (cb_stmt_run(
                &st,
                CB_BINDS(CB_TEXT(r->id), CB_INT(i), CB_TEXT(r->host.at[i].key), CB_TEXT(r->host.at[i].value)),
                err) < 0)
            return -1;
    return 0;
}

static int save_arm_facts(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO arm_fact VALUES (?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t a = 0; a < d->narms; a++) {
        const struct cb_kvs *facts = &d->arms[a].facts;
        for (size_t i = 0; i < facts->n; i++)
            if (cb_stmt_run(&st,
                            CB_BINDS(CB_TEXT(d->run.id), CB_INT(a), CB_INT(i), CB_TEXT(facts->at[i].key),
                                     CB_TEXT(facts->at[i].value)),
                            err) < 0)
                return -1;
    }
    return 0;
}

static int save_arms(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO arm VALUES (?,?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t i = 0; i < d->narms; i++) {
        const struct cb_ds_arm *a = &d->arms[i];
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(d->run.id), CB_INT(i), CB_TEXT(a->name), CB_TEXT(a->runner),
                                 CB_TEXT(a->status), CB_TEXT(a->reason), CB_TEXT(a->accelerator),
                                 CB_TEXT(a->agent_sha256)),
                        err) < 0)
            return cb_wrap(err, "arm %s", a->name);
    }
    return save_arm_facts(s, d, err);
}

static int save_cases(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO bench_case VALUES (?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t i = 0; i < d->ncases; i++) {
        const struct cb_ds_case *c = &d->cases[i];
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(d->run.id), CB_INT(i), CB_TEXT(c->bench), CB_INT(c->revision),
                                 CB_TEXT(c->params), CB_INT(c->iters), CB_INT(c->seed)),
                        err) < 0)
            return cb_wrap(err, "case %s %s", c->bench, c->params);
    }
    return 0;
}

static int save_metrics(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO metric VALUES (?,?,?,?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t i = 0; i < d->nmetrics; i++) {
        const struct cb_ds_metric *m = &d->metrics[i];
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(d->run.id), CB_INT(i), CB_INT(m->case_index), CB_TEXT(m->name),
                                 CB_TEXT(m->how.quantity), CB_TEXT(m->how.unit),
                                 CB_TEXT(cb_better_name(m->how.better)),
                                 CB_TEXT(cb_derive_name(m->how.derive)), CB_REAL(m->how.scale),
                                 CB_REAL(m->how.q)),
                        err) < 0)
            return cb_wrap(err, "metric %s", m->name);
    }
    return 0;
}

int cb_store_begin_run(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    if (cb_store_exec(s, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    bool ok = save_run(s, &d->run, err) == 0 && save_run_facts(s, &d->run, err) == 0 &&
              save_looks(s, &d->run, err) == 0 && save_arms(s, d, err) == 0 &&
              cb_store_save_steps(s, d, err) == 0 && save_cases(s, d, err) == 0 &&
              save_metrics(s, d, err) == 0;
    return cb_store_finish(s, ok ? 0 : -1, err);
}

static int save_block(struct cb_store *s, const char *run, unsigned block, const struct cb_ds_block *b,
                      struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO block VALUES (?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    return cb_stmt_run(&st,
                       CB_BINDS(CB_TEXT(run), CB_INT(block), CB_INT(b->begin_ns), CB_INT(b->end_ns),
                                CB_TEXT(b->void_reason), CB_INT(b->row)),
                       err);
}

static int save_instances(struct cb_store *s, const char *run, const struct cb_ds_instance *at, size_t n,
                          struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO instance VALUES (?,?,?,?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (const struct cb_ds_instance *i = at; i < at + n; i++)
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(run), CB_INT(i->block), CB_INT(i->arm), CB_INT(i->position),
                                 CB_TEXT(i->outcome), CB_TEXT(i->reason), CB_INT(i->start_ns),
                                 CB_INT(i->stop_ns), CB_INT(i->prepare_ns), CB_INT(i->mark_jitter_ns)),
                        err) < 0)
            return -1;
    return 0;
}

/* The statements that a block's results go through. */
struct writer {
    struct cb_store *store;
    struct cb_stmt result, sample, histogram;
};

static int save_samples(struct writer *w, uint64_t id, const struct cb_ds_result *r, struct cb_err *err)
{
    for (size_t i = 0; i < r->nsamples; i++) {
        const struct cb_ds_sample *x = &r->samples[i];
        if (cb_stmt_run(&w->sample,
                        CB_BINDS(CB_INT(id), CB_INT(i), CB_INT(x->s.seq), CB_INT(x->s.iters),
                                 CB_INT(x->s.work), CB_INT(x->s.wall_ns), CB_INT(x->s.cpu_ns),
                                 CB_INT(x->warm), CB_INT(x->trusted), CB_INT(x->agent_ns), CB_INT(x->host_ns),
                                 CB_INT(x->s.peer_ns)),
                        err) < 0)
            return -1;
    }
    return 0;
}

static int save_histogram(struct writer *w, uint64_t id, const struct cb_hist *h, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    cb_hist_print(h, &text);
    if (!cb_buf_ok(&text))
        return cb_fail(err, CB_ESYS, "store: out of memory");
    return cb_stmt_run(&w->histogram,
                       CB_BINDS(CB_INT(id), CB_INT(h->min), CB_INT(h->max), CB_TEXT(cb_buf_str(&text))), err);
}

static int save_result(struct writer *w, const char *run, const struct cb_ds_result *r, struct cb_err *err)
{
    if (cb_stmt_run(&w->result,
                    CB_BINDS(CB_TEXT(run), CB_INT(r->block), CB_INT(r->arm), CB_INT(r->case_index),
                             CB_INT(r->position), CB_TEXT(r->outcome), CB_TEXT(r->reason)),
                    err) < 0)
        return -1;
    uint64_t id = cb_store_last_id(w->store);
    if (save_samples(w, id, r, err) < 0)
        return -1;
    return r->hist ? save_histogram(w, id, r->hist, err) : 0;
}

static int save_results(struct cb_store *s, const char *run, const struct cb_ds_result *at, size_t n,
                        struct cb_err *err)
{
    struct writer w = {.store = s};
    int done = 0;
    if (cb_stmt_prepare(s,
                        "INSERT INTO result (run, block, arm, case_index, position, outcome, reason) "
                        "VALUES (?,?,?,?,?,?,?)",
                        &w.result, err) < 0 ||
        cb_stmt_prepare(s, "INSERT INTO sample VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", &w.sample, err) < 0 ||
        cb_stmt_prepare(s, "INSERT INTO histogram VALUES (?,?,?,?)", &w.histogram, err) < 0)
        done = -1;
    for (size_t i = 0; done == 0 && i < n; i++)
        done = save_result(&w, run, &at[i], err);
    cb_stmt_finalize(&w.result);
    cb_stmt_finalize(&w.sample);
    cb_stmt_finalize(&w.histogram);
    return done;
}

static int save_evidence(struct cb_store *s, const char *run, const struct cb_ds_evidence *at, size_t n,
                         struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO evidence VALUES (?,?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(run), CB_INT(at[i].block), CB_INT(i),
                                 CB_INT((uint64_t)(int64_t)at[i].arm),
                                 CB_TEXT(at[i].inside ? CB_SIDE_INSIDE : CB_SIDE_HOST), CB_TEXT(at[i].key),
                                 CB_TEXT(at[i].before), CB_TEXT(at[i].after)),
                        err) < 0)
            return -1;
    return 0;
}

int cb_store_block(struct cb_store *s, const char *run_id, const struct cb_block_rows *rows,
                   struct cb_err *err)
{
    if (cb_store_exec(s, "BEGIN IMMEDIATE", err) < 0)
        return cb_wrap(err, "block %u", rows->block);
    bool ok = save_block(s, run_id, rows->block, rows->b, err) == 0 &&
              save_instances(s, run_id, rows->instances, rows->ninstances, err) == 0 &&
              save_results(s, run_id, rows->results, rows->nresults, err) == 0 &&
              save_evidence(s, run_id, rows->evidence, rows->nevidence, err) == 0;
    return cb_store_finish(s, ok ? 0 : -1, err) < 0 ? cb_wrap(err, "block %u", rows->block) : 0;
}

static int update_run(struct cb_store *s, const struct cb_ds_run *r, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(
            s,
            "UPDATE run SET blocks = ?2, complete = ?3, wall_s = ?4, measuring_s = ?5, stopped = ?6, "
            "target = ?7 WHERE id = ?1",
            &st, err) < 0)
        return -1;
    return cb_stmt_run(&st,
                       CB_BINDS(CB_TEXT(r->id), CB_INT(r->blocks), CB_INT(r->complete), CB_REAL(r->wall_s),
                                CB_REAL(r->measuring_s), CB_TEXT(r->stopped), CB_REAL(r->target)),
                       err);
}

static int update_arms(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s,
                        "UPDATE arm SET status = ?3, reason = ?4, accelerator = ?5, agent_sha256 = ?6 "
                        "WHERE run = ?1 AND arm = ?2",
                        &st, err) < 0)
        return -1;
    for (size_t i = 0; i < d->narms; i++) {
        const struct cb_ds_arm *a = &d->arms[i];
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(d->run.id), CB_INT(i), CB_TEXT(a->status), CB_TEXT(a->reason),
                                 CB_TEXT(a->accelerator), CB_TEXT(a->agent_sha256)),
                        err) < 0)
            return cb_wrap(err, "arm %s", a->name);
    }
    return 0;
}

/* What is written anew at the end. */
static int delete_facts(struct cb_store *s, const char *run, struct cb_err *err)
{
    static const char *const sql[] = {"DELETE FROM run_fact WHERE run = ?",
                                      "DELETE FROM arm_fact WHERE run = ?", "DELETE FROM look WHERE run = ?"};
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        CB_AUTOSTMT struct cb_stmt st = {0};
        if (cb_stmt_prepare(s, sql[i], &st, err) < 0 || cb_stmt_run(&st, CB_BINDS(CB_TEXT(run)), err) < 0)
            return -1;
    }
    return 0;
}

int cb_store_end_run(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    if (cb_store_exec(s, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    bool ok = update_run(s, &d->run, err) == 0 && update_arms(s, d, err) == 0 &&
              delete_facts(s, d->run.id, err) == 0 && save_run_facts(s, &d->run, err) == 0 &&
              save_looks(s, &d->run, err) == 0 && save_arm_facts(s, d, err) == 0;
    return cb_store_finish(s, ok ? 0 : -1, err);
}
