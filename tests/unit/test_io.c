/* Files, and lines from streams that are not trusted. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define SOON     (10 * CB_NS_PER_S) /* generous: a test that needs it has failed */

/* --- files --------------------------------------------------------------- */

struct tree {
    char path[64];
    int fd;
};

static void make_tree(struct tree *t)
{
    strcpy(t->path, "/tmp/cb-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(t->path));
    t->fd = open(t->path, O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_FATAL(t->fd >= 0);
}

static void drop_tree(struct tree *t)
{
    struct cb_err err;
    close(t->fd);
    CU_ASSERT_EQUAL(cb_remove_tree(t->path, &err), 0);
    CU_ASSERT(access(t->path, F_OK) < 0 && errno == ENOENT);
}

static void touch(int dirfd, const char *name, const char *text)
{
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_replace_file(dirfd, name, text, strlen(text), 0644, &err), 0);
}

static void check_content(int dirfd, const char *name, const char *expected)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_read_file(dirfd, name, 1000, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&text), expected);
}

static void read_limits(void)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err err;
    struct tree t;
    make_tree(&t);
    touch(t.fd, "ten", "0123456789");
    CU_ASSERT_EQUAL(cb_read_file(t.fd, "ten", 10, &text, &err), 0);
    CU_ASSERT_EQUAL(text.len, 10);
    CU_ASSERT_EQUAL(cb_read_file(t.fd, "ten", 9, &text, &err), -1);
    CU_ASSERT_EQUAL(err.sys, EFBIG);
    CU_ASSERT_EQUAL(cb_read_file(t.fd, "none", 9, &text, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "open none: No such file or directory");
    drop_tree(&t);
}

static void read_lines_and_numbers(void)
{
    static const struct {
        const char *content;
        int result;
        uint64_t value;
    } rows[] = {
        {"42\n", 0, 42},  {"42", 0, 42}, {"42\n43\n", 0, 42}, {"18446744073709551615\n", 0, UINT64_MAX},
        {"max\n", -1, 0}, {"", -1, 0},   {"4 2\n", -1, 0},
    };
    char path[96], line[4];
    uint64_t value;
    struct tree t;
    make_tree(&t);
    snprintf(path, sizeof path, "%s/n", t.path);
    for (size_t i = 0; i < COUNT(rows); i++) {
        touch(t.fd, "n", rows[i].content);
        CU_ASSERT_EQUAL(cb_read_u64(path, &value), rows[i].result);
        if (rows[i].result == 0)
            CU_ASSERT_EQUAL(value, rows[i].value);
    }
    touch(t.fd, "n", "abcdef\n");
    CU_ASSERT_EQUAL(cb_read_line(path, line, sizeof line), 0);
    CU_ASSERT_STRING_EQUAL(line, "abc");
    CU_ASSERT_EQUAL(cb_read_line("/nonexistent", line, sizeof line), -1);
    CU_ASSERT_STRING_EQUAL(line, "");
    drop_tree(&t);
}

static void replace_is_whole_or_nothing(void)
{
    struct cb_err err;
    struct stat before, after;
    struct tree t;
    make_tree(&t);
    touch(t.fd, "f", "old");
    fstatat(t.fd, "f", &before, 0);
    touch(t.fd, "f", "new");
    fstatat(t.fd, "f", &after, 0);
    CU_ASSERT_NOT_EQUAL(before.st_ino, after.st_ino); /* who had it open keeps the old one */
    check_content(t.fd, "f", "new");

    CU_ASSERT_EQUAL(mkdirat(t.fd, "d", 0755), 0);
    CU_ASSERT_EQUAL(cb_replace_file(t.fd, "d", "x", 1, 0644, &err), -1); /* and leaves nothing behind: */
    CU_ASSERT_EQUAL(unlinkat(t.fd, "d", AT_REMOVEDIR), 0);
    CU_ASSERT_EQUAL(unlinkat(t.fd, "f", 0), 0);
    CU_ASSERT_EQUAL(rmdir(t.path), 0);
    mkdir(t.path, 0755);
    drop_tree(&t);
}

static void replace_does_not_follow_links(void)
{
    struct tree t;
    make_tree(&t);
    touch(t.fd, "victim", "untouched");
    CU_ASSERT_EQUAL(symlinkat("victim", t.fd, "link"), 0);
    touch(t.fd, "link", "mine");
    check_content(t.fd, "victim", "untouched");
    check_content(t.fd, "link", "mine");
    drop_tree(&t);
}

static void write_file_refuses_links(void)
{
    struct cb_err err;
    struct tree t;
    make_tree(&t);
    touch(t.fd, "victim", "untouched");
    CU_ASSERT_EQUAL(symlinkat("victim", t.fd, "link"), 0);
    CU_ASSERT_EQUAL(cb_write_file(t.fd, "link", "x", &err), -1);
    CU_ASSERT_EQUAL(err.sys, ELOOP);
    CU_ASSERT_EQUAL(cb_write_file(t.fd, "none", "x", &err), -1); /* creates nothing */
    CU_ASSERT_EQUAL(cb_write_file(t.fd, "victim", "X", &err), 0);
    check_content(t.fd, "victim", "Xntouched");
    drop_tree(&t);
}

static void mkdirs(void)
{
    char path[128];
    struct cb_err err;
    struct tree t;
    make_tree(&t);
    snprintf(path, sizeof path, "%s/a/b//c/", t.path);
    CU_ASSERT_EQUAL(cb_mkdirs(path, 0755, &err), 0);
    CU_ASSERT_EQUAL(cb_mkdirs(path, 0755, &err), 0);
    CU_ASSERT_EQUAL(faccessat(t.fd, "a/b/c", F_OK, 0), 0);
    touch(t.fd, "file", "");
    snprintf(path, sizeof path, "%s/file/d", t.path);
    CU_ASSERT_EQUAL(cb_mkdirs(path, 0755, &err), -1);
    drop_tree(&t);
}

static void remove_keeps_link_targets(void)
{
    char path[96];
    struct cb_err err;
    struct tree t, outside;
    make_tree(&t);
    make_tree(&outside);
    touch(outside.fd, "keep", "kept");
    mkdirat(t.fd, "sub", 0);
    mkdirat(t.fd, "full", 0755);
    mkdirat(t.fd, "full/deep", 0755);
    touch(t.fd, "file", "");
    CU_ASSERT_EQUAL(symlinkat(outside.path, t.fd, "full/deep/link"), 0);
    snprintf(path, sizeof path, "%s/root-link", t.path);
    CU_ASSERT_EQUAL(symlinkat(outside.path, t.fd, "root-link"), 0);
    CU_ASSERT_EQUAL(cb_remove_tree(path, &err), 0); /* the link itself */
    CU_ASSERT(faccessat(t.fd, "root-link", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
    drop_tree(&t);
    check_content(outside.fd, "keep", "kept");
    drop_tree(&outside);
}

static void remove_odd_paths(void)
{
    static const char *const refused[] = {"", "/", ".", "..", "/tmp/..", "//"};
    struct cb_err err;
    for (size_t i = 0; i < COUNT(refused); i++)
        CU_ASSERT_EQUAL(cb_remove_tree(refused[i], &err), -1);
    CU_ASSERT_EQUAL(cb_remove_tree("/nonexistent", &err), 0);
    CU_ASSERT_EQUAL(cb_remove_tree("/nonexistent/deeper/", &err), 0);
}

/* In a child with a mount namespace of its own. 0: the bind mount's content is there still; 77: no mounts to
 * be had here. */
static int remove_with_mount(const char *path, const char *from)
{
    char sub[128];
    struct cb_err err;
    if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return 77;
    snprintf(sub, sizeof sub, "%s/sub", path);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(from, sub, NULL, MS_BIND, NULL) < 0)
        return 77;
    if (cb_remove_tree(path, &err) == 0)
        return 1;
    snprintf(sub, sizeof sub, "%s/sub/keep", path);
    return access(sub, F_OK) == 0 ? 0 : 2;
}

static void remove_stops_at_mounts(void)
{
    struct tree t, outside;
    int status;
    make_tree(&t);
    make_tree(&outside);
    touch(outside.fd, "keep", "kept"); /* the same filesystem: device numbers do not tell */
    mkdirat(t.fd, "sub", 0755);
    pid_t pid = fork();
    if (pid == 0)
        _exit(remove_with_mount(t.path, outside.path));
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("(not run: no mount namespace to be had) ");
    else
        CU_ASSERT_EQUAL(status, 0);
    drop_tree(&t);
    drop_tree(&outside);
}

static void path_limit(void)
{
    char out[8];
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_path(out, sizeof out, &err, "/%s", "123456"), 0);
    CU_ASSERT_EQUAL(cb_path(out, sizeof out, &err, "/%s", "1234567"), -1);
    CU_ASSERT_EQUAL(err.sys, ENAMETOOLONG);
}

/* --- lines --------------------------------------------------------------- */

struct stream {
    int write_end;
    struct cb_lines lines;
};

static void open_stream(struct stream *s)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    s->write_end = ends[1];
    cb_lines_init(&s->lines, ends[0]);
}

static void close_stream(struct stream *s)
{
    close(s->lines.fd);
    if (s->write_end >= 0)
        close(s->write_end);
}

static void feed(struct stream *s, const char *bytes, size_t n)
{
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_write_all(s->write_end, bytes, n, &err), 0);
}

static int next(struct stream *s, char **line, struct cb_err *err)
{
    return cb_lines_next(&s->lines, cb_deadline_in(SOON), line, err);
}

static void lines_split_and_joined(void)
{
    struct stream s;
    struct cb_err err;
    char *line;
    open_stream(&s);
    feed(&s, "one\ntwo\n\nthr", 12);
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, "one"));
    uint64_t seen = s.lines.read_ns;
    CU_ASSERT(cb_lines_buffered(&s.lines));
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, "two"));
    CU_ASSERT_EQUAL(s.lines.read_ns, seen); /* came with the first */
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, ""));
    CU_ASSERT_FALSE(cb_lines_buffered(&s.lines));
    CU_ASSERT_EQUAL(cb_lines_next(&s.lines, cb_deadline_in(CB_NS_PER_MS), &line, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_ETIMEOUT);
    feed(&s, "ee\n", 3); /* what had come stays */
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, "three"));
    CU_ASSERT(s.lines.read_ns > seen);
    close(s.write_end);
    s.write_end = -1;
    CU_ASSERT_EQUAL(next(&s, &line, &err), 0);
    CU_ASSERT_EQUAL(next(&s, &line, &err), 0);
    close_stream(&s);
}

static void lines_limit(void)
{
    static char longest[CB_LINE_MAX + 1];
    struct stream s;
    struct cb_err err;
    char *line;
    memset(longest, 'x', sizeof longest);
    longest[CB_LINE_MAX - 1] = '\n';
    open_stream(&s);
    feed(&s, longest, CB_LINE_MAX);
    feed(&s, "next\n", 5);
    CU_ASSERT(next(&s, &line, &err) == 1 && strlen(line) == CB_LINE_MAX - 1);
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, "next"));
    longest[CB_LINE_MAX - 1] = 'x';
    longest[CB_LINE_MAX] = '\n';
    feed(&s, longest, sizeof longest);
    CU_ASSERT(next(&s, &line, &err) == -1 && err.code == CB_EPROTO);
    close_stream(&s);

    longest[CB_LINE_MAX] = 'x'; /* and one that never ends is not read for ever */
    open_stream(&s);
    feed(&s, longest, sizeof longest);
    CU_ASSERT(next(&s, &line, &err) == -1 && err.code == CB_EPROTO);
    close_stream(&s);
}

static void lines_hostile(void)
{
    struct stream s;
    struct cb_err err;
    char *line;
    open_stream(&s);
    feed(&s, "a\0b\nafter\n", 10);
    CU_ASSERT(next(&s, &line, &err) == -1 && err.code == CB_EPROTO);
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, "after"));
    feed(&s, "no newline", 10);
    close(s.write_end);
    s.write_end = -1;
    CU_ASSERT(next(&s, &line, &err) == -1 && err.code == CB_EPROTO);
    close_stream(&s);
}

/* One who sends for ever, but never a line: the deadline holds all the same. */
static void lines_deadline_holds(void)
{
    struct stream s;
    struct cb_err err;
    char *line;
    open_stream(&s);
    feed(&s, "drip", 4);
    CU_ASSERT(cb_lines_next(&s.lines, cb_now_ns(), &line, &err) == -1 && err.code == CB_ETIMEOUT);
    feed(&s, "\n", 1);
    CU_ASSERT(next(&s, &line, &err) == 1 && !strcmp(line, "drip"));
    close_stream(&s);
}

static void on_signal(int number)
{
    (void)number;
}

static atomic_bool interrupted;

static void *interrupt(void *thread)
{
    while (!interrupted) { /* again and again: one that comes before the poll is lost */
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        cb_sleep_ns(CB_NS_PER_MS);
    }
    return NULL;
}

static void lines_interrupted(void)
{
    struct sigaction handler = {.sa_handler = on_signal}, before;
    pthread_t self = pthread_self(), other;
    struct stream s;
    struct cb_err err;
    char *line;
    open_stream(&s);
    sigaction(SIGUSR1, &handler, &before);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, interrupt, &self), 0);
    CU_ASSERT(next(&s, &line, &err) == -1 && err.code == CB_EINTR);
    interrupted = true;
    pthread_join(other, NULL);
    sigaction(SIGUSR1, &before, NULL);
    close_stream(&s);
}

const struct cb_suite cb_suite = {
    "io",
    {
        {"files: limits of reading", read_limits},
        {"files: first lines and numbers", read_lines_and_numbers},
        {"files: replaced whole or not at all", replace_is_whole_or_nothing},
        {"files: replacing follows no link", replace_does_not_follow_links},
        {"files: writing follows no link", write_file_refuses_links},
        {"files: directories with parents", mkdirs},
        {"files: removal keeps what links point to", remove_keeps_link_targets},
        {"files: removal of odd paths", remove_odd_paths},
        {"files: removal stops at mounts", remove_stops_at_mounts},
        {"files: paths that do not fit", path_limit},
        {"lines: split and joined", lines_split_and_joined},
        {"lines: longest and too long", lines_limit},
        {"lines: NUL, end inside a line", lines_hostile},
        {"lines: the deadline holds", lines_deadline_holds},
        {"lines: a signal interrupts", lines_interrupted},
        CU_TEST_INFO_NULL,
    },
};
