/* Reads what the host told it, tries everything, says one line an attempt:
 *     held NAME | broke NAME: WHAT | absent NAME: WHY
 * and "done". `payload capabilities` is what a program with the setuid bit does instead. */
#include "tests/hostile/payload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((format(printf, 2, 0))) static void explain(char *why, const char *fmt, va_list ap)
{
    vsnprintf(why, WHY, fmt, ap);
    for (char *p = why; *p; p++)
        if (*p == '\n')
            *p = ' ';
}

enum outcome broken(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    explain(why, fmt, ap);
    va_end(ap);
    return BROKEN;
}

enum outcome absent(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    explain(why, fmt, ap);
    va_end(ap);
    return ABSENT;
}

enum outcome refused(char *why, const char *what, long result, int expected)
{
    if (result >= 0)
        return broken(why, "%s is done", what);
    if (expected && errno != expected)
        return broken(why, "%s: %s, not %s", what, strerrorname_np(errno), strerrorname_np(expected));
    return HELD;
}

const char *status_of(const char *key)
{
    static char value[256];
    char line[256];
    FILE *f = fopen("/proc/self/status", "re");
    value[0] = '\0';
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            sscanf(line + strlen(key) + 1, " %255[^\n]", value);
    if (f)
        fclose(f);
    return value;
}

int in_child(int (*act)(const void *), const void *arg)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(act(arg));
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* --- what the host says ------------------------------------------------------------------------------ */

static void take_text(char *out, size_t cap, const char *value)
{
    snprintf(out, cap, "%s", value);
}

static void take(struct host *h, const char *key, const char *value)
{
    const struct {
        const char *key;
        char *text;
        size_t cap;
    } texts[] = {
        {"secret", h->secret, sizeof h->secret},
        {"handle", h->handle, sizeof h->handle},
        {"addresses", h->addresses, sizeof h->addresses},
        {"abstract", h->abstract, sizeof h->abstract},
        {"name", h->name, sizeof h->name},
        {"link", h->link, sizeof h->link},
        {"cpus", h->cpus, sizeof h->cpus},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].key, key) == 0)
            take_text(texts[i].text, texts[i].cap, value);
    unsigned number = (unsigned)strtoul(value, NULL, 10);
    if (strcmp(key, "own_net") == 0)
        h->own_net = number;
    else if (strcmp(key, "filter") == 0)
        h->filter = number;
    else if (strcmp(key, "pid") == 0)
        h->pid = (int)number;
    else if (strcmp(key, "port") == 0)
        h->port = (int)number;
    else if (strcmp(key, "ipc") == 0)
        h->ipc = (int)number;
    else if (strcmp(key, "memory") == 0)
        h->memory = number;
    else if (strcmp(key, "pids") == 0)
        h->pids = number;
}

static int read_host(struct host *h)
{
    static char line[4096];
    if (!fgets(line, sizeof line, stdin))
        return -1;
    for (char *save, *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char *equals = strchr(word, '=');
        if (!equals)
            return -1;
        *equals = '\0';
        take(h, word, equals + 1);
    }
    return 0;
}

/* --- what it does ------------------------------------------------------------------------------------ */

static void try_all(const struct attempt *a, const struct host *h)
{
    static const char *const words[] = {"held", "broke", "absent"};
    char why[WHY];
    for (; a->name; a++) {
        why[0] = '\0';
        enum outcome o = a->run(h, why);
        dprintf(STDOUT_FILENO, "%s %s%s%s\n", words[o], a->name, why[0] ? ": " : "", why);
    }
}

static int attack(void)
{
    struct host h = {.pid = 0};
    if (read_host(&h))
        return 1;
    /* Limits last: what they kill or use up must not spoil the rest. */
    const struct attempt *const all[] = {privileges, calls, files, devices, processes, network, limits};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        try_all(all[i], &h);
    dprintf(STDOUT_FILENO, "done\n");
    return 0;
}

/* Whoever has capabilities says so by the exit status. */
static int show_capabilities(void)
{
    return strtoull(status_of("CapEff"), NULL, 16) || strtoull(status_of("CapPrm"), NULL, 16) ? 3 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "capabilities") == 0)
        return show_capabilities();
    return attack();
}
