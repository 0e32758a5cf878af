/* A run as figures and reports get it: host, host2, container, vm, every default metric, numbers as they are
 * seen on a small virtualised machine. The same for the same arguments on every machine. */
#ifndef CB_TESTS_PLOTS_FIXTURE_H
#define CB_TESTS_PLOTS_FIXTURE_H

#include "plots/report.h"

/* What somebody who controls a guest might put into a name: HTML, SVG, gnuplot, shell, Markdown, printf,
 * terminal control, right-to-left override, bytes that are no UTF-8, a line break. */
#define PLOTS_HOSTILE                                                                                        \
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>'; system('touch CB_HACKED'); `touch "         \
    "CB_HACKED` "                                                                                            \
    "$(touch CB_HACKED) | **b** ![i](http://x/y) @user #1 %s%n {/Symbol a} \\ "                              \
    "\033[31m\007\xE2\x80\xAE\xFF\xC0\xAF\n\rend"

struct plots_fixture {
    struct cb_dataset data;
    struct cb_rows rows;
    struct cb_notes notes;
    struct cb_ladders ladders; /* host, host2, container, vm */
    struct cb_report report;   /* of those above */
};

/* Arms beyond the first four are named container:n=4, container:n=5, ... `name` (NULL: none) is put wherever
 * the dataset has a text: arm, kernel, reason, note. */
void plots_fixture_make(struct plots_fixture *f, unsigned narms, unsigned blocks, const char *name);
/* Makes a positive control, PLOTS_CONTROL, of arm 2. */
#define PLOTS_CONTROL "host:slow=5"
void plots_fixture_control(struct plots_fixture *f);
void plots_fixture_free(struct plots_fixture *f);

#endif
