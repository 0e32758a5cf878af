/* Filesystem kernels: what each leaves on disk, counts as work and refuses. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

static struct cb_hist hist;
static struct cb_err err;
static char scratch[32];

/* In the working directory, not in /tmp: that may be a tmpfs, which may not do O_DIRECT. */
static void make_scratch(void)
{
    snprintf(scratch, sizeof scratch, "kernels-fs-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(scratch));
}

static void drop_scratch(void)
{
    CU_ASSERT_EQUAL(cb_remove_tree(scratch, &err), 0);
}

static struct cb_run make_run(const char *bench, const char *params)
{
    struct cb_run run = {.bench = cb_bench_find(bench), .device = "", .scratch = scratch, .hist = &hist};
    CU_ASSERT_PTR_NOT_NULL_FATAL(run.bench);
    CU_ASSERT_EQUAL_FATAL(cb_params_parse(run.bench, params, run.param, &err), 0);
    cb_rng_seed(&run.rng, 1);
    cb_hist_reset(&hist);
    return run;
}

static struct cb_run begin(const char *bench, const char *params)
{
    struct cb_run run = make_run(bench, params);
    int rc = run.bench->setup(&run, &err);
    if (rc < 0)
        printf("%s %s: %s\n", bench, params, err.msg);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return run;
}

static int batch(struct cb_run *run, uint64_t iters)
{
    if (run->bench->reset && run->bench->reset(run, iters, &err) < 0)
        return -1;
    return run->bench->loop(run, iters, &err);
}

static void good_batch(struct cb_run *run, uint64_t iters)
{
    int rc = batch(run, iters);
    if (rc < 0)
        printf("%s: %s\n", run->bench->name, err.msg);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static void end(struct cb_run *run)
{
    run->bench->teardown(run);
    run->bench->teardown(run); /* safe twice */
}

/* Setup must refuse these parameters as wrong. */
static void is_refused(const char *bench, const char *params, const char *why)
{
    struct cb_run run = make_run(bench, params);
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, why));
    end(&run);
}

struct count {
    unsigned dirs, files;
    uint64_t bytes;
};

static void count_below(const char *path, struct count *n)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char below[PATH_MAX];
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        CU_ASSERT_EQUAL_FATAL(lstat(below, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            n->dirs++;
            count_below(below, n);
        } else {
            n->files++;
            n->bytes += (uint64_t)st.st_size;
        }
    }
    if (dir)
        closedir(dir);
}

static struct count count(void)
{
    struct count n = {0};
    count_below(scratch, &n);
    return n;
}

/* --- past the page cache --- */

static void engines_do_the_same_work(void)
{
    static const char *const rows[] = {
        "op=read,engine=pread,size=4M",         "op=write,engine=pread,size=4M",
        "op=read,engine=uring,size=4M",         "op=write,engine=uring,size=4M",
        "op=read,engine=uring,depth=3,size=4M", "op=write,engine=uring,depth=16,size=4M"};
    make_scratch();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = begin("fs.seq", rows[i]);
        good_batch(&run, 1); /* fewer than the depth */
        good_batch(&run, 9); /* round the file more than once */
        CU_ASSERT_EQUAL(run.work, 10 << 20);
        end(&run);
    }
    is_refused("fs.seq", "engine=pread,depth=2,size=4M", "depth=2");
    drop_scratch();
}

/* --- commits --- */

static void commits_restart_before_a_batch(void)
{
    static const char *const methods[] = {"method=fdatasync", "method=fsync", "method=dsync"};
    char path[64];
    struct stat st;
    make_scratch();
    snprintf(path, sizeof path, "%s/commit", scratch);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct cb_run run = begin("fs.commit", methods[i]);
        good_batch(&run, 5);
        CU_ASSERT_EQUAL(stat(path, &st), 0);
        CU_ASSERT_EQUAL(st.st_size, 5 * CB_PAGE);
        /* Longer than a log may get: reset starts it again, and the batch has no other sync than its own. */
        CU_ASSERT_EQUAL(run.bench->reset(&run, 1 << 20, &err), 0);
        CU_ASSERT_EQUAL(stat(path, &st), 0);
        CU_ASSERT_EQUAL(st.st_size, 0);
        CU_ASSERT_EQUAL(run.bench->loop(&run, 2, &err), 0);
        CU_ASSERT_EQUAL(run.work, 7);
        CU_ASSERT_EQUAL(hist.total, 7);
        end(&run);
    }
    CU_ASSERT_EQUAL(count().files, 0);
    drop_scratch();
}

/* --- names --- */

static struct count meta_after(const char *params, uint64_t iters)
{
    struct cb_run run = begin("fs.meta", params);
    good_batch(&run, iters);
    good_batch(&run, iters);
    CU_ASSERT_EQUAL(run.work, 2 * iters);
    struct count n = count();
    end(&run);
    CU_ASSERT_EQUAL(count().dirs + count().files, 0);
    return n;
}

static void meta_leaves_what_it_makes(void)
{
    static const struct {
        const char *params;
        uint64_t iters;
        unsigned dirs, files; /* dirs: with the root of the tree */
    } rows[] = {
        {"op=create", 150, 1 + 4, 300},    {"op=unlink", 150, 1 + 4, 0},
        {"op=mkdir", 150, 1 + 4 + 300, 0}, {"op=link", 150, 1 + 4, 4 + 300},
        {"op=stat", 2500, 1 + 20, 2000},   {"op=open", 2500, 1 + 20, 2000},
        {"op=readdir", 25, 1 + 20, 2000},  {"op=rename", 2500, 1 + 20, 2000},
    };
    make_scratch();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct count n = meta_after(rows[i].params, rows[i].iters);
        CU_ASSERT_EQUAL(n.dirs, rows[i].dirs);
        CU_ASSERT_EQUAL(n.files, rows[i].files);
    }
    drop_scratch();
}

/* Two cases of the same seed take other names: neither comes where the other's inodes were. */
static void meta_names_do_not_come_again(void)
{
    char first[64] = "", path[64];
    make_scratch();
    snprintf(path, sizeof path, "%s/meta", scratch);
    for (unsigned i = 0; i < 2; i++) {
        struct cb_run run = begin("fs.meta", "op=create");
        good_batch(&run, 1);
        DIR *dir = opendir(path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
        for (struct dirent *e; (e = readdir(dir));)
            if (e->d_name[0] == 'd') {
                CU_ASSERT_STRING_NOT_EQUAL(e->d_name, first);
                snprintf(first, sizeof first, "%.60s", e->d_name);
            }
        closedir(dir);
        CU_ASSERT_NOT_EQUAL(first[0], '\0');
        end(&run);
    }
    drop_scratch();
}

static void readdir_notices_missing_entries(void)
{
    make_scratch();
    struct cb_run run = begin("fs.meta", "op=readdir");
    good_batch(&run, 2000);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/meta", scratch);
    DIR *dir = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] == 'd') {
            snprintf(path, sizeof path, "%s/meta/%.60s/f42", scratch, e->d_name);
            break;
        }
    closedir(dir);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(batch(&run, 2000), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "has 101 entries"));
    end(&run);
    drop_scratch();
}

const struct cb_suite cb_suite = {"kernels_fs",
                                  {
                                      {"engines do the same work", engines_do_the_same_work},
                                      {"commits restart before a batch", commits_restart_before_a_batch},
                                      {"meta leaves what it makes", meta_leaves_what_it_makes},
                                      {"meta names do not come again", meta_names_do_not_come_again},
                                      {"readdir notices missing entries", readdir_notices_missing_entries},
                                      CU_TEST_INFO_NULL,
                                  }};
