/* cbench COMMAND ...: finds the command and hands over. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define CB_COMMAND(symbol) extern const struct cb_command symbol;
#include "cli/commands.def"
#undef CB_COMMAND

#define CB_COMMAND(symbol) &symbol,
const struct cb_command *const cb_commands[] = {
#include "cli/commands.def"
    NULL,
};
#undef CB_COMMAND

static void print_help(FILE *to)
{
    fputs("Usage: cbench COMMAND [OPTION...]\n"
          "What does it cost to run this in a container, in a virtual machine, or on the host?\n\n",
          to);
    for (const struct cb_command *const *c = cb_commands; *c; c++)
        fprintf(to, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fputs("\n  -V, --version  print the version\n"
          "  -?, --help     this text; `cbench COMMAND --help` for a command's options\n",
          to);
}

static const struct cb_command *find_command(const char *name)
{
    for (const struct cb_command *const *c = cb_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static bool is_any(const char *s, const char *a, const char *b, const char *c)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

int main(int argc, char **argv)
{
    char name[64];
    cb_argp_setup();
    if (argc < 2) {
        print_help(stderr);
        return CB_EXIT_USAGE;
    }
    if (is_any(argv[1], "--help", "-?", "help")) {
        print_help(stdout);
        return CB_EXIT_OK;
    }
    if (is_any(argv[1], "--version", "-V", "version")) {
        printf("cbench %s\n", CB_VERSION);
        return CB_EXIT_OK;
    }
    const struct cb_command *c = find_command(argv[1]);
    if (!c) {
        struct cb_err err = {0};
        cb_fail(&err, CB_EUSAGE, "%s: no such command (see cbench --help)", argv[1]);
        return cb_report_error(&err);
    }
    snprintf(name, sizeof name, "cbench %s", c->name);
    argv[1] = name;
    return c->run(argc - 1, argv + 1);
}
