/* Looking up names in an overlay of many layers: the price of an image that was built in many steps. A lookup
 * that the overlay has not cached asks one layer after the other until one has the name; a name that no layer
 * has asks all of them. What was looked up once is cached and costs the same with one layer as with many, so
 * that each iteration begins with a fresh mount, outside of the time that is kept. The layers' own
 * directories stay cached: this is the overlay's work, not the disk's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/kernels/overlay.h"
#include "bench/kernels/scratch.h"

#define NAMES 100u /* looked up in one iteration: many against two clock reads, few against a mount */
/* The histogram holds whole numbers: time a lookup goes in with ten binary places. */
#define FIXED_POINT 1024u

enum lookup { LOOKUP_HIT, LOOKUP_MISS };

struct name {
    char text[8];
};

struct layers {
    struct cb_overlay overlay;
    bool miss;
    struct name names[NAMES];
};

/* In the lowest layer: it is asked last. */
static int make_files(const struct layers *s, struct cb_err *err)
{
    char layer[16], path[PATH_MAX];
    if (cb_path(layer, sizeof layer, err, "l%u", s->overlay.layers - 1) < 0 ||
        cb_overlay_path(&s->overlay, layer, path, sizeof path, err) < 0)
        return -1;
    CB_AUTOFD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < NAMES; i++) {
        CB_AUTOFD int fd = openat(dir, s->names[i].text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            return cb_fail_sys(err, errno, "create %s/%s", path, s->names[i].text);
    }
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct layers *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->miss = cb_run_param(run, "lookup") == LOOKUP_MISS;
    for (unsigned i = 0; i < NAMES; i++)
        if (cb_path(s->names[i].text, sizeof s->names[i].text, err, "f%02u", i) < 0)
            return -1;
    if (cb_overlay_make(&s->overlay, run, (unsigned)cb_run_param(run, "layers"), true, err) < 0)
        return -1;
    return s->miss ? 0 : make_files(s, err);
}

static int look_up(struct cb_run *run, int root, struct cb_err *err)
{
    const struct layers *s = run->state;
    struct stat st;
    unsigned found = 0;
    uint64_t before = cb_now_ns();
    for (unsigned i = 0; i < NAMES; i++)
        found += fstatat(root, s->names[i].text, &st, AT_SYMLINK_NOFOLLOW) == 0;
    cb_hist_add(run->hist, (cb_now_ns() - before) * FIXED_POINT / NAMES);
    return found == (s->miss ? 0 : NAMES) ? 0 : cb_fail(err, CB_ESYS, "%u of %u names found", found, NAMES);
}

static int look_up_afresh(struct cb_run *run, struct cb_err *err)
{
    struct layers *s = run->state;
    char path[PATH_MAX];
    if (cb_overlay_unmount(&s->overlay, err) < 0 || cb_overlay_mount(&s->overlay, err) < 0 ||
        cb_overlay_path(&s->overlay, "root", path, sizeof path, err) < 0)
        return -1;
    CB_AUTOFD int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? cb_fail_sys(err, errno, "open %s", path) : look_up(run, root, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    for (uint64_t i = 0; i < iters; i++)
        if (look_up_afresh(run, err) < 0)
            return -1;
    run->work += iters * NAMES;
    run->sink += iters * NAMES;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct layers *s = run->state;
    if (s)
        cb_overlay_remove(&s->overlay);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_layers = {
    .name = "fs.layers",
    .summary = "first lookup of a name in an overlay of many layers",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time",
             .unit = "us",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1e-3 / FIXED_POINT,
             .q = 0.5},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "layers",
             .help = "lower directories of the overlay",
             .type = CB_PARAM_INT,
             .def = "8",
             .min = 1,
             .max = CB_OVERLAY_LAYERS_MAX},
            {.name = "lookup",
             .help = "hit: the lowest layer has the name; miss: none has",
             .type = CB_PARAM_ENUM,
             .def = "hit",
             .choices = "hit|miss"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"layers=1,lookup=hit", CB_SET_FULL},
            {"layers=8,lookup=hit", CB_SET_FULL},
            {"layers=32,lookup=hit", CB_SET_FULL},
            {"layers=1,lookup=miss", CB_SET_FULL},
            {"layers=8,lookup=miss", CB_SET_FULL},
            {"layers=32,lookup=miss", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
