/* The protocol: what is encoded decodes to the same, and nothing else is taken. Also the table of benchmarks
 * and the texts of their parameters. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/rng.h"
#include "bench/bench.h"
#include "bench/wire.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* --- round trips --------------------------------------------------------- */

static uint64_t number(struct cb_rng *r, uint64_t min, uint64_t max)
{
    switch (cb_rng_below(r, 4)) {
    case 0:
        return min;
    case 1:
        return max;
    default:
        return max - min == UINT64_MAX ? cb_rng_next(r) : min + cb_rng_below(r, max - min + 1);
    }
}

/* Characters of one to four bytes, and those that need an escape. */
static void text(struct cb_rng *r, char *out, size_t cap, size_t min)
{
    static const char *const pieces[] = {"a", "Z", "9",  " ", "%",      "=",      "~",
                                         "/", ",", "\"", "<", "\u00e9", "\u2013", "\U0001f600"};
    size_t want = min + cb_rng_below(r, cap - min), len = 0;
    while (len < want) {
        const char *piece = pieces[cb_rng_below(r, COUNT(pieces))];
        size_t n = strlen(piece);
        if (len + n > cap - 1)
            break;
        memcpy(out + len, piece, n);
        len += n;
    }
    for (; len < min; len++)
        out[len] = 'x';
    out[len] = '\0';
}

#define TEXT(field, min) text(r, (field), sizeof(field), (min))

static void random_agent_message(struct cb_rng *r, struct cb_wire_msg *m)
{
    switch (m->verb) {
    case CB_VERB_HELLO:
        TEXT(m->hello.build, 1);
        m->hello.pid = (uint32_t)number(r, 1, INT32_MAX);
        break;
    case CB_VERB_DIGEST:
        memset(m->digest.sha256, 'f', CB_SHA256_HEX - 1);
        break;
    case CB_VERB_FACT:
        TEXT(m->fact.key, 1);
        TEXT(m->fact.value, 0);
        break;
    case CB_VERB_CALIB:
        m->calib.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->calib.iters = number(r, 1, CB_WIRE_ITERS_MAX);
        m->calib.wall_ns = number(r, 1, CB_WIRE_NS_MAX);
        break;
    case CB_VERB_MARK:
        m->mark.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->mark.seq = (uint32_t)number(r, 0, UINT32_MAX);
        m->mark.clock_ns = number(r, 0, UINT64_MAX);
        break;
    case CB_VERB_SAMPLE:
        m->sample.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->sample.warm = (uint32_t)number(r, 0, 1);
        m->sample.clock_ns = number(r, 0, UINT64_MAX);
        m->sample.sample.seq = (uint32_t)number(r, 0, UINT32_MAX);
        m->sample.sample.iters = number(r, 1, CB_WIRE_ITERS_MAX);
        m->sample.sample.work = number(r, 0, UINT64_MAX);
        m->sample.sample.wall_ns = number(r, 1, CB_WIRE_NS_MAX);
        m->sample.sample.cpu_ns = number(r, 0, UINT64_MAX);
        m->sample.sample.peer_ns = number(r, 0, UINT64_MAX);
        break;
    case CB_VERB_HIST:
        m->hist.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->hist.min_ns = number(r, 0, CB_WIRE_NS_MAX);
        m->hist.max_ns = number(r, 0, CB_WIRE_NS_MAX);
        memset(m->hist.counts, '8', 1 + cb_rng_below(r, CB_WIRE_HIST - 1));
        break;
    case CB_VERB_DONE:
        m->done.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->done.samples = (uint32_t)number(r, 0, UINT32_MAX);
        m->done.checksum = number(r, 0, UINT64_MAX);
        break;
    case CB_VERB_ERROR:
        m->error.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->error.code = (uint32_t)number(r, CB_ESYS, CB_EUNFIT);
        TEXT(m->error.text, 0);
        break;
    default:
        break;
    }
}

static void random_message(struct cb_rng *r, struct cb_wire_msg *m)
{
    memset(m, 0, sizeof *m);
    m->verb = (enum cb_verb)cb_rng_below(r, CB_VERB_BYE + 1);
    switch (m->verb) {
    case CB_VERB_ENV:
        TEXT(m->env.scratch, 0);
        TEXT(m->env.peer, 0);
        TEXT(m->env.device, 0);
        TEXT(m->env.address, 0);
        m->env.slow_ppm = (uint32_t)number(r, 0, CB_WIRE_SLOW_MAX);
        break;
    case CB_VERB_RUN:
        TEXT(m->run.bench, 1);
        TEXT(m->run.params, 0);
        m->run.id = (uint32_t)number(r, 0, UINT32_MAX);
        m->run.seed = number(r, 0, UINT64_MAX);
        m->run.iters = number(r, 0, CB_WIRE_ITERS_MAX);
        m->run.samples_min = (uint32_t)number(r, 0, 1000000);
        m->run.samples_max = (uint32_t)number(r, 0, 1000000);
        m->run.warm_ns = number(r, 0, CB_WIRE_NS_MAX);
        m->run.time_ns = number(r, 0, CB_WIRE_NS_MAX);
        m->run.timeout_ns = number(r, 1, CB_WIRE_NS_MAX);
        break;
    case CB_VERB_PING:
    case CB_VERB_PONG:
        m->ping.seq = (uint32_t)number(r, 0, UINT32_MAX);
        m->ping.clock_ns = number(r, 0, UINT64_MAX);
        break;
    default:
        random_agent_message(r, m);
    }
}

static void round_trips(void)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        struct cb_wire_msg sent, got;
        struct cb_err err;
        char line[CB_LINE_MAX];
        size_t len;
        random_message(&rng, &sent);
        CU_ASSERT_EQUAL_FATAL(cb_wire_encode(&sent, line, &len, &err), 0);
        CU_ASSERT_FATAL(len <= CB_LINE_MAX && line[len - 1] == '\n');
        line[len - 1] = '\0';
        CU_ASSERT_EQUAL_FATAL(strlen(line), len - 1);
        CU_ASSERT_EQUAL_FATAL(cb_wire_decode(line, &got, &err), 0);
        /* Padding too is zero on both sides: nothing assigns a whole struct. */
        CU_ASSERT_FATAL(
            !memcmp(&sent, &got, sizeof sent)); /* NOLINT(bugprone-suspicious-memory-comparison) */
    }
}

/* Whatever is done to a line, either it is refused or it is the one spelling of what came out of it. */
static void mutations(void)
{
    struct cb_rng rng;
    unsigned refused = 0;
    cb_rng_seed(&rng, 11);
    for (int i = 0; i < 50000; i++) {
        struct cb_wire_msg m;
        struct cb_err err = {0};
        char line[CB_LINE_MAX], again[CB_LINE_MAX];
        size_t len, at;
        random_message(&rng, &m);
        CU_ASSERT_EQUAL_FATAL(cb_wire_encode(&m, line, &len, &err), 0);
        line[len - 1] = '\0';
        at = cb_rng_below(&rng, len);
        line[at] = (char)cb_rng_below(&rng, 256); /* sometimes the end, sometimes a new one */
        line[CB_LINE_MAX - 1] = '\0';
        if (at == len - 1 && len < CB_LINE_MAX)
            line[len] = '\0';
        if (cb_wire_decode(line, &m, &err) < 0) {
            CU_ASSERT_FATAL(err.code == CB_EPROTO && *err.msg);
            refused++;
            continue;
        }
        CU_ASSERT_EQUAL_FATAL(cb_wire_encode(&m, again, &len, &err), 0);
        CU_ASSERT_FATAL(strlen(line) == len - 1 && !memcmp(line, again, len - 1));
    }
    CU_ASSERT(refused > 10000);
}

/* --- what is not taken --------------------------------------------------- */

static void good_lines(void)
{
    struct cb_wire_msg m;
    struct cb_err err;
    CU_ASSERT(cb_wire_decode("bye", &m, &err) == 0 && m.verb == CB_VERB_BYE);
    CU_ASSERT_EQUAL(cb_wire_decode("mark id=1 seq=2 clock_ns=18446744073709551615", &m, &err), 0);
    CU_ASSERT(m.mark.id == 1 && m.mark.seq == 2 && m.mark.clock_ns == UINT64_MAX);
    CU_ASSERT_EQUAL(
        cb_wire_decode("sample id=1 seq=1 warm=0 iters=1 work=2 wall_ns=3 cpu_ns=4 peer_ns=5 clock_ns=6", &m,
                       &err),
        0);
    CU_ASSERT(m.sample.sample.cpu_ns == 4 && m.sample.sample.peer_ns == 5);
    CU_ASSERT_EQUAL(cb_wire_decode("fact key=a value=%20%25%3Db%C3%A9", &m, &err), 0);
    CU_ASSERT_STRING_EQUAL(m.fact.value, " %=b\u00e9");
    CU_ASSERT_EQUAL(cb_wire_decode("fact key=a value=", &m, &err), 0);
    CU_ASSERT_STRING_EQUAL(m.fact.value, "");
}

static void hostile_lines(void)
{
    static const char *const bad[] = {
        /* verbs */
        "",
        " ",
        "nope",
        "BYE",
        "by",
        "byee",
        "bye ",
        " bye",
        "bye x=1",
        "\x7f",
        "bye\r",
        "bye\tx",
        /* keys: unknown, repeated, missing, moved */
        "mark id=1 seq=2 clock_ns=3 x=4",
        "mark id=1 id=1 seq=2 clock_ns=3",
        "mark id=1 seq=2",
        "mark seq=2 id=1 clock_ns=3",
        "mark id=1 seq=2 clock_ns",
        "mark id=1 seq=2 =3",
        "mark",
        "mark ",
        "mark id=1  seq=2 clock_ns=3",
        "mark id=1 seq=2 clock_ns=3 ",
        "mark id==1 seq=2 clock_ns=3",
        "mark Id=1 seq=2 clock_ns=3",
        "mark\tid=1 seq=2 clock_ns=3",
        /* numbers */
        "mark id= seq=2 clock_ns=3",
        "mark id=-1 seq=2 clock_ns=3",
        "mark id=+1 seq=2 clock_ns=3",
        "mark id=01 seq=2 clock_ns=3",
        "mark id=1x seq=2 clock_ns=3",
        "mark id=0x1 seq=2 clock_ns=3",
        "mark id=1.0 seq=2 clock_ns=3",
        "mark id=1e3 seq=2 clock_ns=3",
        "mark id=%31 seq=2 clock_ns=3",
        "mark id=4294967296 seq=2 clock_ns=3",
        "mark id=1 seq=2 clock_ns=18446744073709551616",
        "mark id=1 seq=2 clock_ns=99999999999999999999999999999999",
        /* ranges: a sample of nothing, in no time, in too long a time; without the peer's time */
        "sample id=1 seq=1 warm=2 iters=1 work=0 wall_ns=1 cpu_ns=0 peer_ns=0 clock_ns=0",
        "sample id=1 seq=1 warm=0 iters=0 work=0 wall_ns=1 cpu_ns=0 peer_ns=0 clock_ns=0",
        "sample id=1 seq=1 warm=0 iters=1 work=0 wall_ns=0 cpu_ns=0 peer_ns=0 clock_ns=0",
        "sample id=1 seq=1 warm=0 iters=1 work=0 wall_ns=3600000000001 cpu_ns=0 peer_ns=0 clock_ns=0",
        "sample id=1 seq=1 warm=0 iters=281474976710657 work=0 wall_ns=1 cpu_ns=0 peer_ns=0 clock_ns=0",
        "sample id=1 seq=1 warm=0 iters=1 work=0 wall_ns=1 cpu_ns=0 clock_ns=0",
        "calib id=1 iters=0 wall_ns=1",
        "error id=1 code=0 text=fine",
        "error id=1 code=9 text=unknown",
        "hello build= pid=1",
        "hello build=a pid=0",
        "digest sha256=abc",
        ("run id=1 bench=a params= seed=1 iters=1 samples_min=1 samples_max=1000001 warm_ns=1 time_ns=1 "
         "timeout_ns=1"),
        ("run id=1 bench=a params= seed=1 iters=1 samples_min=1 samples_max=1 warm_ns=1 time_ns=1 "
         "timeout_ns=0"),
        "run id=1 bench= params= seed=1 iters=1 samples_min=1 samples_max=1 warm_ns=1 time_ns=1 timeout_ns=1",
        /* texts: escapes that are none, that are not needed, control characters, not UTF-8 */
        "fact key= value=b",
        "fact key=a value=%",
        "fact key=a value=%2",
        "fact key=a value=%G0",
        "fact key=a value=%3d",
        "fact key=a value=%41",
        "fact key=a value=%00",
        "fact key=a value=%0A",
        "fact key=a value=%1B[2J",
        "fact key=a value=%7F",
        "fact key=a value=%C2%9B",
        "fact key=a value=%C3",
        "fact key=a value=%FF",
        "fact key=a value=%C0%AF",
        "fact key=a value=%ED%A0%80",
        "fact key=a value=%F4%90%80%80",
        "fact key=a value=%E2%82",
        "fact key=a value=\x01",
        "fact key=a value=\x1b",
        "fact key=a value=\xc3\xa9",
        "fact key=a value=b=c",
        "fact key=a value=b c",
        "fact key=a value=b\n",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct cb_wire_msg m;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_wire_decode(bad[i], &m, &err), -1);
        if (err.code != CB_EPROTO || !*err.msg)
            CU_FAIL(bad[i]);
    }
}

static void too_long(void)
{
    static char line[2 * CB_LINE_MAX];
    struct cb_wire_msg m;
    struct cb_err err;
    size_t prefix = (size_t)snprintf(line, sizeof line, "fact key=a value=");
    memset(line + prefix, 'v', CB_WIRE_TEXT - 1);
    CU_ASSERT_EQUAL(cb_wire_decode(line, &m, &err), 0);
    line[prefix + CB_WIRE_TEXT - 1] = 'v'; /* one more than the field holds */
    CU_ASSERT_EQUAL(cb_wire_decode(line, &m, &err), -1);
    memset(line + prefix, 'v', sizeof line - prefix - 1);
    CU_ASSERT_EQUAL(cb_wire_decode(line, &m, &err), -1);
}

static void encode_limits(void)
{
    struct cb_wire_msg m = {.verb = CB_VERB_FACT, .fact = {.key = "k"}};
    struct cb_err err;
    char line[CB_LINE_MAX];
    size_t len;
    memset(m.fact.value, 'v', sizeof m.fact.value); /* no NUL */
    CU_ASSERT(cb_wire_encode(&m, line, &len, &err) == -1 && err.code == CB_EPROTO);
    strcpy(m.fact.value, "two\nlines");
    CU_ASSERT_EQUAL(cb_wire_encode(&m, line, &len, &err), -1);
    m = (struct cb_wire_msg){.verb = CB_VERB_CALIB, .calib = {.iters = CB_WIRE_ITERS_MAX + 1, .wall_ns = 1}};
    CU_ASSERT_EQUAL(cb_wire_encode(&m, line, &len, &err), -1);
    m.verb = (enum cb_verb)99;
    CU_ASSERT_EQUAL(cb_wire_encode(&m, line, &len, &err), -1);
    CU_ASSERT_STRING_EQUAL(cb_verb_name(CB_VERB_SAMPLE), "sample");
    CU_ASSERT_STRING_EQUAL(cb_verb_name((enum cb_verb)99), "?");
}

static void sent_as_a_line(void)
{
    const struct cb_wire_msg m = {.verb = CB_VERB_PING, .ping = {.seq = 3}};
    char got[64] = "";
    struct cb_err err;
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(cb_wire_send(ends[1], &m, &err), 0);
    CU_ASSERT(read(ends[0], got, sizeof got - 1) > 0);
    CU_ASSERT_STRING_EQUAL(got, "ping seq=3 clock_ns=0\n");
    close(ends[0]);
    CU_ASSERT_EQUAL(cb_wire_send(-1, &m, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "send ping"));
    close(ends[1]);
}

/* --- the table ----------------------------------------------------------- */

/* Rules that every row keeps: what other parts rely on. */
static void table_rows(void)
{
    for (const struct cb_bench *const *p = cb_benchmarks; *p; p++) {
        const struct cb_bench *b = *p;
        uint64_t values[CB_PARAM_MAX];
        struct cb_err err;
        CU_ASSERT_PTR_EQUAL(cb_bench_find(b->name), b); /* and so no name twice */
        CU_ASSERT(strlen(b->name) < CB_NAME_MAX && strchr(b->name, '.') && *b->summary && b->revision > 0);
        CU_ASSERT(b->metrics && b->metrics[0].quantity);
        CU_ASSERT_EQUAL(!b->loop, !!(b->needs & CB_NEED_LIFECYCLE));
        for (const struct cb_metric *m = b->metrics; m && m->quantity; m++)
            CU_ASSERT(m->scale > 0 && *m->unit && (m->derive == CB_HIST_QUANTILE) == (m->q > 0));
        CU_ASSERT_EQUAL(cb_params_parse(b, "", values, &err), 0); /* the defaults are in range */
    }
    CU_ASSERT_PTR_NULL(cb_bench_find("mem"));
    CU_ASSERT_PTR_NULL(cb_bench_find(""));
}

/* Texts of variants are canonical once the host's sizes are filled in. */
static void table_variants(void)
{
    for (const struct cb_bench *const *p = cb_benchmarks; *p; p++)
        for (const struct cb_variant *v = (*p)->variants; v && v->params; v++) {
            uint64_t values[CB_PARAM_MAX];
            struct cb_err err;
            if (!strchr(v->params, '@') && cb_params_parse(*p, v->params, values, &err) < 0)
                CU_FAIL(err.msg);
        }
}

static const struct cb_param toy_params[] = {
    {.name = "size", .type = CB_PARAM_SIZE, .def = "64K", .min = 4096, .max = 1 << 20},
    {.name = "op", .type = CB_PARAM_ENUM, .def = "copy", .choices = "copy|scale|add"},
    {.name = "depth", .type = CB_PARAM_INT, .def = "1", .min = 1, .max = 32},
    {0},
};
static const struct cb_bench toy = {.name = "toy", .params = toy_params};
static const struct cb_bench bare = {.name = "bare"};

static void params_good(void)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"", "size=65536,op=copy,depth=1"},
        {"op=add", "size=65536,op=add,depth=1"},
        {"depth=32,size=1M", "size=1048576,op=copy,depth=32"},
        {"size=4096,op=scale,depth=2", "size=4096,op=scale,depth=2"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t values[CB_PARAM_MAX];
        char out[CB_PARAMS_TEXT_MAX], again[CB_PARAMS_TEXT_MAX];
        struct cb_err err;
        CU_ASSERT_EQUAL(cb_params_parse(&toy, rows[i].text, values, &err), 0);
        CU_ASSERT_EQUAL(cb_params_format(&toy, values, out, sizeof out), 0);
        CU_ASSERT_STRING_EQUAL(out, rows[i].canonical);
        CU_ASSERT_EQUAL(cb_params_parse(&toy, out, values, &err), 0);
        CU_ASSERT_EQUAL(cb_params_format(&toy, values, again, sizeof again), 0);
        CU_ASSERT_STRING_EQUAL(out, again);
        CU_ASSERT_EQUAL(cb_params_format(&toy, values, out, 10), -1);
    }
}

static void params_bad(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"colour=red", "toy: no parameter 'colour'"},
        {"size", "toy: 'size' is not name=value"},
        {"size=64K,", "toy: '' is not name=value"},
        {",", "toy: '' is not name=value"},
        {"op=copy,op=copy", "toy: parameter op is given twice"},
        {"op=cop", "toy: parameter op: 'cop' is not one of copy|scale|add"},
        {"op=copy|scale", "toy: parameter op: 'copy|scale' is not one of copy|scale|add"},
        {"op=", "toy: parameter op: '' is not one of copy|scale|add"},
        {"size=1K", "toy: parameter size: 1K is not within 4K and 1M"},
        {"size=@l2", "toy: parameter size: '@l2' is not a size such as 4096, 64K or 2G"},
        {"depth=33", "toy: parameter depth: 33 is not within 1 and 32"},
        {"depth=-1", "toy: parameter depth: '-1' is not a whole number"},
    };
    uint64_t values[CB_PARAM_MAX];
    char longer[CB_PARAMS_TEXT_MAX + 1];
    struct cb_err err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CU_ASSERT(cb_params_parse(&toy, rows[i].text, values, &err) == -1 && err.code == CB_EUSAGE);
        CU_ASSERT_STRING_EQUAL(err.msg, rows[i].says);
    }
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    CU_ASSERT_EQUAL(cb_params_parse(&toy, longer, values, &err), -1);
    CU_ASSERT_EQUAL(cb_params_parse(&bare, "", values, &err), 0);
    CU_ASSERT_EQUAL(cb_params_parse(&bare, "size=1", values, &err), -1);
}

static void params_by_name(void)
{
    struct cb_run run = {.bench = &toy};
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_params_parse(&toy, "op=add,depth=7", run.param, &err), 0);
    CU_ASSERT_EQUAL(cb_run_param(&run, "depth"), 7);
    CU_ASSERT_EQUAL(cb_run_param(&run, "op"), 2);
    CU_ASSERT_EQUAL(cb_run_param(&run, "size"), 65536);
}

const struct cb_suite cb_suite = {
    "wire",
    {
        {"round trips of 20000 messages", round_trips},
        {"50000 lines with a byte changed", mutations},
        {"good lines", good_lines},
        {"hostile lines", hostile_lines},
        {"lines and values that are too long", too_long},
        {"limits hold for the sender too", encode_limits},
        {"a message is one line", sent_as_a_line},
        {"table: rules of a row", table_rows},
        {"table: variants", table_variants},
        {"parameters: good texts", params_good},
        {"parameters: bad texts", params_bad},
        {"parameters: by name", params_by_name},
        CU_TEST_INFO_NULL,
    },
};
