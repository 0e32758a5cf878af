#include "cli/render.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <langinfo.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/bench.h"
#include "plots/report.h"
#include "results/export.h"

int cb_render_formats(const char *text, unsigned *formats, struct cb_err *err)
{
    static const struct {
        const char *name;
        unsigned flag;
    } known[] = {{"json", CB_RENDER_JSON}, {"csv", CB_RENDER_CSV},   {"html", CB_RENDER_HTML},
                 {"md", CB_RENDER_MD},     {"term", CB_RENDER_TERM}, {"all", CB_RENDER_ALL}};
    *formats = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ","), i = 0, count = sizeof known / sizeof *known;
        while (i < count && (strlen(known[i].name) != n || memcmp(known[i].name, p, n) != 0))
            i++;
        if (i == count)
            return cb_fail(err, CB_EUSAGE, "--format %.*s: none of html, md, json, csv, term, all", (int)n,
                           p);
        *formats |= known[i].flag;
        p += n + (p[n] == ',');
    }
    return *formats ? 0 : cb_fail(err, CB_EUSAGE, "--format: nothing to render");
}

static int write_text(int dir, const char *name, const struct cb_buf *text, struct cb_err *err)
{
    if (!cb_buf_ok(text))
        return cb_fail(err, CB_ESYS, "%s: out of memory", name);
    return cb_replace_file(dir, name, cb_buf_str(text), text->len, 0644, err);
}

static int terminal_columns(void)
{
    struct winsize w;
    const char *env = getenv("COLUMNS");
    int n = env ? atoi(env) : 0;
    if (n == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
        n = w.ws_col;
    return n < 80 ? (n == 0 ? 100 : 80) : n > 100 ? 100 : n;
}

static int render_term(const struct cb_report *r, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf out = {0};
    setlocale(LC_CTYPE, "");
    struct cb_term_style style = {
        .columns = terminal_columns(),
        .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
    if (cb_report_term(r, &style, &out, err) < 0)
        return -1;
    if (fputs(cb_buf_str(&out), stdout) == EOF || fflush(stdout) == EOF)
        return cb_fail_sys(err, errno, "write the table");
    return 0;
}

/* Draws the figures into plots/, for which *plots_fd is opened. Without gnuplot *drawn is false, and said so.
 */
static int draw(const struct cb_report *r, int dir, const char *run_dir, int *plots_fd, bool *drawn,
                struct cb_err *err)
{
    char plots[4096];
    struct cb_err drawing = {0};
    if (mkdirat(dir, "plots", 0755) < 0 && errno != EEXIST)
        return cb_fail_sys(err, errno, "create plots");
    *plots_fd = openat(dir, "plots", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*plots_fd < 0)
        return cb_fail_sys(err, errno, "open plots");
    if (cb_path(plots, sizeof plots, err, "%s/plots", run_dir) < 0)
        return -1;
    *drawn = cb_figures_draw(r, plots, &drawing) == 0;
    if (*drawn)
        return 0;
    if (drawing.code != CB_EMISSING) {
        *err = drawing;
        return -1;
    }
    fprintf(stderr, "cbench: no pictures: %s\n", drawing.msg);
    return 0;
}

/* The page and the Markdown: both show the figures. */
static int render_pages(const struct cb_report *r, int dir, const char *run_dir, unsigned formats,
                        struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf html = {0};
    CB_AUTOBUF struct cb_buf md = {0};
    CB_AUTOFD int plots_fd = -1;
    bool drawn;
    if (draw(r, dir, run_dir, &plots_fd, &drawn, err) < 0)
        return -1;
    if ((formats & CB_RENDER_HTML) &&
        (cb_report_html(r, plots_fd, &html, err) < 0 || write_text(dir, "report.html", &html, err) < 0))
        return -1;
    if ((formats & CB_RENDER_MD) &&
        (cb_report_md(r, drawn ? "plots" : NULL, &md, err) < 0 || write_text(dir, "report.md", &md, err) < 0))
        return -1;
    return 0;
}

static int render_files(const struct cb_report *r, const char *run_dir, unsigned formats, struct cb_err *err)
{
    CB_AUTOFD int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", run_dir);
    CB_AUTOBUF struct cb_buf json = {0};
    CB_AUTOBUF struct cb_buf csv = {0};
    if ((formats & CB_RENDER_JSON) &&
        (cb_export_run_json(r->data, r->rows, r->notes, r->ladders, r->verdicts->json, &json, err) < 0 ||
         write_text(dir, "run.json", &json, err) < 0))
        return -1;
    if ((formats & CB_RENDER_CSV) &&
        (cb_export_samples_csv(r->data, &csv, err) < 0 || write_text(dir, "samples.csv", &csv, err) < 0))
        return -1;
    if (formats & (CB_RENDER_HTML | CB_RENDER_MD))
        return render_pages(r, dir, run_dir, formats, err);
    return 0;
}

static bool has_case_of(const struct cb_dataset *d, const char *bench)
{
    for (size_t i = 0; i < d->ncases; i++)
        if (strcmp(d->cases[i].bench, bench) == 0)
            return true;
    return false;
}

/* " --bench a,b" where the run left benchmarks out. */
static void benches_of(const struct cb_dataset *d, struct cb_buf *out)
{
    const char *before = " --bench ";
    bool all = true;
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        all &= has_case_of(d, (*b)->name);
    for (size_t i = 0; !all && i < d->ncases; i++)
        if (i == 0 || strcmp(d->cases[i].bench, d->cases[i - 1].bench) != 0) {
            cb_buf_printf(out, "%s%s", before, d->cases[i].bench);
            before = ",";
        }
}

/* " --cpus 2" where the arms had more than one. */
static void cpus_of(const struct cb_dataset *d, struct cb_buf *out)
{
    const char *n = cb_kv_get(&d->run.host, "cpus.arm", "1");
    if (strcmp(n, "1") != 0)
        cb_buf_printf(out, " --cpus %s", n);
}

/* Is the arm one that every run of ladders has, or a rung of them? */
static bool comes_with_ladders(const struct cb_dataset *d, unsigned arm)
{
    enum cb_role role = cb_dataset_role(d, arm);
    bool found = role == CB_ROLE_BASELINE || role == CB_ROLE_AGAIN;
    for (size_t i = 0; i < d->nsteps; i++)
        found |= d->steps[i].arm == arm || d->steps[i].base == arm;
    return found;
}

/* " --ladder container", and the arms that no ladder brings. */
static void arms_of(const struct cb_dataset *d, struct cb_buf *out)
{
    for (size_t i = 0; i < d->nsteps; i++)
        if (i == 0 || strcmp(d->steps[i].ladder, d->steps[i - 1].ladder) != 0)
            cb_buf_printf(out, " --ladder %s", d->steps[i].ladder);
    for (unsigned i = 0; i < d->narms; i++)
        if (!d->nsteps || !comes_with_ladders(d, i))
            cb_buf_printf(out, " --arm %s", d->arms[i].name);
}

/* What a reader types to measure the same again. */
static void command_of(const struct cb_dataset *d, struct cb_buf *out)
{
    cb_buf_printf(out, "cbench run --seed %" PRIu64 "%s --blocks %u", d->run.seed,
                  d->run.quick ? " --quick" : "", d->run.blocks);
    benches_of(d, out);
    cpus_of(d, out);
    arms_of(d, out);
}

/* What verify last said about the run; nothing where no run.json is there yet, or where it is none any more:
 * it is about to be written anew. */
static void load_verdicts(const char *run_dir, struct cb_verdict_list *out)
{
    CB_AUTOBUF struct cb_buf json = {0};
    struct cb_err none;
    CB_AUTOFD int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir >= 0 && cb_read_file(dir, "run.json", CB_RUN_JSON_MAX, &json, &none) == 0)
        (void)cb_verdict_list_read(cb_buf_str(&json), out, &none);
}

int cb_render(const struct cb_dataset *d, const char *run_dir, unsigned formats, struct cb_err *err)
{
    struct cb_rows rows = {0};
    struct cb_notes notes = {0};
    struct cb_ladders ladders = {0};
    struct cb_verdict_list verdicts = {0};
    CB_AUTOBUF struct cb_buf command = {0};
    command_of(d, &command);
    load_verdicts(run_dir, &verdicts);
    int got = cb_effects(d, &rows, err);
    if (got == 0)
        got = cb_confounds(d, &rows, &notes, err);
    if (got == 0)
        got = cb_ladders(d, &rows, &ladders, err);
    struct cb_report r = {.data = d,
                          .rows = &rows,
                          .notes = &notes,
                          .ladders = &ladders,
                          .verdicts = &verdicts,
                          .command = cb_buf_str(&command)};
    if (got == 0)
        got = render_files(&r, run_dir, formats, err);
    if (got == 0 && (formats & CB_RENDER_TERM))
        got = render_term(&r, err);
    cb_verdict_list_free(&verdicts);
    cb_ladders_free(&ladders);
    cb_notes_free(&notes);
    cb_rows_free(&rows);
    return got;
}
