#include "runners/exec_oci.h"

#include <errno.h>
#include <string.h>

#include "runners/rootfs.h"
#include "runners/seccomp.h"

const char *const cb_oci_hidden[] = {
    "/proc/kcore",         "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug",
    "/proc/timer_list",    "/proc/timer_stats",
    "/proc/acpi",          "/proc/asound",
    "/proc/scsi",          "/sys/devices/virtual/powercap",
    "/sys/firmware",       NULL,
};

const char *const cb_oci_read_only[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static json_t *strings(const char *const *list)
{
    json_t *array = json_array();
    for (; *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

/* "read write ..." */
static json_t *names(const char *calls)
{
    json_t *array = json_array();
    for (size_t n; *calls; calls += n + strspn(calls + n, " ")) {
        n = strcspn(calls, " ");
        json_array_append_new(array, json_stringn(calls, n));
    }
    return array;
}

static json_t *rule(json_t *calls, bool allow, json_t *args)
{
    json_t *r =
        json_pack("{s:o, s:s}", "names", calls, "action", allow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
    if (!allow)
        json_object_set_new(r, "errnoRet", json_integer(EPERM));
    if (args)
        json_object_set_new(r, "args", args);
    return r;
}

const char *cb_oci_comparison(enum scmp_compare op)
{
    switch (op) {
    case SCMP_CMP_EQ:
        return "SCMP_CMP_EQ";
    case SCMP_CMP_MASKED_EQ:
        return "SCMP_CMP_MASKED_EQ";
    default:
        return NULL; /* not used by our filter: jansson refuses it, and no config comes about */
    }
}

static json_t *conditional(const struct cb_seccomp_condition *c)
{
    json_t *arg =
        json_pack("{s:i, s:I, s:I, s:s}", "index", (int)c->cmp.arg, "value", (json_int_t)c->cmp.datum_a,
                  "valueTwo", (json_int_t)c->cmp.datum_b, "op", cb_oci_comparison(c->cmp.op));
    return rule(names(c->call), c->allow, json_pack("[o]", arg));
}

json_t *cb_oci_seccomp(void)
{
    size_t n;
    const struct cb_seccomp_condition *c = cb_seccomp_conditions(&n);
    json_t *rules = json_array();
    json_array_append_new(rules, rule(names(cb_seccomp_calls(true)), true, NULL));
    json_array_append_new(rules, rule(names(cb_seccomp_calls(false)), false, NULL));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rules, conditional(&c[i]));
    /* No flags: runc knows none before 1.2, and SPEC_ALLOW, which our own has, is the default since
     * Linux 5.16. */
    return json_pack("{s:s, s:i, s:o}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet", ENOSYS,
                     "syscalls", rules);
}

static json_t *process(void)
{
    json_t *p =
        json_pack("{s:b, s:{s:i, s:i}, s:[s,s], s:[s], s:s, s:b}", "terminal", 0, "user", "uid", 0, "gid", 0,
                  "args", CB_ROOTFS_AGENT, "run", "env", "PATH=/", "cwd", "/", "noNewPrivileges", 1);
    json_object_set_new(p, "capabilities",
                        json_pack("{s:[], s:[], s:[], s:[], s:[]}", "bounding", "effective", "permitted",
                                  "inheritable", "ambient"));
    return p;
}

static json_t *mounts(void)
{
    return json_pack("[{s:s, s:s, s:s, s:[s,s,s]},"
                     " {s:s, s:s, s:s, s:[s,s,s,s]},"
                     " {s:s, s:s, s:s, s:[s,s,s]},"
                     " {s:s, s:s, s:s, s:[s,s,s,s,s]},"
                     " {s:s, s:s, s:s, s:[s,s,s,s,s]}]",
                     "destination", "/proc", "type", "proc", "source", "proc", "options", "nosuid", "noexec",
                     "nodev", "destination", "/sys", "type", "sysfs", "source", "sysfs", "options", "nosuid",
                     "noexec", "nodev", "ro", "destination", "/dev", "type", "tmpfs", "source", "tmpfs",
                     "options", "nosuid", "mode=755", "size=64k", "destination", "/dev/pts", "type", "devpts",
                     "source", "devpts", "options", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
                     "mode=0620", "destination", "/dev/shm", "type", "tmpfs", "source", "tmpfs", "options",
                     "nosuid", "noexec", "nodev", "mode=1777", "size=64m");
}

static json_t *resources(const struct cb_oci *in)
{
    json_t *memory = json_pack("{s:I}", "limit", (json_int_t)in->memory);
    if (in->swap_counted)
        json_object_set_new(memory, "swap",
                            json_integer((json_int_t)in->memory)); /* of both: none is left to swap */
    return json_pack("{s:o, s:{s:s, s:s}}", "memory", memory, "cpu", "cpus", in->cpus, "mems", in->nodes);
}

static json_t *isolation(const struct cb_oci *in)
{
    return json_pack("{s:[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}], s:s, s:o, s:o, s:o, s:o}", "namespaces", "type",
                     "mount", "type", "pid", "type", "ipc", "type", "uts", "type", "cgroup", "cgroupsPath",
                     in->cgroup, "resources", resources(in), "maskedPaths", strings(cb_oci_hidden),
                     "readonlyPaths", strings(cb_oci_read_only), "seccomp", cb_oci_seccomp());
}

json_t *cb_oci_config(const struct cb_oci *in)
{
    return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process", process(),
                     "root", "path", in->root, "readonly", 0, "hostname", in->hostname, "mounts", mounts(),
                     "linux", isolation(in));
}
