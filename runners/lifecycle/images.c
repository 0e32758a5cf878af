/* image.size, image.provision, image.update: what an arm is installed from. Its instances have no part in it.
 */
#include "bench/base/clock.h"
#include "runners/image/images.h"
#include "runners/image/provision.h"
#include "runners/image/size.h"
#include "runners/image/update.h"
#include "runners/lifecycle.h"

/* A mount takes less than a millisecond, and one of them says little; a disk image is made in a second. */
#define ENOUGH_NS   (100 * CB_NS_PER_MS)
#define SAMPLES_MAX 4

/* A case, and the images that it is about. */
struct job {
    const struct cb_case *c;
    struct cb_images *im;
    enum cb_image_kind kind;
};

static int find_images(const struct cb_life *l, const struct cb_case *c, struct job *job, struct cb_err *err)
{
    job->c = c;
    return cb_image_kind_of(l->arm, &job->kind, err) < 0 ||
                   cb_images_get(l->site, cb_life_param(c, "payload"), job->kind, &job->im, err) < 0
               ? -1
               : 0;
}

static void deliver(struct cb_life *l, const struct cb_image_cost *cost)
{
    const struct cb_sample sample = {.iters = 1, .work = cost->bytes, .wall_ns = cost->ns};
    cb_life_sample(l, &sample);
}

/* A size is looked up: there is no time to it, and a second look would see the same. */
int cb_life_image_size(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    struct cb_image_cost cost = {0};
    struct job job;
    if (find_images(l, c, &job, err) < 0 ||
        cb_images_size(job.im, job.kind, (enum cb_image_what)cb_life_param(c, "what"), &cost.bytes, err) < 0)
        return -1;
    deliver(l, &cost);
    return 0;
}

static int provision(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return cb_provision(job->im, job->kind, (enum cb_provision)cb_life_param(job->c, "how"), out, err);
}

static int update(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return cb_update(job->im, job->kind, (enum cb_change)cb_life_param(job->c, "change"),
                     (enum cb_update_form)cb_life_param(job->c, "form"), out, err);
}

static int repeat(struct cb_life *l, const struct cb_case *c,
                  int (*once)(const struct job *, struct cb_image_cost *, struct cb_err *),
                  struct cb_err *err)
{
    uint64_t spent = 0;
    struct job job;
    if (find_images(l, c, &job, err) < 0)
        return -1;
    for (int i = 0; i < SAMPLES_MAX && spent < ENOUGH_NS; i++) {
        struct cb_image_cost cost;
        if (l->stop && *l->stop)
            return cb_fail(err, CB_EINTR, "stopped");
        if (once(&job, &cost, err) < 0)
            return -1;
        deliver(l, &cost);
        spent += cost.ns;
    }
    return 0;
}

int cb_life_image_provision(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    return repeat(l, c, provision, err);
}

int cb_life_image_update(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    return repeat(l, c, update, err);
}
