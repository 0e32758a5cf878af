/* The readers that the rows of noise.c name, and what they are made of. Inside bench/base/noise* only. A
 * reader writes the item's value, or returns false where the machine has no such thing or says it in a way
 * that no kernel does. */
#ifndef CB_BASE_NOISE_READ_H
#define CB_BASE_NOISE_READ_H

#include <stdint.h>

#include "bench/base/buf.h"
#include "bench/base/noise.h"

/* --- texts (noise_text.c) */

bool cb_noise_put_number(char out[CB_NOISE_VALUE], uint64_t v);
/* The whole file under the place's root. */
bool cb_noise_slurp(const struct cb_noise_place *p, const char *path, struct cb_buf *out);
/* The next number of a line, after blanks; *at ends up behind it. False where something else stands. */
bool cb_noise_take_number(const char **at, uint64_t *out);
/* Behind the first word of the line that begins with it; NULL where no line does. */
const char *cb_noise_line_with(const char *text, const char *word);
uint64_t cb_noise_ticks_ns(uint64_t ticks);

/* --- one file: `path` under the place's root */

#define CB_NOISE_READER(name)                                                                                \
    bool name(const struct cb_noise_place *p, const char *path, const char *arg, char out[CB_NOISE_VALUE])

CB_NOISE_READER(cb_noise_line);        /* first line */
CB_NOISE_READER(cb_noise_bracketed);   /* "always [madvise] never" -> "madvise" */
CB_NOISE_READER(cb_noise_first_match); /* first line of the first file that the pattern matches */
CB_NOISE_READER(cb_noise_keyed);       /* number behind a key: "oom_kill 3" */
CB_NOISE_READER(cb_noise_pressure);    /* microseconds in which `arg`, "some" or "full", waited */
CB_NOISE_READER(cb_noise_word);        /* word number `arg`, from 0, of the first line */

/* --- the arm's CPUs (noise_cpu.c) */

CB_NOISE_READER(cb_noise_cpu_time);   /* of /proc/stat: "all", "user", "tasks", ... */
CB_NOISE_READER(cb_noise_interrupts); /* of /proc/interrupts */
CB_NOISE_READER(cb_noise_cpu_sum);    /* sum over the CPUs of path/cpuN/arg */
CB_NOISE_READER(cb_noise_cpu_line);   /* path/cpuN/arg of the first CPU: arms get CPUs of one kind */

/* --- the arm's control group (noise_group.c): `path` is the file's name in it */

CB_NOISE_READER(cb_noise_group_memory); /* number behind the key `arg`, or the first line with "" */
/* A group is held back with the one above it: the key's sum up to the hierarchy's root. */
CB_NOISE_READER(cb_noise_group_and_above);
CB_NOISE_READER(cb_noise_group_time); /* of its processes and their children that are gone: "all", "user" */
CB_NOISE_READER(cb_noise_group_cpus); /* what its threads may use: "1", or "1 | 0-3" where they differ */

#endif
