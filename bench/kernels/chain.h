/* A chain of pointers, each in a cache line of its own, that lead through all lines in one random cycle: no
 * prefetcher knows the next address, and no load can start before the last one ended. */
#ifndef CB_KERNELS_CHAIN_H
#define CB_KERNELS_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "bench/bench.h"

#define CB_LINE UINT64_C(64) /* bytes: the line of every x86-64, and of the aarch64 servers */

struct cb_link {
    struct cb_link *next;
};

struct cb_chain {
    void *memory;    /* the chain begins at its first byte */
    uint64_t links;  /* 2^32 at most */
    uint64_t stride; /* bytes of memory a link, a multiple of CB_LINE */
    /* The cycle goes through so many neighbours in random order before it goes to others; 0: through all. */
    uint64_t group;
};

/* Where a link lies: each of a stride's lines in turn, or links one page apart would all fall into the same
 * few sets of a cache. */
static inline struct cb_link *cb_chain_at(const struct cb_chain *c, uint64_t i)
{
    return (struct cb_link *)((char *)c->memory + i * c->stride + i * CB_LINE % c->stride);
}

/* The inverse, of any link in the chain. */
static inline uint64_t cb_chain_index(const struct cb_chain *c, const struct cb_link *link)
{
    return (uint64_t)((const char *)link - (const char *)c->memory) / c->stride;
}

/* Touches the memory first, in the order of addresses. */
int cb_chain_make(const struct cb_chain *c, struct cb_rng *rng, struct cb_err *err);

static inline struct cb_link *cb_chain_walk(struct cb_link *p, uint64_t hops)
{
    for (uint64_t i = hops / 8; i > 0; i--) { /* one branch for eight loads */
        p = p->next->next->next->next;
        p = p->next->next->next->next;
    }
    for (uint64_t i = hops % 8; i > 0; i--)
        p = p->next;
    return p;
}

#endif
