#include "runners/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/io.h"

#define MOUNTINFO_MAX (4u << 20) /* container hosts have thousands of mounts of some 200 bytes */

static int mount_id(const char *path, uint64_t *id, struct cb_err *err)
{
    struct statx st;
    if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st))
        return cb_fail_sys(err, errno, "statx %s", path);
    if (!(st.stx_mask & STATX_MNT_ID))
        return cb_fail(err, CB_EMISSING, "the kernel tells no mount ids (Linux 5.8 does)");
    *id = st.stx_mnt_id;
    return 0;
}

/* "\040" and the like, three octal digits, stand for blanks and backslashes. Decodes in place. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++, to++) {
        *to = *s;
        if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
            *to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        }
    }
    *to = '\0';
}

/* 36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw */
static int parse(const char *line, struct cb_backing *out)
{
    const char *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*d %*d %15s %*s %255s", out->device, out->mount) != 2 ||
        sscanf(tail + 3, "%31s %127s", out->fs, out->source) != 2)
        return -1;
    unescape(out->mount);
    unescape(out->source);
    return 0;
}

int cb_backing_of(const char *path, struct cb_backing *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    uint64_t id = 0;
    if (mount_id(path, &id, err) || cb_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err))
        return -1;
    char *rest = text.data;
    for (char *line; rest && (line = strsep(&rest, "\n"));)
        if (strtoull(line, NULL, 10) == id && parse(line, out) == 0)
            return 0;
    return cb_fail(err, CB_ESYS, "%s: mount %" PRIu64 " is not in /proc/self/mountinfo", path, id);
}

void cb_backing_facts(struct cb_env *env, const char *path)
{
    struct cb_backing b;
    struct cb_err err;
    if (cb_backing_of(path, &b, &err)) {
        cb_env_fact(env, "scratch.fs", "unknown: %s", err.msg);
        return;
    }
    snprintf(env->scratch_device, sizeof env->scratch_device, "%s", b.device);
    cb_env_fact(env, "scratch.fs", "%s", b.fs);
    cb_env_fact(env, "scratch.device", "%s", b.source);
    cb_env_fact(env, "scratch.mount", "%s", b.mount);
}
