/* The pure parts of the base: digests, histograms, numbers as text, random numbers, errors. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"
#include "bench/base/hist.h"
#include "bench/base/rng.h"
#include "bench/base/sha256.h"
#include "bench/base/units.h"
#include "bench/base/williams.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* --- SHA-256 ------------------------------------------------------------- */

/* The examples of FIPS 180-4 and its companion documents. */
static const struct {
    const char *message;
    size_t times;
    const char *digest;
} sha256_vectors[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopq"
     "rstnopqrstu",
     1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void sha256_standard(void)
{
    for (size_t i = 0; i < COUNT(sha256_vectors); i++) {
        char hex[CB_SHA256_HEX];
        struct cb_sha256 s;
        cb_sha256_init(&s);
        for (size_t k = 0; k < sha256_vectors[i].times; k++)
            cb_sha256_add(&s, sha256_vectors[i].message, strlen(sha256_vectors[i].message));
        cb_sha256_hex(&s, hex);
        CU_ASSERT_STRING_EQUAL(hex, sha256_vectors[i].digest);
    }
}

/* However the bytes are cut, at every length around a block and around the room for the padding. */
static void sha256_any_cut(void)
{
    char whole[CB_SHA256_HEX], parts[CB_SHA256_HEX], data[200];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7);
    for (size_t len = 0; len <= sizeof data; len++) {
        struct cb_sha256 s;
        cb_sha256_init(&s);
        cb_sha256_add(&s, data, len);
        cb_sha256_hex(&s, whole);
        cb_sha256_init(&s);
        cb_sha256_add(&s, data, len / 3);
        cb_sha256_add(&s, data + len / 3, len - len / 3);
        cb_sha256_hex(&s, parts);
        CU_ASSERT_STRING_EQUAL(whole, parts);
    }
}

static void sha256_of_missing_file(void)
{
    char hex[CB_SHA256_HEX];
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_sha256_file("/nonexistent", hex, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "open /nonexistent: No such file or directory");
}

/* --- histogram ----------------------------------------------------------- */

static struct cb_hist hist, other; /* 108 KiB each */

static void hist_buckets(void)
{
    for (uint32_t b = 0; b < CB_HIST_BUCKETS; b++) {
        uint64_t low = cb_hist_value(b);
        CU_ASSERT_EQUAL_FATAL(cb_hist_bucket(low), b);
        if (b > 0)
            CU_ASSERT_EQUAL_FATAL(cb_hist_bucket(low - 1), b - 1);
    }
    CU_ASSERT_EQUAL(cb_hist_bucket(UINT64_MAX), CB_HIST_BUCKETS - 1);
    CU_ASSERT_EQUAL(cb_hist_bucket(UINT64_C(1) << CB_HIST_MAX_EXP), CB_HIST_BUCKETS - 1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Every quantile is within 0.1 % of the order statistic that it stands for. */
static void hist_quantile_error(void)
{
    enum { N = 5000 };
    static uint64_t values[N];
    static const double quantiles[] = {0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    struct cb_rng rng;
    cb_rng_seed(&rng, 1);
    cb_hist_reset(&hist);
    for (size_t i = 0; i < N; i++) {
        unsigned bits = 1 + (unsigned)cb_rng_below(&rng, CB_HIST_MAX_EXP);
        values[i] = cb_rng_next(&rng) >> (64 - bits); /* all magnitudes alike */
        cb_hist_add(&hist, values[i]);
    }
    qsort(values, N, sizeof *values, by_value);
    CU_ASSERT_EQUAL(hist.min, values[0]);
    CU_ASSERT_EQUAL(hist.max, values[N - 1]);
    for (size_t i = 0; i < COUNT(quantiles); i++) {
        double rank = ceil(quantiles[i] * N);
        double exact = (double)values[rank < 1 ? 0 : (size_t)rank - 1];
        CU_ASSERT(fabs(cb_hist_quantile(&hist, quantiles[i]) - exact) <= exact * 0.001);
    }
}

static void hist_empty_and_single(void)
{
    cb_hist_reset(&hist);
    CU_ASSERT_EQUAL(cb_hist_quantile(&hist, 0.5), 0);
    CU_ASSERT_EQUAL(hist.min, UINT64_MAX);
    cb_hist_add(&hist, 1023);
    CU_ASSERT_EQUAL(cb_hist_quantile(&hist, 0), 1023);
    CU_ASSERT_EQUAL(cb_hist_quantile(&hist, 1), 1023);
}

static void fill(struct cb_hist *h, uint64_t seed)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, seed);
    cb_hist_reset(h);
    for (int i = 0; i < 1000; i++)
        cb_hist_add(h, cb_rng_below(&rng, 100000));
}

static void hist_merge_and_text(void)
{
    static struct cb_hist both, read;
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err err;
    fill(&hist, 1);
    fill(&other, 2);
    both = hist;
    cb_hist_merge(&both, &other);
    CU_ASSERT_EQUAL(both.total, 2000);
    CU_ASSERT_EQUAL(both.min, hist.min < other.min ? hist.min : other.min);
    CU_ASSERT_EQUAL(both.max, hist.max > other.max ? hist.max : other.max);

    cb_hist_reset(&read);
    cb_hist_print(&hist, &text);
    CU_ASSERT_EQUAL(cb_hist_scan(&read, cb_buf_str(&text), &err), 0);
    CU_ASSERT(!memcmp(read.count, hist.count, sizeof hist.count));
    cb_buf_clear(&text);
    cb_hist_print(&other, &text);
    CU_ASSERT_EQUAL(cb_hist_scan(&read, cb_buf_str(&text), &err), 0); /* adds */
    CU_ASSERT(!memcmp(read.count, both.count, sizeof both.count));
    CU_ASSERT_EQUAL(read.total, both.total);
}

static void hist_merge_of_empty_and_full(void)
{
    fill(&hist, 1);
    cb_hist_reset(&other);
    uint64_t min = hist.min, max = hist.max;
    cb_hist_merge(&hist, &other);
    CU_ASSERT_EQUAL(hist.min, min);
    CU_ASSERT_EQUAL(hist.max, max);

    other.count[7] = UINT32_MAX;
    other.total = UINT32_MAX;
    other.min = other.max = 7;
    hist.count[7] = 1;
    cb_hist_merge(&hist, &other);
    CU_ASSERT_EQUAL(hist.count[7], UINT32_MAX); /* stays, instead of starting again at 0 */
}

static void hist_hostile_text(void)
{
    static const char *const bad[] = {
        ",",
        "1",
        "1:",
        ":1",
        "1:2,",
        "1:2,,3:4",
        "a:1",
        "1:a",
        "-1:1",
        "1:-1",
        "+1:1",
        " 1:1",
        "1 :1",
        "1:1 ",
        "1:0",
        "2:1,1:1",
        "1:1,1:1",
        "27648:1",
        "1:1;",
        "1:1:1",
        "0x1:1",
        "1.0:1",
        "\n",
        "99999999999999999999:1",
        "1:4294967296",
        "1:\xff",
    };
    struct cb_err err;
    for (size_t i = 0; i < COUNT(bad); i++) {
        cb_hist_reset(&hist);
        CU_ASSERT_EQUAL(cb_hist_scan(&hist, bad[i], &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EPROTO);
        cb_hist_add(&hist, 5);
        CU_ASSERT(cb_hist_quantile(&hist, 0.5) >= 0); /* usable still */
    }
    cb_hist_reset(&hist);
    CU_ASSERT_EQUAL(cb_hist_scan(&hist, "", &err), 0);
    CU_ASSERT_EQUAL(cb_hist_scan(&hist, "0:1,27647:4294967295", &err), 0);
    CU_ASSERT_EQUAL(cb_hist_scan(&hist, "27647:1", &err), -1); /* the counter is full */
    CU_ASSERT_EQUAL(hist.total, UINT64_C(4294967296));
    CU_ASSERT_EQUAL(hist.max, cb_hist_value(CB_HIST_BUCKETS - 1));
}

/* --- units --------------------------------------------------------------- */

struct number_row {
    const char *text;
    int result;
    uint64_t value;
};

static const struct number_row time_rows[] = {
    {"7ns", 0, 7},
    {"40us", 0, 40000},
    {"250ms", 0, 250000000},
    {"10s", 0, UINT64_C(10000000000)},
    {"5m", 0, UINT64_C(300000000000)},
    {"1h", 0, UINT64_C(3600000000000)},
    {"0s", 0, 0},
    {"10", -1, 0},
    {"", -1, 0},
    {"s", -1, 0},
    {"-1s", -1, 0},
    {"1.5s", -1, 0},
    {" 1s", -1, 0},
    {"1s ", -1, 0},
    {"1S", -1, 0},
    {"1 s", -1, 0},
    {"18446744073709551615ns", 0, UINT64_MAX},
    {"18446744073709551616ns", -1, 0},
    {"18446744073709551615us", -1, 0},
};

static const struct number_row size_rows[] = {
    {"0", 0, 0},
    {"4096", 0, 4096},
    {"64K", 0, 65536},
    {"1M", 0, 1048576},
    {"2G", 0, UINT64_C(2147483648)},
    {"1T", 0, UINT64_C(1099511627776)},
    {"64k", -1, 0},
    {"64KB", -1, 0},
    {"K", -1, 0},
    {"", -1, 0},
    {"-1", -1, 0},
    {"0x10", -1, 0},
    {"18014398509481984K", -1, 0},
    {"99999999999999999999", -1, 0},
};

static void check_rows(const struct number_row *rows, size_t n,
                       int (*parse)(const char *, uint64_t *, struct cb_err *))
{
    for (size_t i = 0; i < n; i++) {
        struct cb_err err = {0};
        uint64_t value = 0;
        CU_ASSERT_EQUAL(parse(rows[i].text, &value, &err), rows[i].result);
        if (rows[i].result == 0)
            CU_ASSERT_EQUAL(value, rows[i].value);
        if (rows[i].result < 0)
            CU_ASSERT(err.code == CB_EUSAGE && strstr(err.msg, rows[i].text));
    }
}

static void parse_time_and_size(void)
{
    check_rows(time_rows, COUNT(time_rows), cb_parse_time);
    check_rows(size_rows, COUNT(size_rows), cb_parse_size);
}

static void parse_numbers(void)
{
    static const char *const bad_doubles[] = {"",    " 1",    "1 ",  "0x10", "inf",
                                              "nan", "1e999", "1,5", "1.5x", "."};
    struct cb_err err;
    uint64_t n;
    double v;
    CU_ASSERT(cb_parse_u64("18446744073709551615", 0, UINT64_MAX, &n, &err) == 0 && n == UINT64_MAX);
    CU_ASSERT_EQUAL(cb_parse_u64("18446744073709551616", 0, UINT64_MAX, &n, &err), -1);
    CU_ASSERT(cb_parse_u64("5", 5, 5, &n, &err) == 0 && n == 5);
    CU_ASSERT_EQUAL(cb_parse_u64("4", 5, 9, &n, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "4 is not within 5 and 9");
    CU_ASSERT_EQUAL(cb_parse_u64("10", 5, 9, &n, &err), -1);
    CU_ASSERT_EQUAL(cb_parse_u64("+5", 5, 9, &n, &err), -1);
    CU_ASSERT(cb_parse_double("-1.5e3", &v, &err) == 0 && v == -1500);
    for (size_t i = 0; i < COUNT(bad_doubles); i++)
        CU_ASSERT_EQUAL(cb_parse_double(bad_doubles[i], &v, &err), -1);
}

static void format_numbers(void)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0, "0"},           {104, "104"},          {10.4, "10.4"},    {1.04, "1.04"},  {0.104, "0.104"},
        {-1.5, "-1.50"},    {999.7, "1000"},       {99.96, "100"},    {9.996, "10.0"}, {1234567, "1230000"},
        {1.3e7, "1.3e+07"}, {0.001234, "0.00123"}, {INFINITY, "inf"}, {1e-9, "1e-09"},
    };
    char out[64];
    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_STRING_EQUAL(cb_format_sig3(rows[i].v, out, sizeof out), rows[i].text);
}

static void format_sizes_and_times(void)
{
    static const struct {
        uint64_t v;
        const char *text;
    } sizes[] = {{0, "0"},
                 {7, "7"},
                 {1025, "1025"},
                 {65536, "64K"},
                 {1048576, "1M"},
                 {1048576 + 1024, "1025K"},
                 {UINT64_C(1) << 40, "1T"}},
      times[] = {{0, "0 ns"},
                 {7, "7 ns"},
                 {1500, "1.5 us"},
                 {40000, "40 us"},
                 {2400000, "2.4 ms"},
                 {310000000, "310 ms"},
                 {UINT64_C(2400000000), "2.4 s"},
                 {UINT64_C(120000000000), "2 min"},
                 {UINT64_C(250000000000), "4 min 10 s"},
                 {UINT64_C(3900000000000), "1 h 5 min"}};
    char out[64];
    for (size_t i = 0; i < COUNT(sizes); i++)
        CU_ASSERT_STRING_EQUAL(cb_format_size(sizes[i].v, out, sizeof out), sizes[i].text);
    for (size_t i = 0; i < COUNT(times); i++)
        CU_ASSERT_STRING_EQUAL(cb_format_time(times[i].v, out, sizeof out), times[i].text);
}

/* --- random numbers ------------------------------------------------------ */

static void random_vectors(void)
{
    static const uint64_t mixed[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                     UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                     UINT64_C(16408922859458223821)};
    static const uint64_t from_1234[] = {11520,
                                         0,
                                         1509978240,
                                         UINT64_C(1215971899390074240),
                                         UINT64_C(1216172134540287360),
                                         UINT64_C(607988272756665600)};
    static const uint64_t seed_42[] = {UINT64_C(1546998764402558742), UINT64_C(6990951692964543102),
                                       UINT64_C(12544586762248559009)};
    struct cb_rng rng = {{1, 2, 3, 4}};
    uint64_t state = 1234567;
    for (size_t i = 0; i < COUNT(mixed); i++)
        CU_ASSERT_EQUAL(cb_splitmix64(&state), mixed[i]);
    for (size_t i = 0; i < COUNT(from_1234); i++)
        CU_ASSERT_EQUAL(cb_rng_next(&rng), from_1234[i]);
    cb_rng_seed(&rng, 42);
    for (size_t i = 0; i < COUNT(seed_42); i++)
        CU_ASSERT_EQUAL(cb_rng_next(&rng), seed_42[i]);
}

static void random_ranges(void)
{
    static const unsigned below_10[] = {0, 3, 6, 9, 9, 7, 7, 8, 7, 5, 6, 2, 8, 3, 7, 8};
    static const int shuffled[] = {7, 1, 6, 3, 5, 4, 2, 0};
    int items[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct cb_rng rng;
    cb_rng_seed(&rng, 42);
    for (size_t i = 0; i < COUNT(below_10); i++)
        CU_ASSERT_EQUAL(cb_rng_below(&rng, 10), below_10[i]);
    cb_rng_seed(&rng, 42);
    cb_rng_shuffle(&rng, items, COUNT(items), sizeof *items);
    CU_ASSERT(!memcmp(items, shuffled, sizeof items));
    CU_ASSERT_EQUAL(cb_seed_from(1, "ab", "c"), cb_seed_from(1, "ab", "c"));
    CU_ASSERT_NOT_EQUAL(cb_seed_from(1, "ab", "c"), cb_seed_from(1, "a", "bc"));
    CU_ASSERT_NOT_EQUAL(cb_seed_from(1, "ab", "c"), cb_seed_from(2, "ab", "c"));
}

static void check_square(unsigned n, const unsigned *rows)
{
    unsigned row[8];
    for (unsigned r = 0; r < cb_williams_rows(n); r++) {
        cb_williams_row(n, r, row);
        CU_ASSERT(!memcmp(row, rows + (size_t)r * n, n * sizeof *row));
    }
}

static void williams_vectors(void)
{
    check_square(1, (const unsigned[]){0});
    check_square(2, (const unsigned[]){0, 1, 1, 0});
    check_square(3, (const unsigned[]){0, 1, 2, 1, 2, 0, 2, 0, 1, 2, 1, 0, 0, 2, 1, 1, 0, 2});
    check_square(4, (const unsigned[]){0, 1, 3, 2, 1, 2, 0, 3, 2, 3, 1, 0, 3, 0, 2, 1});
    check_square(5, (const unsigned[]){0, 1, 4, 2, 3, 1, 2, 0, 3, 4, 2, 3, 1, 4, 0, 3, 4,
                                       2, 0, 1, 4, 0, 3, 1, 2, 3, 2, 4, 1, 0, 4, 3, 0, 2,
                                       1, 0, 4, 1, 3, 2, 1, 0, 2, 4, 3, 2, 1, 3, 0, 4});
    check_square(6, (const unsigned[]){0, 1, 5, 2, 4, 3, 1, 2, 0, 3, 5, 4, 2, 3, 1, 4, 0, 5,
                                       3, 4, 2, 5, 1, 0, 4, 5, 3, 0, 2, 1, 5, 0, 4, 1, 3, 2});
}

/* Every treatment once in every position and once after every other: what the squares are for. */
static void williams_balance(void)
{
    for (unsigned n = 2; n <= 12; n++) {
        unsigned at[12][12] = {0}, after[12][12] = {0}, row[12], times = cb_williams_rows(n) / n;
        for (unsigned r = 0; r < cb_williams_rows(n); r++) {
            cb_williams_row(n, r, row);
            for (unsigned i = 0; i < n; i++)
                at[row[i]][i]++;
            for (unsigned i = 1; i < n; i++)
                after[row[i - 1]][row[i]]++;
        }
        for (unsigned a = 0; a < n; a++)
            for (unsigned b = 0; b < n; b++)
                CU_ASSERT(at[a][b] == times && after[a][b] == (a == b ? 0 : times));
    }
}

/* --- errors and buffers -------------------------------------------------- */

static void error_texts(void)
{
    struct cb_err err;
    char longer[600];
    CU_ASSERT_EQUAL(cb_fail_sys(&err, 1, "mount %s", "/proc"), -1);
    cb_wrap(&err, "up %s", "container");
    CU_ASSERT_STRING_EQUAL(err.msg, "up container: mount /proc: Operation not permitted");
    CU_ASSERT(err.code == CB_ESYS && err.sys == 1);
    cb_fail(&err, CB_EPROTO, "guest said \033[2J\n%s", "bell\a");
    CU_ASSERT_STRING_EQUAL(err.msg, "guest said  [2J bell ");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cb_fail(&err, CB_EUSAGE, "%s", longer);
    CU_ASSERT_EQUAL(strlen(err.msg), sizeof err.msg - 1);
}

static void buffer_grows(void)
{
    CB_AUTOBUF struct cb_buf b = {0};
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        cb_buf_printf(&b, "%d,", i % 10);
    CU_ASSERT(cb_buf_ok(&b) && b.len == 2000 && strlen(cb_buf_str(&b)) == 2000);
    cb_buf_clear(&b);
    cb_buf_puts(&b, "again");
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&b), "again");
}

const struct cb_suite cb_suite = {
    "base",
    {
        {"sha256: examples of the standard", sha256_standard},
        {"sha256: any cut of the bytes", sha256_any_cut},
        {"sha256: missing file", sha256_of_missing_file},
        {"histogram: buckets and values", hist_buckets},
        {"histogram: quantiles within 0.1 %", hist_quantile_error},
        {"histogram: empty, one value", hist_empty_and_single},
        {"histogram: merge, print, scan", hist_merge_and_text},
        {"histogram: merge with empty, with full", hist_merge_of_empty_and_full},
        {"histogram: hostile text", hist_hostile_text},
        {"units: times and sizes", parse_time_and_size},
        {"units: numbers", parse_numbers},
        {"units: three digits", format_numbers},
        {"units: sizes and times for people", format_sizes_and_times},
        {"random: vectors", random_vectors},
        {"random: ranges and shuffle", random_ranges},
        {"williams: vectors", williams_vectors},
        {"williams: balance", williams_balance},
        {"errors: one line, outermost first", error_texts},
        {"buffer: grows", buffer_grows},
        CU_TEST_INFO_NULL,
    },
};
