/* One instance of an arm with a hostile program (hostile.c) in the agent's place, for tests of runners: asked
 * from inside by commands, and looked at from the host. */
#ifndef CB_TESTS_STAGE_H
#define CB_TESTS_STAGE_H

#include <stdbool.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/runner.h"

#define STAGE_REPLY_NS (10 * CB_NS_PER_S)
#define STAGE_MEMORY   (UINT64_C(64) << 20) /* of the site: little enough to be used up in a test */

struct stage {
    struct cb_site site;
    struct cb_arm arm;
    struct cb_env env;
    struct cb_link link;
    struct cb_lines lines;
    struct cb_err err;
};

/* Says that a test does nothing here, and why; fails it where CB_MUST_RUN names containers. Returns false. */
bool stage_skip(const char *why);
/* Arm, site with a work directory and, `network`, the fabric; nothing is started. False where the test cannot
 * run: it said so. stage_clear is due in any case. */
bool stage_set(struct stage *s, const char *arm, const char *agent, bool network);
/* Makes s->env another instance of the arm. */
void stage_env(struct stage *s, unsigned slot);
int stage_start(struct stage *s);
/* stage_set and a start that must succeed: the program has answered. */
bool stage_begin(struct stage *s, const char *arm, bool network);
void stage_clear(struct stage *s);

/* The next line, "(end)", or what went wrong. Valid until the next call. */
const char *stage_hear(struct stage *s);
/* Sends a command, hears the answer. */
const char *stage_ask(struct stage *s, const char *fmt, ...) CB_PRINTF(2, 3);

/* Processes in the control group of an instance, and hierarchies that have the group. */
unsigned stage_processes(const struct cb_env *env);
unsigned stage_groups(const struct cb_env *env);
bool stage_exists(const char *dir, const char *name);
unsigned stage_count_lines(const char *path, const char *needle);

#endif
