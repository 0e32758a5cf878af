/* A run as figures and reports get it: host, host2, container, vm, every default metric, numbers as they are
 * seen on a small virtualised machine. The same for the same arguments on every machine. */
#ifndef CB_TESTS_PLOTS_FIXTURE_H
#define CB_TESTS_PLOTS_FIXTURE_H

#include "plots/report.h"

struct plots_fixture {
    struct cb_dataset data;
    struct cb_rows rows;
    struct cb_notes notes;
    struct cb_report report; /* of the three above */
};

/* Arms beyond the first four are named container:n=4, container:n=5, ... `name` (NULL: none) is put wherever
 * the dataset has a text: arm, kernel, reason, note. */
void plots_fixture_make(struct plots_fixture *f, unsigned narms, unsigned blocks, const char *name);
void plots_fixture_free(struct plots_fixture *f);

#endif
