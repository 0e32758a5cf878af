#include "plots/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/clock.h"
#include "bench/base/units.h"
#include "plots/escape.h"

#define BAR_CELLS  20
#define REDRAW_NS  (100 * CB_NS_PER_MS) /* more often only costs CPU that the arms may want */
#define ERASE_LINE "\r\033[K"

static int terminal_columns(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

void cb_progress_init(struct cb_progress_bar *b, FILE *to)
{
    const char *term = getenv("TERM");
    *b = (struct cb_progress_bar){.to = to, .columns = 80};
    b->terminal = isatty(fileno(to)) && (!term || strcmp(term, "dumb") != 0);
    if (b->terminal)
        b->columns = terminal_columns(fileno(to));
}

/* "measure block 3/12, vm, mem.chase, 2 min 10 s left": the same words on a terminal and in a log. */
static void put_words(struct cb_buf *out, const struct cb_progress_view *v)
{
    char left[32];
    bool measuring =
        !v->phase || strcmp(v->phase, "calibrate") != 0; /* calibration comes before the blocks */
    cb_buf_puts(out, v->phase ? v->phase : "");
    if (v->blocks && measuring)
        cb_buf_printf(out, " block %u/%u", v->block + 1, v->blocks);
    if (v->arm && v->arm[0])
        cb_buf_printf(out, ", %s", v->arm);
    if (v->bench && v->bench[0])
        cb_buf_printf(out, ", %s", v->bench);
    if (v->left_ns)
        cb_buf_printf(out, ", %s left", cb_format_time(v->left_ns, left, sizeof left));
}

static void put_bar(struct cb_buf *out, unsigned done, unsigned total)
{
    unsigned filled = total ? (unsigned)((unsigned long long)done * BAR_CELLS / total) : 0;
    filled = filled > BAR_CELLS ? BAR_CELLS : filled;
    cb_buf_puts(out, "[");
    for (unsigned i = 0; i < BAR_CELLS; i++)
        cb_buf_puts(out, i < filled ? "#" : ".");
    cb_buf_puts(out, "] ");
}

/* The line, cut to the columns: one that wraps cannot be redrawn. The last column stays free, some terminals
 * wrap on it. */
static void redraw(const struct cb_progress_bar *b, const struct cb_progress_view *v)
{
    CB_AUTOBUF struct cb_buf words = {0};
    CB_AUTOBUF struct cb_buf line = {0};
    put_words(&words, v);
    put_bar(&line, v->done, v->total);
    cb_put_term(&line, cb_buf_str(&words), false);
    fprintf(b->to, ERASE_LINE "%.*s", (int)cb_text_fit(cb_buf_str(&line), b->columns - 1), cb_buf_str(&line));
    fflush(b->to);
}

static void print_line(const struct cb_progress_bar *b, const struct cb_progress_view *v)
{
    CB_AUTOBUF struct cb_buf words = {0};
    CB_AUTOBUF struct cb_buf line = {0};
    struct cb_progress_view brief = *v;
    brief.bench = NULL; /* it would be that of the arm's first case */
    put_words(&words, &brief);
    cb_put_term(&line, cb_buf_str(&words), false);
    fprintf(b->to, "%s\n", cb_buf_str(&line));
    fflush(b->to);
}

static bool moved_on(const struct cb_progress_bar *b, const struct cb_progress_view *v)
{
    const char *arm = v->arm ? v->arm : "";
    return !b->last_ns || b->last_block != v->block || strncmp(b->last_arm, arm, sizeof b->last_arm - 1) != 0;
}

void cb_progress_show(struct cb_progress_bar *b, const struct cb_progress_view *v)
{
    bool moved = moved_on(b, v);
    uint64_t now = cb_now_ns();
    if (b->terminal ? !moved && now - b->last_ns < REDRAW_NS : !moved)
        return;
    b->last_ns = now;
    b->last_block = v->block;
    snprintf(b->last_arm, sizeof b->last_arm, "%s", v->arm ? v->arm : "");
    if (b->terminal)
        redraw(b, v);
    else
        print_line(b, v);
}

void cb_progress_end(struct cb_progress_bar *b)
{
    if (!b->terminal || !b->last_ns)
        return;
    fputs(ERASE_LINE, b->to);
    fflush(b->to);
    b->last_ns = 0;
}
