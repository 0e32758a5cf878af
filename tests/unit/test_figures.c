/* Figures: what is written for gnuplot is compared with golden files, and gnuplot draws it without a word.
 * CB_GOLDEN=write makes the golden files anew; look at the pictures before they are committed. */
#include "plots/figure.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "tests/unit/plots_fixture.h"
#include "tests/unit/unit.h"

static const struct cb_figure *figure(const char *name)
{
    const struct cb_figure *const *f = cb_figures;
    while (strcmp((*f)->name, name) != 0)
        f++;
    return *f;
}

static void compare(const char *name, const char *suffix, const struct cb_buf *text)
{
    char path[4096];
    struct cb_err err;
    CB_AUTOBUF struct cb_buf want = {0};
    snprintf(path, sizeof path, "%s.%s", name, suffix);
    CB_AUTOFD int dir = open(CB_TEST_DATA "/golden", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (getenv("CB_GOLDEN"))
        CU_ASSERT_EQUAL(cb_replace_file(dir, path, text->data, text->len, 0644, &err), 0);
    CU_ASSERT_EQUAL(cb_read_file(dir, path, 1 << 20, &want, &err), 0);
    if (strcmp(cb_buf_str(&want), cb_buf_str(text)) != 0)
        CU_FAIL("differs from its golden file");
}

static void as_before(void)
{
    struct plots_fixture f;
    plots_fixture_make(&f, 4, 6, NULL);
    for (const struct cb_figure *const *fig = cb_figures; *fig; fig++) {
        struct cb_err err;
        CB_AUTOBUF struct cb_buf script = {0};
        CB_AUTOBUF struct cb_buf data = {0};
        CU_ASSERT_EQUAL((*fig)->make(&f.report, &script, &data, &err), 0);
        compare((*fig)->name, "gp", &script);
        compare((*fig)->name, "dat", &data);
    }
    plots_fixture_free(&f);
}

/* Cases that differ by more than their size are lines of their own, each named at its end. */
static void chase_of_two_kinds(void)
{
    struct plots_fixture f;
    struct cb_err err;
    CB_AUTOBUF struct cb_buf script = {0};
    CB_AUTOBUF struct cb_buf data = {0};
    plots_fixture_make(&f, 4, 2, NULL);
    unsigned chases = 0;
    for (size_t i = 0; i < f.data.ncases; i++) {
        char *page = strstr(f.data.cases[i].params, "page=default");
        if (page && chases++ % 2)
            memcpy(page, "page=thp", sizeof "page=thp");
    }
    CU_ASSERT_EQUAL(figure("chase")->make(&f.report, &script, &data, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&script), "set label ' page=thp' at 268435456"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&script), "set label ' page=default' at 4194304"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&script), "data index 7 ")); /* four arms, two kinds */
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&script), "data index 8 "));
    plots_fixture_free(&f);
}

/* What a voided block saw is in no curve. */
static void voided_blocks_are_left_out(void)
{
    struct plots_fixture f;
    struct cb_err err;
    CB_AUTOBUF struct cb_buf script = {0};
    CB_AUTOBUF struct cb_buf data = {0};
    plots_fixture_make(&f, 4, 2, NULL);
    for (unsigned b = 0; b < 2; b++) {
        free(f.data.blocks[b].void_reason);
        f.data.blocks[b].void_reason = strdup("steal");
    }
    CU_ASSERT_EQUAL(figure("latency")->make(&f.report, &script, &data, &err), 1);
    plots_fixture_free(&f);
}

static void nothing_to_draw(void)
{
    struct plots_fixture f;
    plots_fixture_make(&f, 4, 2, NULL);
    size_t nmetrics = f.data.nmetrics;
    f.data.nmetrics = f.data.ninstances = f.data.nresults = 0;
    f.report.ladders = NULL;
    for (const struct cb_figure *const *fig = cb_figures; *fig; fig++) {
        struct cb_err err;
        CB_AUTOBUF struct cb_buf script = {0};
        CB_AUTOBUF struct cb_buf data = {0};
        CU_ASSERT_EQUAL((*fig)->make(&f.report, &script, &data, &err), 1);
        CU_ASSERT_EQUAL(cb_figure_drawable(*fig, &f.report, &err), 0);
    }
    f.data.nmetrics = nmetrics;
    f.data.ninstances = 2 * 4;
    f.data.nresults = 2 * 4 * f.data.ncases;
    plots_fixture_free(&f);
}

/* Runs gnuplot on one script and returns what it said on stderr: warnings end in no exit status. */
static void draw(const char *script, struct cb_buf *said)
{
    struct cb_err err = {0};
    CB_AUTOFD int fd = memfd_create("stderr", MFD_CLOEXEC);
    const char *const argv[] = {"gnuplot", "-d", script, NULL};
    struct cb_spawn s = {.argv = argv, .search = true, .fd_in = -1, .fd_out = -1, .fd_err = fd, .cpu = -1};
    pid_t pid;
    int status;
    CU_ASSERT_EQUAL_FATAL(cb_spawn(&s, &pid, NULL, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_wait(pid, cb_deadline_in(60 * CB_NS_PER_S), &status, &err), 0);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char text[4096];
    ssize_t n = pread(fd, text, sizeof text, 0);
    cb_buf_add(said, text, n > 0 ? (size_t)n : 0);
}

static void drawn_with(unsigned arms, unsigned blocks, const char *name)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    char dir[] = "/tmp/cb-figures-XXXXXX", path[4096];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    plots_fixture_make(&f, arms, blocks, name);
    CU_ASSERT_EQUAL(cb_figures_draw(&f.report, dir, &err), 0);
    for (const struct cb_figure *const *fig = cb_figures; *fig; fig++) {
        CB_AUTOBUF struct cb_buf said = {0};
        if (!cb_figure_drawable(*fig, &f.report, &err))
            continue;
        snprintf(path, sizeof path, "%s/%s.svg", dir, (*fig)->name);
        CU_ASSERT_EQUAL(unlink(path), 0);
        snprintf(path, sizeof path, "%s/%s.gp", dir, (*fig)->name);
        draw(path, &said);
        CU_ASSERT_STRING_EQUAL(cb_buf_str(&said), "");
        snprintf(path, sizeof path, "%s/%s.svg", dir, (*fig)->name);
        CU_ASSERT_EQUAL(access(path, R_OK), 0);
    }
    snprintf(path, sizeof path, "%s/CB_HACKED", dir);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access("CB_HACKED", F_OK), 0);
    CU_ASSERT_EQUAL(cb_remove_tree(dir, &err), 0);
    plots_fixture_free(&f);
}

static void gnuplot_is_silent(void)
{
    drawn_with(4, 6, NULL);
}

static void one_arm_one_block(void)
{
    drawn_with(1, 1, NULL);
}

static void fifty_arms(void)
{
    drawn_with(50, 2, NULL);
}

static void names_are_text(void)
{
    drawn_with(4, 2, PLOTS_HOSTILE);
}

/* Without gnuplot scripts and data are there all the same, no picture is, and the reason is a missing
 * program. */
static void gnuplot_is_missing(void)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    char dir[] = "/tmp/cb-figures-XXXXXX", path[4096];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    const char *now = getenv("PATH");
    CB_AUTOFREE char *before = strdup(now ? now : "/usr/bin:/bin");
    setenv("PATH", dir, 1);
    plots_fixture_make(&f, 4, 2, NULL);
    snprintf(path, sizeof path, "%s/start.svg", dir);
    CU_ASSERT_EQUAL(mknod(path, S_IFREG | 0600, 0), 0); /* of a run before */
    CU_ASSERT_EQUAL(cb_figures_draw(&f.report, dir, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "gnuplot"));
    if (before)
        setenv("PATH", before, 1);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    for (const struct cb_figure *const *fig = cb_figures; *fig; fig++) {
        snprintf(path, sizeof path, "%s/%s.gp", dir, (*fig)->name);
        CU_ASSERT_EQUAL(access(path, R_OK), 0);
        snprintf(path, sizeof path, "%s/%s.dat", dir, (*fig)->name);
        CU_ASSERT_EQUAL(access(path, R_OK), 0);
    }
    CU_ASSERT_EQUAL(cb_remove_tree(dir, &err), 0);
    plots_fixture_free(&f);
}

/* A picture's name that is a link to elsewhere is replaced, not written through. */
static void links_are_not_followed(void)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    char dir[] = "/tmp/cb-figures-XXXXXX", link[64], victim[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(link, sizeof link, "%s/start.svg", dir);
    snprintf(victim, sizeof victim, "%s/victim", dir);
    CB_AUTOFILE FILE *made = fopen(victim, "w");
    CU_ASSERT_EQUAL(symlink("victim", link), 0);
    plots_fixture_make(&f, 4, 2, NULL);
    CU_ASSERT_EQUAL(cb_figures_draw(&f.report, dir, &err), 0);
    fseek(made, 0, SEEK_END);
    CU_ASSERT_EQUAL(ftell(made), 0);
    CU_ASSERT_EQUAL(cb_remove_tree(dir, &err), 0);
    plots_fixture_free(&f);
}

const struct cb_suite cb_suite = {"figures",
                                  {{"as before", as_before},
                                   {"chase of two kinds", chase_of_two_kinds},
                                   {"voided blocks are left out", voided_blocks_are_left_out},
                                   {"nothing to draw", nothing_to_draw},
                                   {"gnuplot is silent", gnuplot_is_silent},
                                   {"one arm, one block", one_arm_one_block},
                                   {"fifty arms", fifty_arms},
                                   {"names are text", names_are_text},
                                   {"gnuplot is missing", gnuplot_is_missing},
                                   {"links are not followed", links_are_not_followed},
                                   CU_TEST_INFO_NULL}};
