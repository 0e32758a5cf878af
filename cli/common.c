#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/base/units.h"
#include "cli/cli.h"

static void print_version(FILE *to, struct argp_state *state)
{
    (void)state;
    fprintf(to, "cbench %s\n", CB_VERSION);
}

void cb_argp_setup(void)
{
    argp_program_version_hook = print_version;
    argp_err_exit_status = CB_EXIT_USAGE;
}

int cb_exit_code(const struct cb_err *err)
{
    switch (err->code) {
    case CB_OK:
        return CB_EXIT_OK;
    case CB_EUNFIT:
        return CB_EXIT_UNFIT;
    case CB_EARM:
    case CB_EPROTO:
    case CB_ETIMEOUT:
        return CB_EXIT_ARM;
    case CB_EMISSING:
        return CB_EXIT_SKIPPED;
    case CB_EINTR:
        return CB_EXIT_INTERRUPTED;
    default:
        return CB_EXIT_USAGE;
    }
}

int cb_report_error(const struct cb_err *err)
{
    fprintf(stderr, "cbench: %s\n", err->msg);
    return cb_exit_code(err);
}

int cb_out_dir(const char *given, char *out, size_t cap, struct cb_err *err)
{
    const char *home = getenv("CBENCH_HOME"), *dir = given             ? given
                                                     : home && home[0] ? home
                                                                       : "cbench-results";
    char cwd[4096];
    if (dir[0] == '/')
        return cb_path(out, cap, err, "%s", dir);
    if (!getcwd(cwd, sizeof cwd))
        return cb_fail_sys(err, errno, "working directory");
    return cb_path(out, cap, err, "%s/%s", cwd, dir);
}

int cb_open_store(const char *out_dir, bool create, struct cb_store **store, struct cb_err *err)
{
    char path[4096];
    if (create && cb_mkdirs(out_dir, 0755, err) < 0)
        return -1;
    if (cb_path(path, sizeof path, err, "%s/cbench.db", out_dir) < 0)
        return -1;
    if (!create && access(path, R_OK) < 0)
        return cb_fail(err, CB_EUSAGE, "no runs in %s: %s", out_dir, strerror(errno));
    return cb_store_open(path, store, err);
}

/* Splits "OUT/ID/run.json", links resolved, into OUT and ID. */
static int split_path(const char *path, char *out, size_t cap, char id[32], struct cb_err *err)
{
    CB_AUTOFREE char *real = realpath(path, NULL);
    if (!real)
        return cb_fail(err, CB_EUSAGE, "run %s: %s", path, strerror(errno));
    char *file = strrchr(real, '/');
    *file = '\0';
    char *dir = strrchr(real, '/');
    if (!dir || strlen(dir + 1) >= 32)
        return cb_fail(err, CB_EUSAGE, "run %s: not in a run's directory", path);
    *dir = '\0';
    snprintf(id, 32, "%s", dir + 1);
    return cb_path(out, cap, err, "%s", real);
}

int cb_find_run(const char *run, const char *out, struct cb_run_place *at, struct cb_err *err)
{
    *at = (struct cb_run_place){0};
    char typed[32];
    bool is_path = strchr(run, '/') != NULL || strcmp(run, "run.json") == 0;
    if (is_path ? split_path(run, at->out, sizeof at->out, typed, err) < 0
                : cb_out_dir(out, at->out, sizeof at->out, err) < 0)
        return -1;
    if (cb_open_store(at->out, false, &at->store, err) < 0)
        return -1;
    if (cb_store_find(at->store, is_path ? typed : run, at->id, err) == 0 &&
        cb_path(at->dir, sizeof at->dir, err, "%s/%s", at->out, at->id) == 0)
        return 0;
    cb_store_close(at->store);
    return -1;
}

static int caller_ids(uid_t *uid, gid_t *gid)
{
    struct cb_err ignored;
    uint64_t u, g;
    const char *su = getenv("SUDO_UID"), *sg = getenv("SUDO_GID");
    if (geteuid() != 0 || !su || !sg || cb_parse_u64(su, 0, UINT32_MAX, &u, &ignored) < 0 ||
        cb_parse_u64(sg, 0, UINT32_MAX, &g, &ignored) < 0)
        return -1;
    *uid = (uid_t)u;
    *gid = (gid_t)g;
    return 0;
}

int cb_give_to_caller(const char *path, struct cb_err *err)
{
    uid_t uid;
    gid_t gid;
    char *roots[] = {(char *)path, NULL};
    if (caller_ids(&uid, &gid) < 0)
        return 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (!tree)
        return cb_fail_sys(err, errno, "walk %s", path);
    int got = 0;
    for (FTSENT *e; got == 0 && (e = fts_read(tree));)
        if (e->fts_info != FTS_D && e->fts_info != FTS_NS && lchown(e->fts_accpath, uid, gid) < 0 &&
            errno != ENOENT)
            got = cb_fail_sys(err, errno, "give %s to its owner", e->fts_path);
    fts_close(tree);
    return got;
}
