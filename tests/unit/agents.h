/* Scripted agents: children that speak the protocol as a test wants it, good or bad. */
#ifndef CB_TESTS_AGENTS_H
#define CB_TESTS_AGENTS_H

#include "runners/session.h"

#define CB_SCRIPT_SHA256 "00000000000000000000000000000000000000000000000000000000000000aa"

/* A script runs in a child with its end of a socket pair; returning ends the child. */
typedef void cb_script(int fd);

/* Starts the child; *link is the host's end. Returns its pid. */
int cb_script_start(cb_script *script, struct cb_link *link);
void cb_script_end(int pid);

/* Pieces of scripts. */
void cb_script_send(int fd, const struct cb_wire_msg *m);
void cb_script_text(int fd, const char *text); /* as it is */
/* Next message from the host; exits the child when there is none. */
struct cb_wire_msg cb_script_expect(int fd);
void cb_script_hello(int fd);
/* hello, env, facts, pings as a good agent does, up to the first `run`, which is returned. */
struct cb_wire_run cb_script_greet(int fd);
/* Good mark and sample lines for one batch. */
void cb_script_batch(int fd, const struct cb_wire_run *run, uint32_t seq, uint32_t warm);
/* Answers every run (and calibration) well until bye. */
void cb_script_good(int fd);

#endif
