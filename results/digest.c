#include "results/digest.h"

#include <inttypes.h>
#include <string.h>

#include "bench/base/buf.h"

/* Texts are written with their length in front: none can pass for another line. */
static void put_text(struct cb_buf *out, const char *s)
{
    cb_buf_printf(out, " %zu:%s", strlen(s), s);
}

static void put_case(struct cb_buf *out, const struct cb_ds_case *c)
{
    cb_buf_printf(out, "case %" PRIu64 " %" PRIu64, c->iters, c->seed);
    put_text(out, c->bench);
    put_text(out, c->params);
    cb_buf_puts(out, "\n");
}

static void put_block(struct cb_buf *out, const struct cb_ds_block *b)
{
    cb_buf_printf(out, "block %u %" PRIu64 " %" PRIu64, b->row, b->begin_ns, b->end_ns);
    put_text(out, b->void_reason);
    cb_buf_puts(out, "\n");
}

static void put_instance(struct cb_buf *out, const struct cb_ds_instance *i)
{
    cb_buf_printf(out, "instance %u %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, i->block, i->arm,
                  i->position, i->start_ns, i->stop_ns, i->prepare_ns, i->mark_jitter_ns);
    put_text(out, i->outcome);
    put_text(out, i->reason);
    cb_buf_puts(out, "\n");
}

/* The peer's time only where it was asked for: samples without it keep the digest that they had before it was
 * recorded. */
static void put_sample(struct cb_buf *out, const struct cb_ds_sample *s)
{
    cb_buf_printf(
        out, "sample %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %d %" PRIu64 " %" PRIu64,
        s->s.seq, s->s.iters, s->s.work, s->s.wall_ns, s->s.cpu_ns, s->warm, s->trusted, s->agent_ns,
        s->host_ns);
    if (s->s.peer_ns)
        cb_buf_printf(out, " %" PRIu64, s->s.peer_ns);
    cb_buf_puts(out, "\n");
}

static void put_result(struct cb_buf *out, const struct cb_ds_result *r)
{
    cb_buf_printf(out, "result %u %u %u %u", r->block, r->arm, r->case_index, r->position);
    put_text(out, r->outcome);
    put_text(out, r->reason);
    cb_buf_puts(out, "\n");
    for (size_t i = 0; i < r->nsamples; i++)
        put_sample(out, &r->samples[i]);
    if (!r->hist)
        return;
    cb_buf_printf(out, "hist %" PRIu64 " %" PRIu64 " ", r->hist->min, r->hist->max);
    cb_hist_print(r->hist, out);
    cb_buf_puts(out, "\n");
}

static void put_evidence(struct cb_buf *out, const struct cb_ds_evidence *e)
{
    cb_buf_printf(out, "evidence %u %d %d", e->block, e->arm, e->inside);
    put_text(out, e->key);
    put_text(out, e->before);
    put_text(out, e->after);
    cb_buf_puts(out, "\n");
}

/* Hashes what the buffer holds and empties it; its memory is used again. */
static void take(struct cb_sha256 *sha, struct cb_buf *buf)
{
    cb_sha256_add(sha, cb_buf_str(buf), buf->len);
    cb_buf_clear(buf);
}

int cb_observations_digest(const struct cb_dataset *d, char out[CB_SHA256_HEX], struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf buf = {0};
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    for (size_t i = 0; i < d->ncases; i++)
        put_case(&buf, &d->cases[i]);
    for (size_t i = 0; i < d->nblocks; i++)
        put_block(&buf, &d->blocks[i]);
    for (size_t i = 0; i < d->ninstances; i++)
        put_instance(&buf, &d->instances[i]);
    for (size_t i = 0; i < d->nevidence; i++)
        put_evidence(&buf, &d->evidence[i]);
    take(&sha, &buf);
    for (size_t i = 0; i < d->nresults; i++) {
        put_result(&buf, &d->results[i]);
        take(&sha, &buf);
    }
    cb_sha256_hex(&sha, out);
    return cb_buf_ok(&buf) ? 0 : cb_fail(err, CB_ESYS, "digest: out of memory");
}
