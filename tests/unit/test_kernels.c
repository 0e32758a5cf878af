/* Each kernel of memory, filesystem and network through its own descriptor: the work it says it did is the
 * work that was done, it notices wrong data, it fails with a text, and it leaves nothing behind. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

static struct cb_hist hist;
static struct cb_err err;

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

static struct cb_run make_run(const char *bench, const char *params)
{
    struct cb_run run = {.bench = cb_bench_find(bench), .device = "", .hist = &hist};
    CU_ASSERT_PTR_NOT_NULL_FATAL(run.bench);
    CU_ASSERT_EQUAL_FATAL(cb_params_parse(run.bench, params, run.param, &err), 0);
    cb_rng_seed(&run.rng, 1);
    cb_hist_reset(&hist);
    return run;
}

static int batch(struct cb_run *run, uint64_t iters)
{
    if (run->bench->reset && run->bench->reset(run, iters, &err) < 0)
        return -1;
    return run->bench->loop(run, iters, &err);
}

static void end(struct cb_run *run)
{
    if (!run->bench->teardown)
        return;
    run->bench->teardown(run);
    run->bench->teardown(run); /* safe twice */
}

/* A whole case of `batches`; what failed goes to standard output. */
static struct cb_run run_case(struct cb_run run, uint64_t iters, unsigned batches)
{
    int rc = run.bench->setup(&run, &err);
    for (unsigned i = 0; rc == 0 && i < batches; i++)
        rc = batch(&run, iters);
    if (rc < 0)
        printf("%s: %s\n", run.bench->name, err.msg);
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_NOT_EQUAL(run.sink, 0);
    end(&run);
    return run;
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

/* --- network --- */

static pid_t peer;
static char peer_address[16];

/* Another address of 127/8 for each process: the ports are fixed, and tests run side by side. */
static void start_peer(void)
{
    char ready[16] = "";
    int out[2];
    snprintf(peer_address, sizeof peer_address, "127.80.%d.%d", getpid() >> 7 & 127, 1 + (getpid() & 127));
    CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
    fflush(stdout);
    peer = fork();
    if (peer == 0) {
        dup2(out[1], STDOUT_FILENO);
        _exit(cb_peer_main(peer_address));
    }
    close(out[1]);
    CU_ASSERT_EQUAL(read(out[0], ready, sizeof ready - 1), 11);
    CU_ASSERT_STRING_EQUAL(ready, "peer ready\n");
    close(out[0]);
}

static void stop_peer(void)
{
    CU_ASSERT_EQUAL(kill(peer, 0), 0); /* it lived through the test */
    CU_ASSERT_EQUAL(waitpid(peer, NULL, WNOHANG), 0);
    cb_kill_wait(peer);
}

static struct cb_run with_peer(struct cb_run run)
{
    run.peer = peer_address;
    return run;
}

static void streams_count_bytes(void)
{
    start_peer();
    struct cb_run run = run_case(with_peer(make_run("net.stream", "dir=up")), 30, 3);
    CU_ASSERT_EQUAL(run.work, 90 * 131072);
    run = run_case(with_peer(make_run("net.stream", "dir=down")), 30, 3);
    CU_ASSERT_EQUAL(run.work, 90 * 131072);
    stop_peer();
}

static void round_trips_are_counted(void)
{
    start_peer();
    struct cb_run run = run_case(with_peer(make_run("net.rr", "")), 300, 2);
    CU_ASSERT_EQUAL(run.work, 600);
    CU_ASSERT_EQUAL(hist.total, 600);
    run = run_case(with_peer(make_run("net.crr", "")), 50, 2);
    CU_ASSERT_EQUAL(run.work, 100);
    stop_peer();
}

static int dial(uint16_t port)
{
    struct cb_run run = with_peer(make_run("net.rr", ""));
    int fd = cb_sock_try(&run, port, &err);
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static void sink_answers_each_batch(void)
{
    char bytes[300] = "";
    start_peer();
    CB_AUTOFD int fd = dial(CB_PEER_SINK);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(cb_sock_send_count(fd, 200, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_send(fd, bytes, 199, &err), 0);
        cb_sleep_ns(20 * CB_NS_PER_MS);
        CU_ASSERT_EQUAL(recv(fd, bytes, 1, MSG_DONTWAIT), -1); /* one is missing: no answer yet */
        CU_ASSERT_EQUAL(cb_sock_send(fd, bytes, 1, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_recv(fd, bytes, 1, &err), 0);
    }
    stop_peer();
}

static void source_sends_no_more_than_asked(void)
{
    char bytes[300];
    start_peer();
    CB_AUTOFD int fd = dial(CB_PEER_SOURCE);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(cb_sock_send_count(fd, 300, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_recv(fd, bytes, 300, &err), 0);
    }
    cb_sleep_ns(20 * CB_NS_PER_MS);
    CU_ASSERT_EQUAL(recv(fd, bytes, 1, MSG_DONTWAIT), -1);
    stop_peer();
}

static void peer_survives_rude_clients(void)
{
    static const uint16_t ports[] = {CB_PEER_ECHO, CB_PEER_SINK, CB_PEER_SOURCE, CB_PEER_CLOSE};
    const struct linger reset = {.l_onoff = 1};
    start_peer();
    for (size_t i = 0; i < 2 * sizeof ports / sizeof *ports; i++) {
        int fd = dial(ports[i / 2]);
        CU_ASSERT_EQUAL(cb_sock_send(fd, "\xff\xff\xff", 3, &err), 0);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    int fd = dial(CB_PEER_SOURCE); /* wants all there is, then goes */
    CU_ASSERT_EQUAL(cb_sock_send_count(fd, UINT64_MAX, &err), 0);
    close(fd);
    int silent = dial(CB_PEER_CLOSE); /* holds the port, but not for long */
    run_case(with_peer(make_run("net.crr", "")), 3, 1);
    run_case(with_peer(make_run("net.stream", "dir=up")), 3, 1);
    close(silent);
    stop_peer();
}

static void bad_peers_are_errors(void)
{
    struct cb_run run = make_run("net.rr", "");
    run.peer = "localhost";
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
    run.peer = "127.80.255.254"; /* nobody there */
    CU_ASSERT_EQUAL(cb_sock_connect(&run, CB_PEER_ECHO, 50 * CB_NS_PER_MS, &err), -1);
    CU_ASSERT_EQUAL(err.sys, ECONNREFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "connect to peer 127.80.255.254 port 5001"));
    run.device = "cb-no-such";
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "bind a socket to device cb-no-such"));
    end(&run);
}

static void peer_going_away_is_an_error(void)
{
    static const char *const rows[][2] = {
        {"net.rr", ""}, {"net.stream", "dir=up"}, {"net.stream", "dir=down"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start_peer();
        struct cb_run run = with_peer(make_run(rows[i][0], rows[i][1]));
        CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
        CU_ASSERT_EQUAL(batch(&run, 1), 0);
        stop_peer();
        CU_ASSERT_EQUAL(batch(&run, 100), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "peer"));
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
                                      {"streams count bytes", streams_count_bytes},
                                      {"round trips are counted", round_trips_are_counted},
                                      {"sink answers each batch", sink_answers_each_batch},
                                      {"source sends no more than asked", source_sends_no_more_than_asked},
                                      {"peer survives rude clients", peer_survives_rude_clients},
                                      {"bad peers are errors", bad_peers_are_errors},
                                      {"a peer going away is an error", peer_going_away_is_an_error},
                                      CU_TEST_INFO_NULL,
                                  }};
