/* What a container runs in the agent's place to find out what it could do to its host: a list of attempts,
 * each of which either is refused or shows what got through. Nothing here harms a host whose container does
 * not hold. */
#ifndef CB_TESTS_PAYLOAD_H
#define CB_TESTS_PAYLOAD_H

#include <stdbool.h>

#define WHY 512 /* bytes of an explanation */

/* What the jail tells of the host, so that the payload knows what to reach for; jail.c writes it, payload.c
 * reads it, as one line of key=value. */
struct host {
    bool own_net;        /* the container has a network namespace */
    bool filter;         /* and a system call filter */
    int pid;             /* of the jail */
    char secret[256];    /* a file that the host has */
    char handle[64];     /* the same as file handle: type and bytes in hexadecimal */
    char addresses[512]; /* of the host, with commas between */
    int port;            /* where the jail listens on all of them */
    char abstract[64];   /* and on this name without a file */
    int ipc;             /* key of a System V shared memory segment */
    char name[65];       /* the host's name */
    char link[16];       /* the container's link, "" for none */
    unsigned memory;     /* MiB that it may use, 0: no limit */
    unsigned pids;       /* how many tasks it may have, 0: no limit */
    char cpus[64];       /* the CPUs that it may use, as a list */
};

enum outcome {
    HELD,
    BROKEN,
    ABSENT, /* nothing to try here, and why */
};

struct attempt {
    const char *name; /* NULL ends an array */
    enum outcome (*run)(const struct host *, char *why);
};

extern const struct attempt privileges[], calls[], files[], devices[], processes[], network[], limits[];

/* BROKEN or ABSENT, with the reason. */
enum outcome broken(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum outcome absent(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* HELD when the result is -1 with this errno, or with any for 0. */
enum outcome refused(char *why, const char *what, long result, int expected);
/* The value of a key in /proc/self/status, "" where there is none. */
const char *status_of(const char *key);
/* What a child ended with that calls `act` and exits with what it returns: as of waitpid. */
int in_child(int (*act)(const void *), const void *arg);

#endif
