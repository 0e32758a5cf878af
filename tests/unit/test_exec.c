/* Commands as words, the OCI configuration, and other runtimes with a hostile program in the agent's place.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "runners/exec_oci.h"
#include "runners/exec_presets.h"
#include "runners/exec_words.h"
#include "runners/rootfs.h"
#include "runners/seccomp.h"
#include "tests/unit/stage.h"
#include "tests/unit/unit.h"

/* --- words ------------------------------------------------------------------------------------------- */

static const struct cb_word_value values[] = {{"agent", "/a b/agent"}, {"name", "{agent}"}, {NULL, NULL}};

static void commands_become_words(void)
{
    static const struct {
        const char *text, *words; /* joined by '|' */
    } rows[] = {
        {"a", "a"},
        {"  a\tb  ", "a|b"},
        {"ssh host {agent} run", "ssh|host|/a b/agent|run"},
        {"x={agent}:y", "x=/a b/agent:y"},
        {"'{agent}' \"{agent}\"", "/a b/agent|/a b/agent"},
        {"{name}", "{agent}"}, /* a value is not looked at again */
        {"{{.ID}} {agen} {", "{{.ID}}|{agen}|{"},
        {"'a b' \"c d\"", "a b|c d"},
        {"a'b'\"c\"d", "abcd"},
        {"'' \"\"", "|"},
        {"'a\\b' 'a\"b'", "a\\b|a\"b"},
        {"\"a\\\"b\" \"a\\\\b\" \"a\\nb\"", "a\"b|a\\b|a\\nb"},
        {"a\\ b \\'c \\{agent}", "a b|'c|{agent}"},
        {"$HOME * ; | &", "$HOME|*|;|||&"}, /* no shell */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct cb_words w;
        struct cb_err err = {0};
        char joined[256] = "";
        CU_ASSERT_EQUAL_FATAL(cb_words_split(rows[i].text, values, &w, &err), 0);
        for (unsigned k = 0; k < w.n; k++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", k ? "|" : "",
                     w.argv[k]);
        CU_ASSERT_STRING_EQUAL(joined, rows[i].words);
        CU_ASSERT_PTR_NULL(w.argv[w.n]);
    }
}

static void commands_that_are_none(void)
{
    static struct cb_words w;
    static char words[2 * sizeof w.argv / sizeof w.argv[0] + 1], chars[sizeof w.text + 1];
    memset(chars, 'x', sizeof chars - 1);
    for (size_t i = 0; i < sizeof words - 1; i++)
        words[i] = i % 2 ? ' ' : 'x';
    const struct {
        const char *text, *says;
    } rows[] = {{"", "empty"},         {" \t ", "empty"},      {"a 'b", "open quote"},
                {"\"a", "open quote"}, {"a\\", "a backslash"}, {"\"a\\", "a backslash"},
                {words, "words"},      {chars, "longer"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_words_split(rows[i].text, values, &w, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
    }
}

static void words_join_is_cut(void)
{
    static struct cb_words w;
    struct cb_err err;
    char line[8];
    cb_words_split("one two three", NULL, &w, &err);
    cb_words_join(&w, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "one two");
}

/* --- the table --------------------------------------------------------------------------------------- */

/* What the arm's parameter offers is what the table has, in its order. */
static void choices_are_the_table(void)
{
    const struct cb_runner *r = cb_runner_find("exec");
    char names[256] = "";
    for (const struct cb_exec_preset *p = cb_exec_presets; p->name; p++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] ? "|" : "", p->name);
    CU_ASSERT_STRING_EQUAL(names, r->params[0].choices);
}

static void commands_of_the_table_are_words(void)
{
    static struct cb_words w;
    struct cb_err err;
    for (const struct cb_exec_preset *p = cb_exec_presets; p->name; p++) {
        CU_ASSERT_TRUE(!p->version || cb_words_split(p->version, NULL, &w, &err) == 0);
        CU_ASSERT_TRUE(!p->start || cb_words_split(p->start, NULL, &w, &err) == 0);
        CU_ASSERT_TRUE(!p->remove || cb_words_split(p->remove, NULL, &w, &err) == 0);
        CU_ASSERT_TRUE(p->start || p->cannot || strcmp(p->name, "cmd") == 0);
    }
}

static void what_is_missing_is_said(void)
{
    struct cb_site site = {.run_id = "x"};
    struct cb_arm arm;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_arm_parse("exec", &arm, &err), 0);
    CU_ASSERT_EQUAL(arm.runner->probe(&arm, &site, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "exec:cmd="));
}

/* --- config.json ------------------------------------------------------------------------------------- */

static bool lists(const char *const *list, const char *path)
{
    while (*list && strcmp(*list, path) != 0)
        list++;
    return *list != NULL;
}

/* Whatever our own container hides or protects below /proc and /sys, others are told to. */
static void masks_are_those_of_our_container(void)
{
    static struct cb_steps steps;
    struct cb_rootfs rootfs;
    char path[128];
    unsigned n = 0;
    cb_rootfs_init(&rootfs, CB_ROOTFS_OVERLAY, 0, 0);
    cb_rootfs_steps(&steps, &rootfs, "/nowhere");
    for (const struct cb_step *s = steps.step; s < steps.step + steps.n; s++) {
        if (!s->path || (strncmp(s->path, "proc/", 5) != 0 && strncmp(s->path, "sys/", 4) != 0))
            continue;
        snprintf(path, sizeof path, "/%s", s->path);
        CU_ASSERT_TRUE(lists(cb_oci_hidden, path) || lists(cb_oci_read_only, path));
        n++;
    }
    for (const char *const *p = cb_oci_hidden; *p; p++)
        n--;
    for (const char *const *p = cb_oci_read_only; *p; p++)
        n--;
    CU_ASSERT_EQUAL(n, 0);
}

static const json_t *at(const json_t *config, const char *a, const char *b, const char *c)
{
    const json_t *v = json_object_get(json_object_get(config, a), b);
    return c ? json_object_get(v, c) : v;
}

static void config_says_what_is_asked(void)
{
    const struct cb_oci in = {.hostname = "h",
                              .root = "root",
                              .cgroup = "/cbench-x/y",
                              .cpus = "1,3",
                              .nodes = "0",
                              .memory = UINT64_C(5) << 30,
                              .swap_counted = true};
    json_t *config = cb_oci_config(&in), *r;
    CU_ASSERT_PTR_NOT_NULL_FATAL(config);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(config, "hostname")), "h");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(config, "linux", "cgroupsPath", NULL)), "/cbench-x/y");
    CU_ASSERT_EQUAL(json_array_size(at(config, "process", "capabilities", "bounding")), 0);
    CU_ASSERT_TRUE(json_is_true(at(config, "process", "noNewPrivileges", NULL)));
    CU_ASSERT_EQUAL(json_array_size(at(config, "linux", "namespaces", NULL)), 5);
    r = json_object_get(at(config, "linux", "resources", NULL), "memory");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(r, "limit")), INT64_C(5) << 30);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(r, "swap")), INT64_C(5) << 30);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(at(config, "linux", "resources", "cpu"), "cpus")), "1,3");
    json_decref(config);
}

static size_t count_words(const char *text)
{
    size_t n = 0;
    for (; *text; text += strspn(text, " ")) {
        n++;
        text += strcspn(text, " ");
    }
    return n;
}

/* The system call filter is ours: call by call. */
static void config_has_our_filter(void)
{
    const struct cb_oci in = {.hostname = "h", .root = "r", .cgroup = "/c", .cpus = "0", .nodes = "0"};
    size_t nconditions;
    cb_seccomp_conditions(&nconditions);
    json_t *config = cb_oci_config(&in);
    const json_t *rules = at(config, "linux", "seccomp", "syscalls"), *clone = json_array_get(rules, 2);
    CU_ASSERT_EQUAL(json_array_size(rules), 2 + nconditions);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(rules, 0), "names")),
                    count_words(cb_seccomp_calls(true)));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(rules, 1), "names")),
                    count_words(cb_seccomp_calls(false)));
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(json_object_get(clone, "names"), 0)), "clone");
    const json_t *arg = json_array_get(json_object_get(clone, "args"), 0);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(arg, "op")), "SCMP_CMP_MASKED_EQ");
    CU_ASSERT_PTR_NULL(at(config, "linux", "resources", "swap"));
    json_decref(config);
}

/* --- for real ---------------------------------------------------------------------------------------- */

/* What all of them must do as our own container does. */
static void is_isolated(const char *arm)
{
    static const struct {
        const char *ask, *answer;
    } rows[] = {
        {"status CapEff", "0000000000000000"},
        {"status NoNewPrivs", "1"},
        {"status Seccomp", "2"},
        {"status Pid", "1"},
        {"processes", "1"},
        {"try mount", "EPERM"},
        {"try clone3", "ENOSYS"},
        {"try unshare-user", "EPERM"},
        {"try vsock", "EPERM"},
        {"try vsock-high", "EPERM"},
        {"try io_uring", "EINVAL"},
        {"try unknown-call", "ENOSYS"},
        {"read /proc/keys", ""},
        {"list /sys/firmware", ""},
        {"may-write /proc/sys/kernel/core_pattern", "EROFS"},
        {"list /sys/fs/cgroup", ""},
        {"write /scratch/x", "ok"},
        {"write /tmp/y", "ok"},
        {"eat 8", "exit 0"},
    };
    struct stage s;
    if (!stage_begin(&s, arm, true)) {
        stage_clear(&s);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *answer = stage_ask(&s, "%s", rows[i].ask);
        CU_ASSERT_STRING_EQUAL(answer, rows[i].answer);
        if (strcmp(answer, rows[i].answer) != 0)
            printf("(%s: %s, not %s) ", rows[i].ask, answer, rows[i].answer);
    }
    CU_ASSERT_STRING_EQUAL(stage_ask(&s, "hostname"), s.env.name);
    CU_ASSERT_STRING_EQUAL(stage_ask(&s, "kill %d", (int)getpid()), "ESRCH");
    CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect %s eth0", s.env.wire.peer), "ok");
    CU_ASSERT_STRING_EQUAL(stage_ask(&s, "connect 192.0.2.1"), "ENETUNREACH");
    CU_ASSERT_TRUE(stage_processes(&s.env) >= 1);
    CU_ASSERT_STRING_EQUAL(stage_ask(&s, "eat %u", (unsigned)(STAGE_MEMORY >> 19)), "signal 9");
    stage_clear(&s);
    CU_ASSERT_EQUAL(stage_processes(&s.env), 0);
    CU_ASSERT_EQUAL(stage_groups(&s.env), 0);
    CU_ASSERT_EQUAL(stage_count_lines("/proc/self/mounts", s.site.work_dir), 0);
}

static void runc_isolates(void)
{
    struct stage s;
    is_isolated("exec:runc");
    if (stage_begin(&s, "exec:runc", false))
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "status CapBnd"), "0000000000000000");
    stage_clear(&s);
}

static void crun_isolates(void)
{
    is_isolated("exec:crun");
}

static void bwrap_isolates(void)
{
    is_isolated("exec:bwrap");
}

/* Not among what tests need: `scripts/bootstrap --runtimes`. */
static void lxc_isolates(void)
{
    struct cb_site site = {.run_id = "x"};
    struct cb_arm arm;
    struct cb_err err;
    if (cb_arm_parse("exec:lxc", &arm, &err) == 0 && arm.runner->probe(&arm, &site, &err) == 0)
        is_isolated("exec:lxc");
    else
        printf("(skipped: %s) ", err.msg);
}

/* An agent that does not end with its input: the runtime is told to remove it. */
static void is_removed_when_it_hangs(void)
{
    struct stage s;
    if (stage_begin(&s, "exec:runc", false))
        cb_write_all(s.link.to_agent, "hang\n", 5, &s.err);
    stage_clear(&s);
    CU_ASSERT_EQUAL(stage_processes(&s.env), 0);
    CU_ASSERT_EQUAL(stage_groups(&s.env), 0);
}

static void any_command_will_do(void)
{
    struct stage s;
    if (stage_begin(&s, "exec:scratch=/var/tmp,cmd={agent} run", false)) {
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "list /proc/self/fd"), "0 1 2 3");
        CU_ASSERT_STRING_EQUAL(s.env.wire.scratch, "/var/tmp");
        CU_ASSERT_STRING_EQUAL(s.env.wire.peer, "");
        CU_ASSERT_STRING_EQUAL(stage_ask(&s, "eat %u", (unsigned)(STAGE_MEMORY >> 19)), "signal 9");
    }
    stage_clear(&s);
    CU_ASSERT_EQUAL(stage_groups(&s.env), 0);
}

static void says_when_the_command_is_missing(void)
{
    struct stage s;
    if (stage_set(&s, "exec:cmd=cbench-no-such-program {agent}", CB_TEST_HOSTILE, false)) {
        CU_ASSERT_EQUAL(stage_start(&s), -1);
        CU_ASSERT_EQUAL(s.err.code, CB_EMISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, "cbench-no-such-program"));
    }
    stage_clear(&s);
}

static void tells_the_last_words_of_a_runtime(void)
{
    struct stage s;
    char words[256] = "";
    if (stage_set(&s, "exec:cmd=sh -c 'echo no thanks >&2; exit 3'", CB_TEST_HOSTILE, false)) {
        CU_ASSERT_EQUAL(stage_start(&s), 0);
        CU_ASSERT_STRING_EQUAL(stage_hear(&s), "(end)");
        s.arm.runner->diagnose(&s.env, words, sizeof words);
        CU_ASSERT_PTR_NOT_NULL(strstr(words, "no thanks"));
    }
    stage_clear(&s);
}

const struct cb_suite cb_suite = {"exec",
                                  {{"commands become words", commands_become_words},
                                   {"commands that are none", commands_that_are_none},
                                   {"a joined command is cut", words_join_is_cut},
                                   {"choices are the table", choices_are_the_table},
                                   {"commands of the table are words", commands_of_the_table_are_words},
                                   {"what is missing is said", what_is_missing_is_said},
                                   {"masks are those of our container", masks_are_those_of_our_container},
                                   {"config.json says what is asked", config_says_what_is_asked},
                                   {"config.json has our filter", config_has_our_filter},
                                   {"runc isolates", runc_isolates},
                                   {"crun isolates", crun_isolates},
                                   {"bwrap isolates", bwrap_isolates},
                                   {"lxc isolates", lxc_isolates},
                                   {"is removed when it hangs", is_removed_when_it_hangs},
                                   {"any command will do", any_command_will_do},
                                   {"says when the command is missing", says_when_the_command_is_missing},
                                   {"tells the last words", tells_the_last_words_of_a_runtime},
                                   CU_TEST_INFO_NULL}};
