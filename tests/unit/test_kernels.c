/* Each kernel of memory and filesystem through its own descriptor: the work it says it did is the
 * work that was done, it notices wrong data, it fails with a text, and it leaves nothing behind. */
#include "tests/unit/kernels.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

/* In the working directory, not in /tmp: that may be a tmpfs, which may not do O_DIRECT. */
static void make_scratch(char path[32])
{
    snprintf(path, 32, "kernels-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
}

static void drop_scratch(const char *path)
{
    CU_ASSERT_EQUAL(cb_remove_tree(path, &err), 0);
}

/* Entries below a directory, directories included. */
static unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char below[PATH_MAX];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        n += 1 + (e->d_type == DT_DIR ? count_entries(below) : 0);
    }
    if (dir)
        closedir(dir);
    return n;
}

static struct cb_run with_scratch(struct cb_run run, const char *scratch)
{
    run.scratch = scratch;
    return run;
}

/* --- memory --- */

static void stream_counts_and_computes(void)
{
    static const struct {
        const char *params;
        uint64_t moved;
    } rows[] = {
        {"op=copy,size=64K", 2}, {"op=scale,size=64K", 2}, {"op=add,size=64K", 3}, {"op=triad,size=64K", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = run_case(make_run("mem.stream", rows[i].params), 5, 2);
        CU_ASSERT_EQUAL(run.work, 2 * 5 * rows[i].moved * 65536);
    }
}

static void stream_notices_work_not_done(void)
{
    struct cb_run run = make_run("mem.stream", "size=64K");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    CU_ASSERT_EQUAL(batch(&run, 1), 0);
    CU_ASSERT_EQUAL(batch(&run, 0), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "computed"));
    end(&run);
}

/* The sink tells where each hop ended. */
static void chase_is_one_cycle(void)
{
    enum { LINES = 1000 };
    static bool seen[LINES];
    struct cb_run run = make_run("mem.chase", "size=64000");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    memset(seen, 0, sizeof seen);
    uint64_t line = LINES;
    for (unsigned i = 0; i < LINES; i++) {
        run.sink = 0;
        CU_ASSERT_EQUAL(batch(&run, 1), 0);
        line = run.sink - 1;
        CU_ASSERT_FATAL(line < LINES && !seen[line]);
        seen[line] = true;
    }
    CU_ASSERT_EQUAL(line, 0); /* back where it began */
    CU_ASSERT_EQUAL(run.work, LINES);
    end(&run);
}

static void chase_counts_hops(void)
{
    struct cb_run once = make_run("mem.chase", "size=6400,page=4k"), split = once;
    CU_ASSERT_EQUAL_FATAL(once.bench->setup(&once, &err), 0);
    CU_ASSERT_EQUAL_FATAL(split.bench->setup(&split, &err), 0);
    batch(&once, 37);
    for (unsigned i = 0; i < 37; i++) {
        split.sink = 0;
        batch(&split, 1);
    }
    CU_ASSERT_EQUAL(once.sink, split.sink); /* the same seed, so many hops: the same line */
    end(&once);
    end(&split);
}

static long minor_faults(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return use.ru_minflt;
}

static void fault_takes_each_fault(void)
{
    struct cb_run run = make_run("mem.fault", "region=1M");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    uint64_t pages = (UINT64_C(1) << 20) / (uint64_t)sysconf(_SC_PAGESIZE);
    CU_ASSERT_EQUAL(batch(&run, 1), 0);
    long before = minor_faults();
    CU_ASSERT_EQUAL(batch(&run, 3), 0);
    CU_ASSERT(minor_faults() - before >= (long)(3 * pages));
    CU_ASSERT_EQUAL(run.work, 4 * pages);
    CU_ASSERT_EQUAL(hist.total, 4);
    end(&run);
}

/* --- filesystem --- */

static void data_file_serves_all(void)
{
    static const char *const rand_params[] = {"op=read,depth=1,size=1M", "op=write,depth=1,size=1M",
                                              "op=read,depth=7,size=1M", "op=write,depth=7,size=1M"};
    char dir[32];
    make_scratch(dir);
    struct cb_run run = run_case(with_scratch(make_run("fs.seq", "op=write,block=64K,size=1M"), dir), 20, 2);
    CU_ASSERT_EQUAL(run.work, 40 * 65536);
    for (size_t i = 0; i < sizeof rand_params / sizeof *rand_params; i++) {
        run = run_case(with_scratch(make_run("fs.rand", rand_params[i]), dir), 300, 2);
        CU_ASSERT_EQUAL(run.work, 600);
        run =
            run_case(with_scratch(make_run("fs.rand", rand_params[i]), dir), 1, 1); /* fewer than the depth */
        CU_ASSERT_EQUAL(run.work, 1);
    }
    /* Every block still is what it was when the file was made. */
    run = run_case(with_scratch(make_run("fs.seq", "op=read,block=4K,size=1M"), dir), 256, 1);
    CU_ASSERT_EQUAL(run.work, UINT64_C(1) << 20);
    CU_ASSERT_EQUAL(count_entries(dir), 1); /* the data file, for the next case */
    drop_scratch(dir);
}

static void data_file_is_made_anew(void)
{
    char dir[32], path[64];
    struct stat st;
    make_scratch(dir);
    run_case(with_scratch(make_run("fs.seq", "size=1M"), dir), 1, 1);
    run_case(with_scratch(make_run("fs.seq", "size=2M"), dir), 2, 1);
    snprintf(path, sizeof path, "%s/data", dir);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 2 << 20);
    CU_ASSERT(st.st_blocks >= st.st_size / 512); /* no holes */
    drop_scratch(dir);
}

/* One pass over the file meets the one wrong block, wherever it is: every block is read once. */
static void reads_notice_wrong_data(void)
{
    static const char *const rows[][2] = {
        {"fs.seq", "block=4K,size=1M"}, {"fs.rand", "depth=1,size=1M"}, {"fs.rand", "depth=8,size=1M"}};
    char dir[32];
    make_scratch(dir);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = with_scratch(make_run(rows[i][0], rows[i][1]), dir);
        CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
        CU_ASSERT_EQUAL(batch(&run, 256), 0);
        int fd = cb_scratch_file(&run, 1 << 20, O_WRONLY, &err);
        char *page = cb_scratch_buffer(CB_PAGE, &err);
        CU_ASSERT_EQUAL(pwrite(fd, page, CB_PAGE, 77 * CB_PAGE), CB_PAGE);
        CU_ASSERT_EQUAL(batch(&run, 256), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "block 77 holds other data"));
        cb_scratch_stamp(page, 77);
        CU_ASSERT_EQUAL(pwrite(fd, page, CB_PAGE, 77 * CB_PAGE), CB_PAGE);
        cb_scratch_unmap(page, CB_PAGE);
        close(fd);
        end(&run);
    }
    drop_scratch(dir);
}

static void sizes_that_do_not_fit(void)
{
    char dir[32];
    make_scratch(dir);
    struct cb_run run = with_scratch(make_run("fs.seq", "block=3M,size=4M"), dir);
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
    run = with_scratch(make_run("fs.rand", "size=1028K"), dir);
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
    CU_ASSERT_EQUAL(count_entries(dir), 0);
    drop_scratch(dir);
}

static void commit_appends(void)
{
    char dir[32], path[64];
    struct stat st;
    make_scratch(dir);
    struct cb_run run = with_scratch(make_run("fs.commit", ""), dir);
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    CU_ASSERT_EQUAL(batch(&run, 3), 0);
    CU_ASSERT_EQUAL(batch(&run, 4), 0);
    snprintf(path, sizeof path, "%s/commit", dir);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 7 * 4096);
    CU_ASSERT_EQUAL(hist.total, 7);
    CU_ASSERT_EQUAL(run.work, 7);
    end(&run);
    CU_ASSERT_EQUAL(count_entries(dir), 0);
    drop_scratch(dir);
}

static unsigned entries_after(const char *params, const char *dir, uint64_t iters)
{
    struct cb_run run = with_scratch(make_run("fs.meta", params), dir);
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    CU_ASSERT_EQUAL(batch(&run, iters / 2), 0);
    CU_ASSERT_EQUAL(batch(&run, iters), 0);
    CU_ASSERT_EQUAL(run.work, iters / 2 + iters);
    unsigned n = count_entries(dir);
    end(&run);
    CU_ASSERT_EQUAL(count_entries(dir), 0);
    return n;
}

static void meta_does_its_operation(void)
{
    char dir[32];
    make_scratch(dir);
    /* root, directories, files: of both batches */
    CU_ASSERT_EQUAL(entries_after("op=create", dir, 250), 1 + 2 + 3 + 125 + 250);
    CU_ASSERT_EQUAL(entries_after("op=unlink", dir, 250), 1 + 2 + 3);
    CU_ASSERT_EQUAL(entries_after("op=stat", dir, 2500), 1 + 20 + 2000); /* goes round a fixed tree */
    drop_scratch(dir);
}

static void meta_takes_over_leftovers(void)
{
    char dir[32], path[64];
    make_scratch(dir);
    snprintf(path, sizeof path, "%s/meta", dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/meta/d0000000", dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(entries_after("op=create", dir, 10), 1 + 2 + 5 + 10);
    drop_scratch(dir);
}

/* A tmpfs of one MiB in a mount namespace of its own. Says why where that is not allowed. */
static int tiny_tmpfs(const char *dir)
{
    int flags = CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0);
    if (unshare(flags) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tiny", dir, "tmpfs", 0, "size=1m,nr_inodes=64") == 0)
        return 0;
    printf("no tmpfs of our own: %s ", strerror(errno));
    fflush(stdout);
    return -1;
}

/* Runs a case until its filesystem is full; 0 when it failed with the reason. */
static int fails_when_full(const char *bench, const char *params, const char *dir, uint64_t iters)
{
    struct cb_run run = with_scratch(make_run(bench, params), dir);
    int rc = run.bench->setup(&run, &err);
    if (rc == 0)
        rc = batch(&run, iters);
    end(&run);
    return rc == -1 && err.code == CB_ESYS && err.sys == ENOSPC && strstr(err.msg, "No space") &&
                   count_entries(dir) == 0
               ? 0
               : 1;
}

static void full_filesystem_is_an_error(void)
{
    char dir[32];
    int status;
    make_scratch(dir);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (tiny_tmpfs(dir) < 0)
            _exit(0);
        _exit(fails_when_full("fs.commit", "", dir, 1000) |
              fails_when_full("fs.meta", "op=create", dir, 1000) << 1 |
              fails_when_full("fs.meta", "op=unlink", dir, 1000) << 2);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    drop_scratch(dir);
}

static void needs_are_checked(void)
{
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++) {
        if (!((*b)->needs & (CB_NEED_SCRATCH | CB_NEED_PEER)))
            continue;
        struct cb_run run = make_run((*b)->name, "");
        int rc = run.bench->setup(&run, &err);
        if (rc == 0)
            rc = batch(&run, 1);
        CU_ASSERT_EQUAL(rc, -1);
        CU_ASSERT_EQUAL(err.code, CB_EMISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "this environment has no "));
        end(&run);
    }
}

const struct cb_suite cb_suite = {"kernels",
                                  {
                                      {"stream counts and computes", stream_counts_and_computes},
                                      {"stream notices work not done", stream_notices_work_not_done},
                                      {"chase is one cycle through all lines", chase_is_one_cycle},
                                      {"chase counts hops", chase_counts_hops},
                                      {"fault takes each fault", fault_takes_each_fault},
                                      {"one data file serves all cases", data_file_serves_all},
                                      {"a data file of another size is made anew", data_file_is_made_anew},
                                      {"reads notice wrong data", reads_notice_wrong_data},
                                      {"sizes that do not fit are refused", sizes_that_do_not_fit},
                                      {"commit appends", commit_appends},
                                      {"meta does its operation", meta_does_its_operation},
                                      {"meta takes over leftovers", meta_takes_over_leftovers},
                                      {"a full filesystem is an error", full_filesystem_is_an_error},
                                      {"needs are checked", needs_are_checked},
                                      CU_TEST_INFO_NULL,
                                  }};
