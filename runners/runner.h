/* A runner makes an environment and delivers a byte stream to an agent inside it. It does not know what a
 * benchmark is. */
#ifndef CB_RUNNERS_RUNNER_H
#define CB_RUNNERS_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/err.h"
#include "bench/bench.h"
#include "bench/wire.h"
#include "runners/cgroup.h"
#include "runners/fabric.h"
#include "runners/topology.h"

#define CB_ARM_NAME_MAX  384 /* a command line is part of it */
#define CB_ARM_VALUE_MAX 320
#define CB_ARM_PARAM_MAX 24
#define CB_ARMS_MAX      64
#define CB_ENV_FACTS_MAX 40

struct cb_vmhost;
struct cb_images;
struct cb_runner;

/* An environment configuration under test: "container:net=host". */
struct cb_arm {
    char name[CB_ARM_NAME_MAX]; /* as typed: "host2", "vm:accel=tcg"; the key everywhere */
    const struct cb_runner *runner;
    char value[CB_ARM_PARAM_MAX][CB_ARM_VALUE_MAX]; /* in the order of runner->params, as text, validated */
};

/* What the arms of one run share. Made by the executor (site.c), outlives every env. */
struct cb_site {
    char run_id[32];
    char state_dir[64]; /* /run/cbench/RUNID: sockets and the owner file; short, for socket paths */
    char work_dir[256]; /* on the filesystem under test: images, layers, scratch; removed at the end */
    char agent_path[256];
    char agent_sha256[CB_SHA256_HEX];
    char cache_dir[256]; /* guest kernels, libvirt's capability cache: survives runs */
    char connect[128];   /* libvirt URI, "" for embed */
    uint64_t memory;     /* bytes that every arm gets */
    struct cb_topology topo;
    struct cb_fabric *fabric; /* NULL where there is no network to be had */
    char fabric_reason[256];  /* why fabric is NULL */
    struct cb_vmhost *vmhost; /* opened by the VM runner on first use, closed by the site */
    struct cb_images *images; /* made by image benchmarks on first use, freed by the site */
};

struct cb_fact {
    char key[48], value[CB_WIRE_TEXT];
};

/* A moment of an instance on the host's clock. */
struct cb_moment {
    const char *name;
    uint64_t ns;
};

/* One arm's instance. Zeroed by the executor except for arm, site, slot. */
struct cb_env {
    const struct cb_arm *arm;
    struct cb_site *site;
    unsigned slot;           /* 0.. per arm: address, names */
    char name[64];           /* "RUNID-SLOT": prefix of everything this instance creates */
    void *state;             /* the runner's own, freed by down */
    struct cb_wire_env wire; /* filled by the runner: what the agent is told about scratch, peer, link */
    char scratch_device[16]; /* "254:0": the device below the scratch directory; "" where not known */
    char accelerator[24];    /* VM runner: "tcg", "kvm-hardware", ...; "none" for others */
    struct cb_fact facts[CB_ENV_FACTS_MAX]; /* what the runner knows from outside: backing filesystem, kernel
                                               image, reasons */
    unsigned nfacts;
    struct cb_moment moments[12];
    unsigned nmoments;
};

/* A byte stream to the agent. */
struct cb_link {
    int to_agent, from_agent; /* may be the same descriptor; owned by the link */
};

/* Parameter of an arm: text with a default; `choices` "a|b|c" or NULL for free text that the runner checks
 * itself. */
struct cb_arm_param {
    const char *name, *help, *def, *choices; /* name NULL ends an array */
};

/* A name for several values, which the runner's parameter "preset" chooses. Keys that are given beside it
 * win, wherever they stand. */
struct cb_arm_preset {
    const char *name, *summary; /* name NULL ends an array */
    const char *values;         /* "disk=virtio,cache=none" */
};

struct cb_runner {
    const char *name, *summary;
    const struct cb_arm_param *params;   /* may be NULL */
    const struct cb_arm_preset *presets; /* NULL where there is no such parameter */
    const char *bare; /* parameter that a first token without '=' gives: "exec:runc"; NULL: none */
    const char *rest; /* parameter whose value is all that follows, commas too: "exec:cmd=..."; NULL: none */
    /* Do the values go together, each valid by itself? CB_EUSAGE names two that do not. May be NULL. */
    int (*check)(const struct cb_arm *arm, struct cb_err *err);
    /* Can it run here? CB_EMISSING and the reason if not. Changes nothing. */
    int (*probe)(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err);
    /* Untimed: provisions what exists before a start (directories, layers, disk images; for the host arm its
     * cgroup and link, which are the harness's and no part of starting a process). May be NULL. */
    int (*prepare)(struct cb_env *env, struct cb_err *err);
    /* Untimed, right before up: what takes memory as long as it waits, which an instance that is only
     * provisioned must not. May be NULL; up sees to it where nobody has. */
    int (*poise)(struct cb_env *env, struct cb_err *err);
    /* Timed from here to the agent's first byte. Creates the instance. */
    int (*up)(struct cb_env *env, struct cb_err *err);
    /* Starts the agent and connects to it. Owner of *link is the caller. */
    int (*launch)(struct cb_env *env, struct cb_link *link, struct cb_err *err);
    /* Starts a further agent inside the running instance, as the first one runs there, and connects to it.
     * Owner of *link is the caller; *pid is a child of cbench that ends with the link, and is reaped by the
     * caller, 0 for none. NULL: there is no way in from outside. */
    int (*enter)(struct cb_env *env, struct cb_link *link, pid_t *pid, struct cb_err *err);
    bool enters_by_agent; /* the agent inside can do it instead */
    /* Why its instances cannot be started by several processes at once, and why a control group does not
     * have all memory of an instance; NULL: they can, it has. */
    const char *one_by_one, *group_is_late;
    /* After a failure: what the instance last said (console tail, exit status), one line each; may be NULL.
     */
    void (*diagnose)(struct cb_env *env, char *out, size_t cap);
    /* Undoes prepare, up and launch in reverse. Safe after a partial up, and twice. Stamps the moment "gone"
     * where nothing is left of what up and launch made: what prepare made is the harness's. */
    void (*down)(struct cb_env *env);
};

/* runners.def as an array, ended by NULL. */
extern const struct cb_runner *const cb_runners[];
const struct cb_runner *cb_runner_find(const char *name);

/* "container:net=host,fs=bind", "host2" -> arm. CB_EUSAGE names what is wrong. */
int cb_arm_parse(const char *text, struct cb_arm *arm, struct cb_err *err);
/* Value of a parameter by name; the name must exist. */
const char *cb_arm_value(const struct cb_arm *arm, const char *param);
/* True for an arm that wastes a known share of its time: the positive control. */
bool cb_arm_is_control(const struct cb_arm *arm);
/* The preset that the arm names; NULL where it names none. */
const struct cb_arm_preset *cb_arm_preset(const struct cb_arm *arm);
/* Adds a fact to the env; silently full at the limit. */
void cb_env_fact(struct cb_env *env, const char *key, const char *fmt, ...) CB_PRINTF(3, 4);
/* Notes that a moment is now; the first of a name counts, and a full table (12) takes no more. The runner has
 * "api" (the call that makes the instance returned), "vmm" (the machine's process runs), "kernel" (its first
 * output), "init" (what is inside is set up), "gone"; instance.c has "begin", "total", "ready" and "end". */
void cb_env_stamp(struct cb_env *env, const char *moment);
/* The same for what was found out later. */
void cb_env_stamp_at(struct cb_env *env, const char *moment, uint64_t ns);
/* When that was; 0 where it was not seen. */
uint64_t cb_env_moment(const struct cb_env *env, const char *moment);
void cb_link_close(struct cb_link *link);

#endif
