/* Filesystem kernels: what each leaves on disk, counts as work and refuses. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

static struct cb_hist hist;
static struct cb_err err;

/* fs.exec runs a copy of the program it is in, which is this one here. */
static __attribute__((constructor)) void be_a_short_program(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "list"))
        _exit(0);
}
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

static void each_request_is_timed(void)
{
    static const char *const rows[] = {"depth=1,size=1M", "op=write,depth=32,size=1M"};
    make_scratch();
    for (size_t i = 0; i < 2; i++) {
        struct cb_run run = begin("fs.rand", rows[i]);
        good_batch(&run, 300);
        CU_ASSERT_EQUAL(run.work, 300);
        CU_ASSERT_EQUAL(hist.total, 300);
        CU_ASSERT(hist.min > 0);
        end(&run);
    }
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

/* --- through the page cache --- */

static uint64_t cached(const char *name, uint64_t bytes)
{
    char path[64];
    uint64_t pages = 0;
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    CB_AUTOFD int fd = open(path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(cb_scratch_cached_pages(fd, bytes, &pages, &err), 0);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void cold_is_cold_and_warm_is_warm(void)
{
    const uint64_t size = 4 << 20;
    make_scratch();
    struct cb_run run = begin("fs.read", "cache=warm,size=4M");
    CU_ASSERT_EQUAL(cached("read", size), size);
    good_batch(&run, 3);
    CU_ASSERT_EQUAL(run.work, 3 * size);
    end(&run);

    run = begin("fs.read", "cache=cold,size=4M");
    CU_ASSERT_EQUAL(run.bench->reset(&run, 1, &err), 0);
    CU_ASSERT_EQUAL(cached("read", size), 0);
    CU_ASSERT_EQUAL(run.bench->loop(&run, 2, &err), 0);
    CU_ASSERT_EQUAL(cached("read", size), size);
    CU_ASSERT_EQUAL(run.work, 2 * size);
    end(&run);
    CU_ASSERT_EQUAL(count().files, 0);
    is_refused("fs.read", "size=200000", "size=200000");
    drop_scratch();
}

static void cached_reads_notice_wrong_data(void)
{
    char path[64];
    make_scratch();
    struct cb_run run = begin("fs.read", "size=1M");
    good_batch(&run, 1);
    snprintf(path, sizeof path, "%s/read", scratch);
    CB_AUTOFD int fd = open(path, O_WRONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(pwrite(fd, "wrong", 5, 3 * 131072 - 4096), 5);
    CU_ASSERT_EQUAL(batch(&run, 1), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "holds other data at 262144"));
    end(&run);
    drop_scratch();
}

static void memory_cannot_be_dropped(void)
{
    CB_AUTOFD int fd = memfd_create("test", MFD_CLOEXEC);
    CU_ASSERT_EQUAL(write(fd, scratch, sizeof scratch), sizeof scratch);
    CU_ASSERT_EQUAL(cb_scratch_drop(fd, sizeof scratch, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "1 pages stay in the page cache"));
}

static void every_save_writes_other_bytes(void)
{
    char path[64], page[4096];
    make_scratch();
    snprintf(path, sizeof path, "%s/write", scratch);
    struct cb_run run = begin("fs.write", "size=1M");
    good_batch(&run, 3);
    CU_ASSERT_EQUAL(run.work, 3 << 20);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i < 256; i++) {
        CU_ASSERT_EQUAL(pread(fd, page, sizeof page, i * 4096), sizeof page);
        CU_ASSERT(cb_scratch_stamped(page, 3 * 256 + i)); /* setup wrote it once */
    }
    CU_ASSERT_EQUAL(pread(fd, page, 1, 1 << 20), 0);
    close(fd);
    end(&run);
    CU_ASSERT_EQUAL(count().files, 0);
    is_refused("fs.write", "size=200000", "size=200000");
    drop_scratch();
}

/* --- trees --- */

static void trees_are_all_alike(void)
{
    make_scratch();
    struct cb_run run = begin("fs.tree", "op=write");
    good_batch(&run, 1);
    struct count one = count();
    CU_ASSERT_EQUAL(one.dirs, 1 + 9);
    CU_ASSERT_EQUAL(one.files, 200);
    CU_ASSERT_EQUAL(one.bytes, run.sink);
    CU_ASSERT(one.bytes > 2 << 20 && one.bytes < 8 << 20);
    good_batch(&run, 2); /* the first is gone */
    struct count two = count();
    CU_ASSERT_EQUAL(two.files, 400);
    CU_ASSERT_EQUAL(two.bytes, 2 * one.bytes);
    CU_ASSERT_EQUAL(run.work, 600);
    end(&run);
    CU_ASSERT_EQUAL(count().dirs, 0);

    run = begin("fs.tree", "op=copy");
    good_batch(&run, 1);
    good_batch(&run, 2);
    CU_ASSERT_EQUAL(count().bytes, 3 * one.bytes); /* two, and what they were copied from */
    end(&run);

    run = begin("fs.tree", "op=remove");
    CU_ASSERT_EQUAL(run.bench->reset(&run, 2, &err), 0);
    CU_ASSERT_EQUAL(count().bytes, 2 * one.bytes);
    CU_ASSERT_EQUAL(run.bench->loop(&run, 2, &err), 0);
    CU_ASSERT_EQUAL(count().files, 0);
    CU_ASSERT_EQUAL(run.bench->loop(&run, 1, &err), -1); /* there is none left */
    CU_ASSERT_EQUAL(err.sys, ENOENT);
    end(&run);
    drop_scratch();
}

/* --- programs and mappings --- */

static void programs_run(void)
{
    static const char *const rows[] = {"cache=warm", "cache=cold"};
    make_scratch();
    for (size_t i = 0; i < 2; i++) {
        struct cb_run run = begin("fs.exec", rows[i]);
        good_batch(&run, 3);
        CU_ASSERT_EQUAL(hist.total, 3);
        CU_ASSERT_EQUAL(run.work, 3);
        end(&run);
        CU_ASSERT_EQUAL(count().files, 0);
    }
    drop_scratch();
}

static void a_program_that_fails_is_an_error(void)
{
    static const char nothing[] = "#!/no/such/interpreter\n";
    make_scratch();
    struct cb_run run = begin("fs.exec", "");
    CB_AUTOFD int dir = open(scratch, O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(cb_replace_file(dir, "program", nothing, sizeof nothing - 1, 0700, &err), 0);
    CU_ASSERT_EQUAL(batch(&run, 1), -1);
    CU_ASSERT_EQUAL(err.sys, ENOENT);
    end(&run);
    drop_scratch();
}

static void each_access_faults(void)
{
    static const char *const rows[] = {"fault=minor,size=8M", "fault=major,size=8M"};
    make_scratch();
    for (size_t i = 0; i < 2; i++) {
        struct cb_run run = begin("fs.mmap", rows[i]);
        good_batch(&run, 2);
        good_batch(&run, 3); /* round the file more than once: 64 places of 128 */
        CU_ASSERT_EQUAL(run.work, 5 * 64);
        CU_ASSERT_EQUAL(hist.total, 5);
        end(&run);
    }
    is_refused("fs.mmap", "size=5000000", "size=5000000");
    drop_scratch();
}

/* --- without a device --- */

static void tmpfs_counts_and_clears(void)
{
    static const char *const rows[] = {"op=read", "op=write", "op=create"};
    for (size_t i = 0; i < 3; i++) {
        struct cb_run run = make_run("fs.tmpfs", rows[i]);
        if (run.bench->setup(&run, &err) < 0) {
            CU_ASSERT_EQUAL(err.code, CB_EMISSING);
            CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "is a tmpfs"));
        } else {
            good_batch(&run, 5000); /* more than the file has blocks */
            good_batch(&run, 100);  /* the same names again */
            CU_ASSERT_EQUAL(run.work, 5100);
        }
        end(&run);
    }
}

/* --- overlays --- */

/* False, with a reason, where the kernel or the user may not mount one. */
static bool begin_overlay(const char *bench, const char *params, struct cb_run *run)
{
    *run = make_run(bench, params);
    int rc = run->bench->setup(run, &err);
    if (rc == 0)
        rc = batch(run, 1);
    if (rc == 0)
        return true;
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    printf("%s: %s ", bench, err.msg);
    end(run);
    return false;
}

static void copy_up_happens_every_time(void)
{
    static const char *const rows[] = {"op=first,size=1M", "op=second,size=1M", "op=copy,size=1M",
                                       "op=first,size=4K"};
    make_scratch();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run;
        if (!begin_overlay("fs.copyup", rows[i], &run))
            continue;
        good_batch(&run, 3);
        CU_ASSERT_EQUAL(run.work, 4);
        CU_ASSERT_EQUAL(hist.total, 4);
        end(&run);
        CU_ASSERT_EQUAL(count().dirs, 0);
    }
    drop_scratch();
}

static void layers_are_looked_through(void)
{
    static const char *const rows[] = {"layers=1,lookup=hit", "layers=1,lookup=miss", "layers=32,lookup=hit",
                                       "layers=128,lookup=miss"};
    make_scratch();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run;
        if (!begin_overlay("fs.layers", rows[i], &run))
            continue;
        good_batch(&run, 2);
        CU_ASSERT_EQUAL(run.work, 300);
        CU_ASSERT_EQUAL(hist.total, 3);
        end(&run);
        CU_ASSERT_EQUAL(count().dirs, 0);
    }
    drop_scratch();
}

const struct cb_suite cb_suite = {"kernels_fs",
                                  {
                                      {"engines do the same work", engines_do_the_same_work},
                                      {"each request is timed", each_request_is_timed},
                                      {"commits restart before a batch", commits_restart_before_a_batch},
                                      {"meta leaves what it makes", meta_leaves_what_it_makes},
                                      {"meta names do not come again", meta_names_do_not_come_again},
                                      {"readdir notices missing entries", readdir_notices_missing_entries},
                                      {"cold is cold and warm is warm", cold_is_cold_and_warm_is_warm},
                                      {"cached reads notice wrong data", cached_reads_notice_wrong_data},
                                      {"memory cannot be dropped", memory_cannot_be_dropped},
                                      {"every save writes other bytes", every_save_writes_other_bytes},
                                      {"trees are all alike", trees_are_all_alike},
                                      {"programs run", programs_run},
                                      {"a program that fails is an error", a_program_that_fails_is_an_error},
                                      {"each access faults", each_access_faults},
                                      {"tmpfs counts and clears", tmpfs_counts_and_clears},
                                      {"copy-up happens every time", copy_up_happens_every_time},
                                      {"layers are looked through", layers_are_looked_through},
                                      CU_TEST_INFO_NULL,
                                  }};
