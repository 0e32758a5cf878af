#include "results/export.h"

#include <jansson.h>

#include "results/digest.h"
#include "results/text.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static json_t *exported(const struct cb_dataset *d)
{
    struct cb_rows rows;
    struct cb_notes notes;
    struct cb_ladders ladders;
    struct cb_err err = {0};
    struct cb_buf out = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(d, &rows, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_confounds(d, &rows, &notes, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_ladders(d, &rows, &ladders, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_export_run_json(d, &rows, &notes, &ladders, NULL, &out, &err), 0);
    json_error_t why;
    json_t *json = json_loads(cb_buf_str(&out), JSON_REJECT_DUPLICATES, &why);
    if (!json)
        fprintf(stderr, "line %d: %s\n", why.line, why.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    cb_buf_free(&out);
    cb_rows_free(&rows);
    cb_notes_free(&notes);
    cb_ladders_free(&ladders);
    return json;
}

static const char *string_at(json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

static void json_holds_the_contract(void)
{
    struct cb_dataset d = fixture_make(6);
    json_t *j = exported(&d), *run = json_object_get(j, "run"), *host = json_object_get(j, "host");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(j, "schema")), 1);
    CU_ASSERT_STRING_EQUAL(string_at(run, "id"), d.run.id);
    CU_ASSERT_STRING_EQUAL(string_at(run, "started"), d.run.started);
    CU_ASSERT_STRING_EQUAL(string_at(run, "version"), d.run.version);
    CU_ASSERT_STRING_EQUAL(string_at(run, "agent_sha256"), d.run.agent_sha256);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(run, "blocks")), 6);
    CU_ASSERT(json_is_false(json_object_get(run, "quick")));
    CU_ASSERT(json_is_true(json_object_get(run, "complete")));
    CU_ASSERT_EQUAL(json_real_value(json_object_get(run, "wall_s")), 412.0625);
    CU_ASSERT_EQUAL(json_real_value(json_object_get(run, "measuring_s")), 371.2);
    double all = 0;
    const char *part;
    json_t *seconds;
    json_object_foreach(json_object_get(run, "spent_s"), part, seconds) all += json_real_value(seconds);
    CU_ASSERT_DOUBLE_EQUAL(all, json_real_value(json_object_get(run, "wall_s")), 1e-9);
    CU_ASSERT(json_is_true(json_object_get(host, "virtualised")));
    CU_ASSERT_STRING_EQUAL(string_at(host, "hypervisor"), "kvm");
    CU_ASSERT_STRING_EQUAL(string_at(host, "cpu"), "Example CPU \"x\" \xc2\xb5");
    json_t *arms = json_object_get(j, "arms"), *vm = json_array_get(arms, FIXTURE_VM);
    CU_ASSERT_EQUAL(json_array_size(arms), FIXTURE_ARMS);
    CU_ASSERT_STRING_EQUAL(string_at(vm, "name"), "vm");
    CU_ASSERT_STRING_EQUAL(string_at(vm, "runner"), "vm");
    CU_ASSERT_STRING_EQUAL(string_at(vm, "status"), "ok");
    CU_ASSERT_STRING_EQUAL(string_at(vm, "reason"), "");
    CU_ASSERT_STRING_EQUAL(string_at(vm, "accelerator"), "tcg");
    CU_ASSERT_STRING_EQUAL(string_at(json_object_get(vm, "facts"), "kernel"), "6.1.0");
    CU_ASSERT_STRING_EQUAL(string_at(json_object_get(vm, "facts"), "clocksource"), "kvm-clock");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(j, "verdicts")), 0);
    CU_ASSERT(json_array_size(json_object_get(j, "notes")) > 0);
    json_decref(j);
    cb_dataset_free(&d);
}

/* Whatever was observed is in the digest, also what no median and no other export shows. */
static void digest_covers_every_observation(void)
{
    struct cb_dataset d = fixture_make(2);
    struct cb_ds_result *r = fixture_result(&d, 1, FIXTURE_VM, FIXTURE_COMMIT);
    struct cb_ds_sample *s = &r->samples[3];
    uint64_t *const numbers[] = {&s->s.iters,
                                 &s->s.work,
                                 &s->s.wall_ns,
                                 &s->s.cpu_ns,
                                 &s->s.peer_ns,
                                 &s->agent_ns,
                                 &s->host_ns,
                                 &r->hist->min,
                                 &d.cases[0].seed,
                                 &d.blocks[1].begin_ns,
                                 &d.instances[0].mark_jitter_ns};
    char before[CB_SHA256_HEX], after[CB_SHA256_HEX];
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_observations_digest(&d, before, &err), 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ++*numbers[i];
        CU_ASSERT_EQUAL(cb_observations_digest(&d, after, &err), 0);
        CU_ASSERT_STRING_NOT_EQUAL(before, after);
        --*numbers[i];
    }
    CU_ASSERT_FATAL(d.nevidence > 0);
    d.evidence[0].after[0] ^= 1;
    CU_ASSERT_EQUAL(cb_observations_digest(&d, after, &err), 0);
    CU_ASSERT_STRING_NOT_EQUAL(before, after);
    d.evidence[0].after[0] ^= 1;
    s->trusted = false;
    CU_ASSERT_EQUAL(cb_observations_digest(&d, after, &err), 0);
    CU_ASSERT_STRING_NOT_EQUAL(before, after);
    s->trusted = true;
    CU_ASSERT_EQUAL(cb_observations_digest(&d, after, &err), 0);
    CU_ASSERT_STRING_EQUAL(before, after);
    cb_dataset_free(&d);
}

/* What was stored before the peer's time was keeps its digest. */
static void digest_of_old_samples_stays(void)
{
    static const char text[] = "result 0 1 2 3 2:ok 0:\nsample 1 20 30 40 50 0 1 60 70\n";
    char ok[] = "ok", none[] = "", expected[CB_SHA256_HEX], got[CB_SHA256_HEX];
    struct cb_ds_sample s = {.s = {.seq = 1, .iters = 20, .work = 30, .wall_ns = 40, .cpu_ns = 50},
                             .trusted = true,
                             .agent_ns = 60,
                             .host_ns = 70};
    struct cb_ds_result r = {.arm = 1,
                             .case_index = 2,
                             .position = 3,
                             .outcome = ok,
                             .reason = none,
                             .samples = &s,
                             .nsamples = 1};
    const struct cb_dataset d = {.results = &r, .nresults = 1};
    struct cb_sha256 sha;
    struct cb_err err = {0};
    cb_sha256_init(&sha);
    cb_sha256_add(&sha, text, sizeof text - 1);
    cb_sha256_hex(&sha, expected);
    CU_ASSERT_EQUAL(cb_observations_digest(&d, got, &err), 0);
    CU_ASSERT_STRING_EQUAL(got, expected);
}

/* Its rows are no results: they stand apart from the others. */
static void control_stands_apart(void)
{
    struct cb_dataset d = fixture_make(10);
    json_t *j = exported(&d);
    CU_ASSERT(json_is_null(json_object_get(j, "control")));
    json_decref(j);
    fixture_set(&d.arms[FIXTURE_VM].name, "host:slow=50");
    fixture_set(&d.arms[FIXTURE_VM].runner, "host");
    j = exported(&d);
    json_t *control = json_object_get(j, "control"), *metrics = json_object_get(j, "metrics");
    CU_ASSERT_STRING_EQUAL(string_at(control, "arm"), "host:slow=50");
    CU_ASSERT_EQUAL(json_real_value(json_object_get(control, "slowdown")), .5);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(control, "seen")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(control, "of")), 2);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(control, "metrics")), FIXTURE_METRICS);
    CU_ASSERT_EQUAL(json_array_size(metrics), FIXTURE_METRICS * (FIXTURE_ARMS - 1));
    CU_ASSERT_STRING_EQUAL(string_at(json_array_get(json_object_get(j, "arms"), FIXTURE_VM), "role"),
                           "control");
    json_decref(j);
    cb_dataset_free(&d);
}

static void noise_and_its_consequences(void)
{
    struct cb_dataset d = fixture_make(3);
    fixture_set(&d.blocks[1].void_reason, "steal 3 %");
    fixture_note(&d, 2, -1, false, "load.average", "0.1", "0.9");
    fixture_note(&d, 2, -1, false, "cpu.khz", "800000", "800000");
    fixture_note(&d, 2, -1, false, "cpu.interrupts", "junk", "9");
    snprintf(d.run.stopped, sizeof d.run.stopped, "budget");
    d.run.target = .01;
    d.run.nlooks = 1;
    d.run.looks[0] = 2;
    json_t *j = exported(&d), *run = json_object_get(j, "run"), *blocks = json_object_get(j, "blocks");
    CU_ASSERT_STRING_EQUAL(string_at(run, "stopped"), "budget");
    CU_ASSERT_EQUAL(json_real_value(json_object_get(run, "target")), .01);
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(json_object_get(run, "looks"), 0)), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(run, "blocks_void")), 1);
    CU_ASSERT(json_is_true(json_object_get(run, "unfit")));
    CU_ASSERT_EQUAL(json_array_size(blocks), 3);
    CU_ASSERT_STRING_EQUAL(string_at(json_array_get(blocks, 0), "void_reason"), "");
    CU_ASSERT_STRING_EQUAL(string_at(json_array_get(blocks, 1), "void_reason"), "steal 3 %");
    json_t *noise = json_object_get(json_array_get(blocks, 2), "noise");
    CU_ASSERT_EQUAL(json_object_size(noise), 4 + 3); /* nothing of an arm's */
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(noise, "cpu.steal_ns")), 20000000);
    CU_ASSERT_STRING_EQUAL(string_at(noise, "time.source"), "tsc");
    CU_ASSERT_STRING_EQUAL(string_at(noise, "load.average"), "0.1 -> 0.9");
    CU_ASSERT_STRING_EQUAL(string_at(noise, "cpu.khz"), "800000");
    CU_ASSERT_STRING_EQUAL(string_at(noise, "cpu.interrupts"), "junk -> 9");
    json_t *row = json_array_get(json_object_get(j, "metrics"), FIXTURE_VM);
    json_t *with = json_object_get(row, "with_void");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "n")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(with, "n")), 3);
    CU_ASSERT(json_is_real(json_object_get(with, "ratio")));
    CU_ASSERT_EQUAL(json_real_value(json_object_get(row, "ci95_level")), .95);
    json_decref(j);
    cb_dataset_free(&d);
}

static void seed_loses_no_digit(void)
{
    struct cb_dataset d = fixture_make(0);
    d.run.seed = INT64_MAX;
    json_t *j = exported(&d);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(j, "run"), "seed")), INT64_MAX);
    json_decref(j);
    d.run.seed = UINT64_MAX;
    j = exported(&d);
    CU_ASSERT_STRING_EQUAL(string_at(json_object_get(j, "run"), "seed"), "18446744073709551615");
    json_decref(j);
    cb_dataset_free(&d);
}

static int same_number(json_t *json, double v)
{
    return isnan(v) ? json_is_null(json) : json_is_real(json) && json_real_value(json) == v;
}

static int same_pair(json_t *json, const double v[2])
{
    return json_array_size(json) == 2 && same_number(json_array_get(json, 0), v[0]) &&
           same_number(json_array_get(json, 1), v[1]);
}

/* Every row, every key, bit for bit. */
static void metrics_read_back_as_they_were(void)
{
    struct cb_dataset d = fixture_make(3);
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    json_t *j = exported(&d), *metrics = json_object_get(j, "metrics");
    CU_ASSERT_EQUAL_FATAL(json_array_size(metrics), rows.n);
    for (size_t i = 0; i < rows.n; i++) {
        const struct cb_row *r = &rows.at[i];
        json_t *m = json_array_get(metrics, i);
        CU_ASSERT_STRING_EQUAL(string_at(m, "name"), r->metric->name);
        CU_ASSERT_STRING_EQUAL(string_at(m, "unit"), r->metric->how.unit);
        CU_ASSERT_STRING_EQUAL(string_at(m, "better"),
                               r->metric->how.better == CB_LOWER ? "lower" : "higher");
        CU_ASSERT_STRING_EQUAL(string_at(m, "arm"), d.arms[r->arm].name);
        CU_ASSERT_STRING_EQUAL(string_at(m, "baseline"), "host");
        CU_ASSERT_STRING_EQUAL(string_at(m, "outcome"), r->outcome);
        CU_ASSERT_STRING_EQUAL(string_at(m, "reason"), r->reason);
        CU_ASSERT(same_number(json_object_get(m, "value"), r->value));
        CU_ASSERT(same_number(json_object_get(m, "baseline_value"), r->baseline_value));
        CU_ASSERT(same_number(json_object_get(m, "ratio"), r->ratio));
        CU_ASSERT(same_number(json_object_get(m, "noise_floor"), r->noise_floor));
        CU_ASSERT(same_number(json_object_get(m, "mde"), r->mde));
        CU_ASSERT(same_pair(json_object_get(m, "ci90"), r->ci90));
        CU_ASSERT(same_pair(json_object_get(m, "ci95"), r->ci95));
        CU_ASSERT_EQUAL(json_integer_value(json_object_get(m, "n")), r->n);
        CU_ASSERT_EQUAL(json_integer_value(json_object_get(m, "voided")), r->voided);
    }
    json_decref(j);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void params_are_numbers_and_words(void)
{
    struct cb_dataset d = fixture_make(0);
    json_t *j = exported(&d), *metrics = json_object_get(j, "metrics");
    json_t *p = json_object_get(json_array_get(metrics, FIXTURE_RATE * FIXTURE_ARMS), "params");
    CU_ASSERT_EQUAL(json_object_size(p), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(p, "size")), 1048576);
    CU_ASSERT_STRING_EQUAL(string_at(p, "op"), "copy");
    p = json_object_get(json_array_get(metrics, FIXTURE_P99 * FIXTURE_ARMS), "params");
    CU_ASSERT(json_is_object(p) && json_object_size(p) == 0);
    json_decref(j);
    cb_dataset_free(&d);
}

static void hostile_text_stays_inside_its_string(void)
{
    struct cb_dataset d = fixture_make(1);
    fixture_set(&d.arms[FIXTURE_VM].reason, "a\"},\n\x1b[31m\xff\xc0\x80 \\");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "kernel", "second of its name");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "\xfe", "x");
    json_t *j = exported(&d), *vm = json_array_get(json_object_get(j, "arms"), FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(string_at(vm, "reason"), "a\"},\n\x1b[31m\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \\");
    json_t *facts = json_object_get(vm, "facts");
    CU_ASSERT_STRING_EQUAL(string_at(facts, "kernel"), "6.1.0"); /* what was seen from inside */
    CU_ASSERT_STRING_EQUAL(string_at(facts, "runner.kernel"), "second of its name");
    CU_ASSERT_STRING_EQUAL(string_at(facts, "\xef\xbf\xbd"), "x");
    json_decref(j);
    cb_dataset_free(&d);
}

static void utf8_is_made_well_formed(void)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\x80", "\xef\xbf\xbd"},                                 /* a continuation alone */
        {"\xc3", "\xef\xbf\xbd"},                                 /* cut */
        {"\xc1\xbf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_buf out = {0};
        cb_text_utf8(&out, rows[i].in);
        CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), rows[i].out);
        cb_buf_free(&out);
    }
}

static void samples(const struct cb_dataset *d, struct cb_buf *out)
{
    struct cb_err err = {0};
    *out = (struct cb_buf){0};
    CU_ASSERT_EQUAL_FATAL(cb_export_samples_csv(d, out, &err), 0);
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void csv_has_a_line_a_sample(void)
{
    struct cb_dataset d = fixture_make(2);
    struct cb_buf csv;
    samples(&d, &csv);
    const char *text = cb_buf_str(&csv);
    CU_ASSERT_EQUAL(
        strncmp(text, "run,block,order,arm,instance,metric,seq,iters,work,wall_ns,cpu_ns,outcome\n", 74), 0);
    CU_ASSERT_EQUAL(count_of(text, "\n"), 1 + d.nresults * FIXTURE_SAMPLES);
    CU_ASSERT_EQUAL(count_of(text, ",warmup\n"), d.nresults);
    char line[256];
    const struct cb_ds_result *r = fixture_result(&d, 1, FIXTURE_VM, FIXTURE_CHASE);
    snprintf(line, sizeof line, "\n%s,1,%u,vm,1,mem.chase.latency,4,1000,64000,%llu,%llu,ok\n", d.run.id,
             (FIXTURE_VM + 1) % FIXTURE_ARMS, (unsigned long long)r->samples[4].s.wall_ns,
             (unsigned long long)r->samples[4].s.cpu_ns);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, line));
    cb_buf_free(&csv);
    cb_dataset_free(&d);
}

static void csv_tells_what_does_not_count(void)
{
    struct cb_dataset d = fixture_make(2);
    struct cb_buf csv;
    fixture_set(&d.blocks[0].void_reason, "steal");
    fixture_result(&d, 1, FIXTURE_HOST, FIXTURE_CHASE)->samples[2].trusted = false;
    struct cb_ds_result *r = fixture_result(&d, 1, FIXTURE_VM, FIXTURE_STREAM);
    fixture_set(&r->outcome, "failed");
    r->nsamples = 0;
    samples(&d, &csv);
    const char *text = cb_buf_str(&csv);
    CU_ASSERT_EQUAL(count_of(text, ",void\n"), d.nresults / 2 * FIXTURE_SAMPLES);
    CU_ASSERT_EQUAL(count_of(text, ",untrusted\n"), 1);
    CU_ASSERT_EQUAL(count_of(text, ",vm,1,mem.stream.rate,,,,,,failed\n"), 1);
    cb_buf_free(&csv);
    cb_dataset_free(&d);
}

static void csv_tells_variants_apart_and_quotes(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_buf csv;
    /* The chase twice, by other parameters; an arm that wants to be three columns. */
    fixture_set(&d.metrics[FIXTURE_LATENCY].name, "mem.stream.rate");
    fixture_set(&d.arms[FIXTURE_VM].name, "exec:cmd=a,\"b\"");
    samples(&d, &csv);
    const char *text = cb_buf_str(&csv);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, ",\"mem.stream.rate{size=1048576,op=copy}\","));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, ",mem.stream.rate{size=65536},"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, ",\"exec:cmd=a,\"\"b\"\"\","));
    cb_buf_free(&csv);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {
    "export",
    {{"run.json holds the contract", json_holds_the_contract},
     {"noise and its consequences", noise_and_its_consequences},
     {"the seed loses no digit", seed_loses_no_digit},
     {"the digest covers every observation", digest_covers_every_observation},
     {"the digest of old samples stays", digest_of_old_samples_stays},
     {"the positive control stands apart", control_stands_apart},
     {"metrics read back as they were", metrics_read_back_as_they_were},
     {"params are numbers and words", params_are_numbers_and_words},
     {"hostile text stays inside its string", hostile_text_stays_inside_its_string},
     {"UTF-8 is made well-formed", utf8_is_made_well_formed},
     {"samples.csv has a line a sample", csv_has_a_line_a_sample},
     {"samples.csv tells what does not count", csv_tells_what_does_not_count},
     {"samples.csv tells variants apart, and quotes", csv_tells_variants_apart_and_quotes},
     CU_TEST_INFO_NULL}};
