/* What every command that measures does before it begins. */
#ifndef CB_CLI_MEASURING_H
#define CB_CLI_MEASURING_H

#include "bench/base/err.h"
#include "runners/topology.h"

/* Non-zero once the user asked to stop: for cb_execute and its like. */
extern volatile int cb_stop;
/* SIGINT, SIGTERM and SIGHUP set cb_stop; SIGPIPE is ignored. */
void cb_watch_signals(void);
/* Moves this process to the CPUs that are not measured, with priority where it may have it. */
void cb_take_seat(const struct cb_topology *topo);
/* A run's id, from the time and a random number, and the time it started. */
int cb_name_run(char id[32], char started[32], struct cb_err *err);

#endif
