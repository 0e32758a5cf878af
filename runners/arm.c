/* The table of runners, and arms as text. */
#include "runners/runner.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CB_RUNNER(symbol) extern const struct cb_runner symbol;
#include "runners/runners.def"
#undef CB_RUNNER

/* The host again, an arm of its own: what two identical arms differ by is the noise floor. */
static const char HOST_AGAIN[] = "host2";

static bool choice_has(const char *choices, const char *value, size_t len)
{
    while (*choices) {
        size_t n = strcspn(choices, "|");
        if (n == len && memcmp(choices, value, len) == 0)
            return true;
        choices += n + (choices[n] == '|');
    }
    return false;
}

/* An arm's text becomes a key of the store, a label of figures and a line of the terminal. */
static bool printable(const char *s)
{
    for (; *s; s++)
        if (*s < ' ' || *s > '~')
            return false;
    return true;
}

static int param_index(const struct cb_runner *r, const char *name, size_t len)
{
    for (int i = 0; r->params && r->params[i].name; i++)
        if (strlen(r->params[i].name) == len && memcmp(r->params[i].name, name, len) == 0)
            return i;
    return -1;
}

static int set_defaults(struct cb_arm *arm, struct cb_err *err)
{
    for (size_t i = 0; arm->runner->params && arm->runner->params[i].name; i++) {
        if (i >= COUNT(arm->value))
            return cb_fail(err, CB_EUSAGE, "runner %s: more than %zu parameters", arm->runner->name,
                           COUNT(arm->value));
        snprintf(arm->value[i], sizeof arm->value[i], "%s", arm->runner->params[i].def);
    }
    return 0;
}

/* The value of parameter i, `len` bytes. */
static int set_value(struct cb_arm *arm, int i, const char *value, size_t len, unsigned *seen,
                     struct cb_err *err)
{
    const struct cb_arm_param *p = &arm->runner->params[i];
    if (*seen & 1u << i)
        return cb_fail(err, CB_EUSAGE, "arm %s: %s is given twice", arm->name, p->name);
    *seen |= 1u << i;
    if (len >= sizeof arm->value[i])
        return cb_fail(err, CB_EUSAGE, "arm %s: %s is longer than %zu bytes", arm->name, p->name,
                       sizeof arm->value[i] - 1);
    if (p->choices && !choice_has(p->choices, value, len))
        return cb_fail(err, CB_EUSAGE, "arm %s: %s=%.*s is none of %s", arm->name, p->name, (int)len, value,
                       p->choices);
    memcpy(arm->value[i], value, len);
    arm->value[i][len] = '\0';
    return 0;
}

/* One "key=value" of `len` bytes. */
static int set_param(struct cb_arm *arm, const char *token, size_t len, unsigned *seen, struct cb_err *err)
{
    const char *equals = memchr(token, '=', len);
    if (!equals)
        return cb_fail(err, CB_EUSAGE, "arm %s: \"%.*s\" is not key=value", arm->name, (int)len, token);
    size_t key = (size_t)(equals - token);
    int i = param_index(arm->runner, token, key);
    if (i < 0)
        return cb_fail(err, CB_EUSAGE, "arm %s: %s has no parameter \"%.*s\"", arm->name, arm->runner->name,
                       (int)key, token);
    return set_value(arm, i, equals + 1, len - key - 1, seen, err);
}

/* Up to the next comma, or all of the list where the runner wants it so. */
static size_t token_length(const struct cb_runner *r, const char *list)
{
    size_t n = r->rest ? strlen(r->rest) : 0;
    bool rest = n && strncmp(list, r->rest, n) == 0 && list[n] == '=';
    return rest ? strlen(list) : strcspn(list, ",");
}

static int set_params(struct cb_arm *arm, const char *list, struct cb_err *err)
{
    const struct cb_runner *r = arm->runner;
    unsigned seen = 0;
    for (bool first = true;; first = false) {
        size_t n = token_length(r, list);
        bool bare = first && r->bare && n && !memchr(list, '=', n);
        if (bare ? set_value(arm, param_index(r, r->bare, strlen(r->bare)), list, n, &seen, err)
                 : set_param(arm, list, n, &seen, err))
            return -1;
        if (!list[n])
            return 0;
        list += n + 1;
    }
}

const struct cb_arm_preset *cb_arm_preset(const struct cb_arm *arm)
{
    int i = arm->runner->presets ? param_index(arm->runner, "preset", strlen("preset")) : -1;
    for (const struct cb_arm_preset *p = arm->runner->presets; i >= 0 && p->name; p++)
        if (strcmp(p->name, arm->value[i]) == 0)
            return p;
    return NULL;
}

/* What is given is set again after what its preset stands for, and so wins. */
static int set_all(struct cb_arm *arm, const char *list, struct cb_err *err)
{
    if (set_params(arm, list, err))
        return -1;
    const struct cb_arm_preset *preset = cb_arm_preset(arm);
    return preset && (set_params(arm, preset->values, err) || set_params(arm, list, err)) ? -1 : 0;
}

const struct cb_runner *cb_runner_find(const char *name)
{
    for (const struct cb_runner *const *r = cb_runners; *r; r++)
        if (strcmp((*r)->name, name) == 0)
            return *r;
    return NULL;
}

int cb_arm_parse(const char *text, struct cb_arm *arm, struct cb_err *err)
{
    *arm = (struct cb_arm){0};
    if (!*text || strlen(text) >= sizeof arm->name || !printable(text))
        return cb_fail(err, CB_EUSAGE, "arm \"%.100s\": 1 to %zu printable ASCII characters", text,
                       sizeof arm->name - 1);
    snprintf(arm->name, sizeof arm->name, "%s", text);
    char runner[CB_ARM_NAME_MAX] = "";
    size_t n = strcspn(text, ":");
    memcpy(runner, text, n);
    arm->runner = cb_runner_find(strcmp(runner, HOST_AGAIN) == 0 ? "host" : runner);
    if (!arm->runner)
        return cb_fail(err, CB_EUSAGE, "arm %s: there is no runner \"%s\"", text, runner);
    if (set_defaults(arm, err) || (text[n] && set_all(arm, text + n + 1, err)))
        return -1;
    return arm->runner->check && arm->runner->check(arm, err) ? cb_wrap(err, "arm %s", text) : 0;
}

const char *cb_arm_value(const struct cb_arm *arm, const char *param)
{
    int i = param_index(arm->runner, param, strlen(param));
    assert(i >= 0);
    return arm->value[i];
}

bool cb_arm_is_control(const struct cb_arm *arm)
{
    int i = param_index(arm->runner, "slow", strlen("slow"));
    return i >= 0 && strcmp(arm->value[i], "0") != 0;
}

void cb_env_fact(struct cb_env *env, const char *key, const char *fmt, ...)
{
    if (env->nfacts >= COUNT(env->facts))
        return;
    struct cb_fact *f = &env->facts[env->nfacts++];
    va_list ap;
    va_start(ap, fmt);
    snprintf(f->key, sizeof f->key, "%s", key);
    vsnprintf(f->value, sizeof f->value, fmt, ap);
    va_end(ap);
}

uint64_t cb_env_moment(const struct cb_env *env, const char *moment)
{
    for (unsigned i = 0; i < env->nmoments; i++)
        if (strcmp(env->moments[i].name, moment) == 0)
            return env->moments[i].ns;
    return 0;
}

void cb_env_stamp_at(struct cb_env *env, const char *moment, uint64_t ns)
{
    if (env->nmoments < COUNT(env->moments) && !cb_env_moment(env, moment))
        env->moments[env->nmoments++] = (struct cb_moment){.name = moment, .ns = ns};
}

void cb_env_stamp(struct cb_env *env, const char *moment)
{
    cb_env_stamp_at(env, moment, cb_now_ns());
}

void cb_link_close(struct cb_link *link)
{
    if (link->to_agent >= 0)
        close(link->to_agent);
    if (link->from_agent >= 0 && link->from_agent != link->to_agent)
        close(link->from_agent);
    link->to_agent = link->from_agent = -1;
}

#define CB_RUNNER(symbol) &symbol,
const struct cb_runner *const cb_runners[] = {
#include "runners/runners.def"
    NULL,
};
#undef CB_RUNNER
