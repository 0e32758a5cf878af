#include "bench/base/noise_read.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/units.h"

#define FILE_MAX (4u << 20) /* /proc/interrupts of a machine with 2048 CPUs */

bool cb_noise_put_number(char out[CB_NOISE_VALUE], uint64_t v)
{
    snprintf(out, CB_NOISE_VALUE, "%" PRIu64, v);
    return true;
}

bool cb_noise_slurp(const struct cb_noise_place *p, const char *path, struct cb_buf *out)
{
    char full[PATH_MAX];
    struct cb_err ignored;
    return cb_path(full, sizeof full, &ignored, "%s%s", p->root, path) == 0 &&
           cb_read_file(AT_FDCWD, full, FILE_MAX, out, &ignored) == 0;
}

bool cb_noise_take_number(const char **at, uint64_t *out)
{
    char digits[24];
    struct cb_err ignored;
    const char *p = *at + strspn(*at, " \t");
    size_t n = strcspn(p, " \t\n");
    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, p, n);
    digits[n] = '\0';
    *at = p + n;
    return cb_parse_u64(digits, 0, UINT64_MAX, out, &ignored) == 0;
}

const char *cb_noise_line_with(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *line = text; *line; line += *line == '\n') {
        if (strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t'))
            return line + n;
        line += strcspn(line, "\n");
    }
    return NULL;
}

uint64_t cb_noise_ticks_ns(uint64_t ticks)
{
    return ticks * (CB_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

bool cb_noise_line(const struct cb_noise_place *p, const char *path, const char *unused,
                   char out[CB_NOISE_VALUE])
{
    char full[PATH_MAX];
    struct cb_err ignored;
    (void)unused;
    return cb_path(full, sizeof full, &ignored, "%s%s", p->root, path) == 0 &&
           cb_read_line(full, out, CB_NOISE_VALUE) == 0 && *out;
}

bool cb_noise_bracketed(const struct cb_noise_place *p, const char *path, const char *unused,
                        char out[CB_NOISE_VALUE])
{
    char text[CB_NOISE_VALUE];
    if (!cb_noise_line(p, path, unused, text))
        return false;
    const char *open = strchr(text, '[');
    size_t n = open ? strcspn(open + 1, "]") : 0;
    if (n)
        snprintf(out, CB_NOISE_VALUE, "%.*s", (int)n, open + 1);
    return n > 0;
}

bool cb_noise_first_match(const struct cb_noise_place *p, const char *pattern, const char *unused,
                          char out[CB_NOISE_VALUE])
{
    char full[PATH_MAX];
    struct cb_err ignored;
    glob_t found = {0};
    (void)unused;
    if (cb_path(full, sizeof full, &ignored, "%s%s", p->root, pattern) < 0)
        return false;
    bool got = glob(full, 0, NULL, &found) == 0 && cb_read_line(found.gl_pathv[0], out, CB_NOISE_VALUE) == 0;
    globfree(&found);
    return got && *out;
}

bool cb_noise_keyed(const struct cb_noise_place *p, const char *path, const char *key,
                    char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    uint64_t v;
    const char *at = cb_noise_slurp(p, path, &text) ? cb_noise_line_with(cb_buf_str(&text), key) : NULL;
    return at && cb_noise_take_number(&at, &v) && cb_noise_put_number(out, v);
}

/* "some avg10=.. total=12": microseconds in which some task, or all of them, waited. */
bool cb_noise_pressure(const struct cb_noise_place *p, const char *path, const char *who,
                       char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    uint64_t us;
    const char *at = cb_noise_slurp(p, path, &text) ? cb_noise_line_with(cb_buf_str(&text), who) : NULL;
    const char *total = at ? strstr(at, " total=") : NULL;
    if (!total || total > at + strcspn(at, "\n"))
        return false;
    total += strlen(" total=");
    return cb_noise_take_number(&total, &us) && cb_noise_put_number(out, us);
}

bool cb_noise_word(const struct cb_noise_place *p, const char *path, const char *nth,
                   char out[CB_NOISE_VALUE])
{
    char text[256];
    char full[PATH_MAX];
    struct cb_err ignored;
    if (cb_path(full, sizeof full, &ignored, "%s%s", p->root, path) < 0 ||
        cb_read_line(full, text, sizeof text) < 0)
        return false;
    const char *at = text;
    for (int i = atoi(nth); i > 0; i--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    snprintf(out, CB_NOISE_VALUE, "%.*s", (int)strcspn(at, " "), at);
    return *out != '\0';
}
