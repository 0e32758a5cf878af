/* The agent's roles. */
#ifndef CB_BENCH_AGENT_H
#define CB_BENCH_AGENT_H

#include <stdint.h>

/* The one congestion control that every kernel has and lets anybody use, on both ends: the defaults of host
 * and guest may differ, and would be compared instead of the paths. */
#define CB_TCP_CONGESTION "reno"

/* Ports of the peer, on the run's private network only. Numbers are 8 bytes, little endian. */
/* TCP: reads the sizes of requests and of answers, both within CB_PEER_MESSAGE, and then sends an answer for
 * each request; its first byte is the request's. UDP: the same for every datagram. Bytes 1 and 2 of a
 * request, little endian, are its answer's size; a shorter one is answered by one byte. */
#define CB_PEER_RR      5001
#define CB_PEER_MESSAGE 1400 /* a packet on every link */
/* Reads N, then N bytes, then answers the CPU time, in ns, that it took for them; again until end of stream.
 */
#define CB_PEER_SINK 5002
/* Reads N, then sends N bytes and the CPU time, in ns, that it took for them; again until end of stream. */
#define CB_PEER_SOURCE 5003
#define CB_PEER_CLOSE  5004 /* answers one byte with one byte and closes */
/* Sends the number of a UDP port that is for this connection alone. Reads N, once N datagrams were sent
 * there, and answers how many came; again until end of stream. Each begins with how many such answers there
 * were before: one that comes later than its answer is lost. */
#define CB_PEER_COUNT 5005

/* An environment in which nobody may mount can come with an overlay for benchmarks, mounted at root below
 * this directory: over the lower layer l0, with changes in upper. All three are empty and may be written to.
 */
#define CB_OVERLAY_GIVEN "/cbench-overlay"

/* The role that ends at once: what ctl.exec starts. */
#define CB_ROLE_EXIT "exit"

/* Speaks the protocol until `bye` or end of stream. Returns an exit status. `configure` is called for every
 * env message and makes the environment ready for cases; it gives `address`, if there is one, to the link.
 * NULL: the environment is ready as it is, and an address is an error. */
struct cb_err;
int cb_agent_serve(int in, int out,
                   int (*configure)(const char *device, const char *address, struct cb_err *err));

/* PID 1 of a virtual machine: mounts, loads /modules/list, opens the virtio port org.cbench.agent, serves,
 * powers off; loads /modules/later after hello. Does not return. */
void cb_init_main(void) __attribute__((noreturn));

/* Serves the ports above on `address` (numeric IPv4) until killed. Writes one line "peer ready" to stdout
 * once all ports listen. */
int cb_peer_main(const char *address);

/* What the environment looks like from inside; keys are listed in facts.c. */
void cb_facts_each(const char *scratch, void (*emit)(void *arg, const char *key, const char *value),
                   void *arg);

/* Version and protocol revision: hello carries it, a difference is an error. */
#define CB_BUILD_ID CB_VERSION "-w5"

#endif
