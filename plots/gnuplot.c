/* The only file that runs gnuplot. */
#include "plots/figure.h"

#include "bench/base/clock.h"
#include "bench/base/proc.h"

/* A figure takes a tenth of a second; fifty arms with three hundred metrics take two. */
#define TIMEOUT_NS (30 * CB_NS_PER_S)

int cb_gnuplot_run(const char *script_path, struct cb_err *err)
{
    /* -d: no start-up files, which could change what is drawn. */
    const char *const argv[] = {"gnuplot", "-d", script_path, NULL};
    if (cb_capture(argv, TIMEOUT_NS, 0, NULL, err) == 0)
        return 0;
    if (err->code != CB_EINTR)
        err->code = CB_EMISSING;
    return cb_wrap(err, "draw %s", script_path);
}
