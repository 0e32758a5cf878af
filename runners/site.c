#include "runners/site.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "runners/image/images.h"
#include "runners/vmhost.h"

/* ---- places
 * ----------------------------------------------------------------------------------------------------- */

/* Directories of the environment count only when they are absolute. */
static const char *absolute_env(const char *name)
{
    const char *v = getenv(name);
    return v && v[0] == '/' ? v : NULL;
}

int cb_state_base(char *out, size_t cap, struct cb_err *err)
{
    const char *runtime = absolute_env("XDG_RUNTIME_DIR");
    if (geteuid() == 0)
        return cb_path(out, cap, err, "/run/cbench");
    if (runtime)
        return cb_path(out, cap, err, "%s/cbench", runtime);
    return cb_path(out, cap, err, "/tmp/cbench-%u", (unsigned)geteuid());
}

int cb_cache_dir(char *out, size_t cap, struct cb_err *err)
{
    const char *set = absolute_env("CBENCH_CACHE"), *xdg = absolute_env("XDG_CACHE_HOME"),
               *home = absolute_env("HOME");
    if (set)
        return cb_path(out, cap, err, "%s", set);
    if (geteuid() == 0)
        return cb_path(out, cap, err, "/var/cache/cbench");
    if (xdg)
        return cb_path(out, cap, err, "%s/cbench", xdg);
    if (home)
        return cb_path(out, cap, err, "%s/.cache/cbench", home);
    return cb_fail(err, CB_EMISSING, "no cache directory: HOME is not set");
}

static int own_directory(char *out, size_t cap, struct cb_err *err)
{
    ssize_t n = readlink("/proc/self/exe", out, cap - 1);
    if (n < 0)
        return cb_fail_sys(err, errno, "read /proc/self/exe");
    out[n] = '\0';
    *strrchr(out, '/') = '\0';
    return 0;
}

int cb_agent_find(char *out, size_t cap, struct cb_err *err)
{
    /* Beside bin/ of an installation, beside cli/ and tests/unit/ of a build tree. */
    static const char *const places[] = {"../libexec/cbench/cbench-agent", "../bench/cbench-agent",
                                         "../../bench/cbench-agent"};
    char dir[512], path[1024];
    const char *set = getenv("CBENCH_AGENT");
    if (set && cb_path(path, sizeof path, err, "%s", set) < 0)
        return -1;
    for (size_t i = 0; !set && i < sizeof places / sizeof *places; i++) {
        if (own_directory(dir, sizeof dir, err) < 0 ||
            cb_path(path, sizeof path, err, "%s/%s", dir, places[i]) < 0)
            return -1;
        if (access(path, X_OK) == 0)
            break;
    }
    CB_AUTOFREE char *real = realpath(path, NULL);
    if (!real || access(real, X_OK) < 0)
        return cb_fail_sys(err, errno, "find the agent %s", path);
    return cb_path(out, cap, err, "%s", real);
}

/* ---- owners
 * ----------------------------------------------------------------------------------------------------- */

static int starttime_of(int pid, uint64_t *out)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (cb_read_line(path, line, sizeof line) < 0)
        return -1;
    /* The command name, field 2, may hold anything; what follows its last parenthesis is numbers. */
    const char *p = strrchr(line, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p && sscanf(p, " %" SCNu64, out) == 1 ? 0 : -1;
}

int cb_owner_read(const char *state_dir, struct cb_owner *o)
{
    struct cb_err ignored;
    CB_AUTOBUF struct cb_buf text = {0};
    char path[512];
    *o = (struct cb_owner){0};
    if (cb_path(path, sizeof path, &ignored, "%s/" CB_OWNER_FILE, state_dir) < 0 ||
        cb_read_file(AT_FDCWD, path, 1024, &text, &ignored) < 0)
        return -1;
    return sscanf(cb_buf_str(&text), "%d %" SCNu64 " %255[^\n]", &o->pid, &o->starttime, o->work_dir) == 3
               ? 0
               : -1;
}

bool cb_owner_alive(const struct cb_owner *o)
{
    uint64_t now;
    return o->pid > 0 && starttime_of(o->pid, &now) == 0 && now == o->starttime;
}

static int write_owner(const struct cb_site *site, struct cb_err *err)
{
    char text[512];
    uint64_t start;
    if (starttime_of((int)getpid(), &start) < 0)
        return cb_fail_sys(err, errno, "read /proc/self/stat");
    snprintf(text, sizeof text, "%d %" PRIu64 " %s\n", (int)getpid(), start, site->work_dir);
    CB_AUTOFD int dir = open(site->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", site->state_dir);
    return cb_replace_file(dir, CB_OWNER_FILE, text, strlen(text), 0600, err);
}

/* ---- open and close
 * --------------------------------------------------------------------------------------------- */

/* mkdir, not mkdirs: a directory that is there already belongs to somebody else, and must not be removed
 * later. */
static int make_own(char *path, struct cb_err *err)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    cb_fail_sys(err, errno, "create %s", path);
    path[0] = '\0';
    return -1;
}

static int make_directories(const struct cb_site_request *req, struct cb_site *site, struct cb_err *err)
{
    char base[128];
    if (cb_state_base(base, sizeof base, err) < 0 ||
        cb_path(site->state_dir, sizeof site->state_dir, err, "%s/%s", base, req->run_id) < 0 ||
        cb_path(site->work_dir, sizeof site->work_dir, err, "%s/work", req->run_dir) < 0 ||
        cb_cache_dir(site->cache_dir, sizeof site->cache_dir, err) < 0)
        return -1;
    if (cb_mkdirs(base, 0700, err) < 0 || cb_mkdirs(site->cache_dir, 0755, err) < 0)
        return -1;
    if (make_own(site->state_dir, err) < 0 || make_own(site->work_dir, err) < 0)
        return -1;
    return write_owner(site, err);
}

/* No network is a reason for skipping network cases, not for ending the run. */
static void open_fabric(struct cb_site *site)
{
    struct cb_err err = {0};
    if (cb_fabric_open(site->agent_path, &site->topo, &site->fabric, &err) < 0) {
        site->fabric = NULL;
        snprintf(site->fabric_reason, sizeof site->fabric_reason, "no private network: %.200s", err.msg);
    }
}

int cb_site_open(const struct cb_site_request *req, const struct cb_topology *topo, struct cb_site *site,
                 struct cb_err *err)
{
    struct cb_err ignored;
    *site = (struct cb_site){.memory = req->memory, .topo = *topo};
    if (cb_path(site->run_id, sizeof site->run_id, err, "%s", req->run_id) < 0 ||
        cb_path(site->connect, sizeof site->connect, err, "%s", req->connect) < 0 ||
        cb_agent_find(site->agent_path, sizeof site->agent_path, err) < 0 ||
        cb_sha256_file(site->agent_path, site->agent_sha256, err) < 0)
        return -1;
    if (make_directories(req, site, err) < 0) {
        cb_site_close(site);
        return -1;
    }
    (void)cb_cgroup_init(&ignored); /* an arm that needs it fails with the reason */
    if (req->network)
        open_fabric(site);
    else
        snprintf(site->fabric_reason, sizeof site->fabric_reason,
                 "no benchmark of this run uses the network");
    return 0;
}

void cb_site_close(struct cb_site *site)
{
    struct cb_err ignored;
    cb_vmhost_close(site->vmhost);
    site->vmhost = NULL;
    cb_images_free(site->images);
    site->images = NULL;
    cb_fabric_close(site->fabric);
    site->fabric = NULL;
    if (site->run_id[0])
        cb_cgroup_remove_run(site->run_id);
    if (site->work_dir[0])
        (void)cb_remove_tree(site->work_dir, &ignored);
    /* The owner file goes last: until then gc knows where to look. */
    if (site->state_dir[0])
        (void)cb_remove_tree(site->state_dir, &ignored);
    site->work_dir[0] = site->state_dir[0] = '\0';
}
