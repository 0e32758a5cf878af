/* What a benchmark is. One kernel file holds its loops, parameters, help and one const struct cb_bench at the
 * foot; one line in benchmarks.def puts it in the table. A kernel decides nothing from CPUID, never prints,
 * never exits, and reads no clock unless it fills the histogram. */
#ifndef CB_BENCH_H
#define CB_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "bench/base/err.h"
#include "bench/base/hist.h"
#include "bench/base/metric.h"
#include "bench/base/rng.h"

#define CB_PARAM_MAX       8   /* parameters a benchmark may have */
#define CB_NAME_MAX        48  /* bytes of a benchmark's name, with NUL */
#define CB_PARAMS_TEXT_MAX 160 /* bytes of "size=65536,op=copy", with NUL */

enum cb_param_type { CB_PARAM_INT, CB_PARAM_SIZE, CB_PARAM_ENUM };

struct cb_param {
    const char *name, *help; /* name NULL ends an array */
    enum cb_param_type type;
    const char *def;     /* as a user would type it */
    uint64_t min, max;   /* INT and SIZE; SIZE in bytes */
    const char *choices; /* ENUM: "copy|scale|add|triad"; the value is the index */
};

/* What a benchmark needs from its environment. */
enum {
    CB_NEED_SCRATCH = 1u << 0,   /* a directory on the filesystem under test */
    CB_NEED_PEER = 1u << 1,      /* the network peer and the run's link */
    CB_NEED_IO_URING = 1u << 2,  /* a case may still say at run time that it is missing */
    CB_NEED_LIFECYCLE = 1u << 3, /* measured by the runner from outside, no loop in the agent */
};

/* One case in progress, inside the child process of the agent that runs it. */
struct cb_run {
    const struct cb_bench *bench;
    uint64_t param[CB_PARAM_MAX]; /* in the order of bench->params */
    const char *scratch;          /* directory; NULL when there is none */
    const char *peer;             /* numeric IPv4 address of the peer; NULL when there is none */
    const char *device; /* network device that sockets must be bound to (SO_BINDTODEVICE); "" for none */
    struct cb_rng rng;  /* seeded the same in all arms */
    uint32_t
        slow_ppm;  /* the harness's: prolongs every batch by this share of it; 0 but in a positive control */
    void *state;   /* the kernel's own */
    uint64_t work; /* the loop adds what a batch did, in the benchmark's own terms (bytes, operations) */
    uint64_t peer_ns;       /* and the CPU time that the peer says it took for it */
    struct cb_hist *hist;   /* never NULL; filled only by benchmarks with CB_HIST_QUANTILE metrics */
    volatile uint64_t sink; /* results go here, so that no compiler removes the work */
};

/* Sets of cases, each with all of those before it in it. */
enum cb_set { CB_SET_QUICK, CB_SET_STANDARD, CB_SET_FULL };

/* One case of a benchmark, and the smallest set that has it. "@l1d", "@l2", "@llc", "@dram" and "@stream"
 * stand for sizes that the plan fills in from the host's topology. */
struct cb_variant {
    const char *params; /* "size=@l2,op=copy"; "" for defaults; NULL ends an array */
    enum cb_set set;
};

/* A counter of the host that work of the agent must show in. */
enum cb_counter {
    CB_COUNTER_NONE,
    CB_COUNTER_DISK_READ,  /* bytes of the device below the scratch directory */
    CB_COUNTER_DISK_WRITE, /* the same */
    CB_COUNTER_FLUSH,      /* flushes of that device */
    CB_COUNTER_LINK_OUT,   /* bytes of the run's link, from the arm to the peer */
    CB_COUNTER_LINK_IN,    /* and back */
};

/* What of a case the host can see: `each` of the counter's unit for a unit of work. */
struct cb_counted {
    enum cb_counter counter;
    uint32_t each;
};

struct cb_bench {
    const char *name;    /* "mem.chase": permanent, a key in the history */
    const char *summary; /* one line */
    unsigned revision;   /* bump when old numbers stop being comparable */
    unsigned needs;
    const struct cb_metric *metrics;                      /* at least one */
    const struct cb_param *params;                        /* NULL when it has none */
    const struct cb_variant *variants;                    /* NULL: one case with all defaults, in every set */
    int (*setup)(struct cb_run *run, struct cb_err *err); /* untimed; first touch happens here */
    /* Untimed, before every batch of the harness (calibration and warm-up too): makes what `iters` iterations
     * use up, removes what the last batch left. NULL: a batch leaves nothing behind. */
    int (*reset)(struct cb_run *run, uint64_t iters, struct cb_err *err);
    int (*loop)(struct cb_run *run, uint64_t iters, struct cb_err *err); /* timed from outside */
    void (*teardown)(struct cb_run *run); /* may be NULL; safe after a failed setup */
    /* What the host must have counted while batches ran; NULL: nothing. */
    struct cb_counted (*counted)(const uint64_t param[CB_PARAM_MAX]);
};

/* The table: benchmarks.def as an array, ended by NULL. */
extern const struct cb_bench *const cb_benchmarks[];
const struct cb_bench *cb_bench_find(const char *name);

/* Values of a parameter text ("size=64K,op=triad"; "" for defaults) in the order of bench->params. Unknown
 * keys, values out of range or of the wrong form: CB_EUSAGE with a text that names them. */
int cb_params_parse(const struct cb_bench *b, const char *text, uint64_t out[CB_PARAM_MAX],
                    struct cb_err *err);
/* The canonical text of values: every parameter, in table order, sizes in plain bytes: "size=65536,op=copy".
 */
int cb_params_format(const struct cb_bench *b, const uint64_t values[CB_PARAM_MAX], char *out, size_t cap);
/* Value of a parameter by name; the name must exist (asserts). */
uint64_t cb_run_param(const struct cb_run *run, const char *name);

#endif
