#include "tests/unit/stage.h"

#include <dirent.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "tests/unit/unit.h"

bool stage_skip(const char *why)
{
    const char *must = getenv("CB_MUST_RUN");
    printf("(skipped: %s) ", why);
    if (must && strstr(must, "container"))
        CU_FAIL("containers must run here");
    return false;
}

void stage_env(struct stage *s, unsigned slot)
{
    s->env = (struct cb_env){.arm = &s->arm, .site = &s->site, .slot = slot};
    snprintf(s->env.name, sizeof s->env.name, "%s-%u", s->site.run_id, slot);
    s->link = (struct cb_link){-1, -1};
}

bool stage_set(struct stage *s, const char *arm, const char *agent, bool network)
{
    static unsigned runs;
    char dir[] = "/var/tmp/cbench-test-XXXXXX"; /* /tmp may be what overlayfs cannot lie on */
    memset(s, 0, sizeof *s);
    CU_ASSERT_FATAL(cb_arm_parse(arm, &s->arm, &s->err) == 0);
    if (s->arm.runner->probe(&s->arm, &s->site, &s->err) < 0 ||
        cb_topology_load(&s->site.topo, 1, &s->err) < 0)
        return stage_skip(s->err.msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(s->site.run_id, sizeof s->site.run_id, "test%d.%u", (int)getpid(), runs++);
    snprintf(s->site.work_dir, sizeof s->site.work_dir, "%s", dir);
    snprintf(s->site.state_dir, sizeof s->site.state_dir, "%s", dir);
    snprintf(s->site.agent_path, sizeof s->site.agent_path, "%s", agent);
    snprintf(s->site.fabric_reason, sizeof s->site.fabric_reason, "none asked for");
    s->site.memory = STAGE_MEMORY;
    stage_env(s, 3);
    if (network && cb_fabric_open(CB_TEST_HOSTILE, &s->site.topo, &s->site.fabric, &s->err) < 0)
        return stage_skip(s->err.msg);
    return true;
}

int stage_start(struct stage *s)
{
    const struct cb_runner *r = s->arm.runner;
    if (r->prepare(&s->env, &s->err) < 0 || r->up(&s->env, &s->err) < 0 ||
        r->launch(&s->env, &s->link, &s->err) < 0)
        return -1;
    cb_lines_init(&s->lines, s->link.from_agent);
    return 0;
}

bool stage_begin(struct stage *s, const char *arm, bool network)
{
    if (!stage_set(s, arm, CB_TEST_HOSTILE, network))
        return false;
    if (stage_start(s) < 0) {
        printf("(%s) ", s->err.msg);
        CU_FAIL("the arm did not start");
        return false;
    }
    CU_ASSERT_STRING_EQUAL(stage_hear(s), "hello");
    return true;
}

void stage_clear(struct stage *s)
{
    cb_link_close(&s->link);
    if (!s->site.work_dir[0])
        return;
    s->arm.runner->down(&s->env);
    cb_fabric_close(s->site.fabric);
    cb_cgroup_remove_run(s->site.run_id);
    CU_ASSERT_EQUAL(cb_remove_tree(s->site.work_dir, &s->err), 0);
}

const char *stage_hear(struct stage *s)
{
    char *line;
    int n = cb_lines_next(&s->lines, cb_deadline_in(STAGE_REPLY_NS), &line, &s->err);
    return n > 0 ? line : n == 0 ? "(end)" : s->err.msg;
}

const char *stage_ask(struct stage *s, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (cb_write_all(s->link.to_agent, line, strlen(line), &s->err) < 0 ||
        cb_write_all(s->link.to_agent, "\n", 1, &s->err) < 0)
        return s->err.msg;
    return stage_hear(s);
}

bool stage_exists(const char *dir, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0;
}

unsigned stage_count_lines(const char *path, const char *needle)
{
    char line[4096];
    unsigned n = 0;
    CB_AUTOFILE FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, needle) != NULL;
    return n;
}

unsigned stage_processes(const struct cb_env *env)
{
    char path[300], group[160];
    unsigned n = 0;
    DIR *proc = opendir("/proc");
    snprintf(group, sizeof group, "cbench-%s/%s", env->site->run_id, env->name);
    for (struct dirent *d; proc && (d = readdir(proc));) {
        snprintf(path, sizeof path, "/proc/%s/cgroup", d->d_name);
        n += d->d_name[0] >= '1' && d->d_name[0] <= '9' && stage_count_lines(path, group) > 0;
    }
    if (proc)
        closedir(proc);
    return n;
}

unsigned stage_groups(const struct cb_env *env)
{
    char group[160];
    unsigned n = 0;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    snprintf(group, sizeof group, "cbench-%s/%s", env->site->run_id, env->name);
    for (struct mntent *m; mounts && (m = getmntent(mounts));)
        n += strncmp(m->mnt_type, "cgroup", 6) == 0 && stage_exists(m->mnt_dir, group);
    if (mounts)
        endmntent(mounts);
    return n;
}
