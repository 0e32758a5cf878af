/* splitmix64 seeding and xoshiro256** (Blackman and Vigna, public domain algorithms). Deterministic for a
 * seed on every machine; test vectors in tests/unit. Not for secrets. */
#ifndef CB_BASE_RNG_H
#define CB_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct cb_rng {
    uint64_t s[4];
};

uint64_t cb_splitmix64(uint64_t *state);
void cb_rng_seed(struct cb_rng *r, uint64_t seed);
uint64_t cb_rng_next(struct cb_rng *r);
/* Uniform in [0, n): the high 64 bits of x*n, no rejection. n must not be 0. */
uint64_t cb_rng_below(struct cb_rng *r, uint64_t n);
/* Fisher-Yates from the end over n items of `size` bytes (at most 64). */
void cb_rng_shuffle(struct cb_rng *r, void *items, size_t n, size_t size);
/* A seed that depends on all of its parts: FNV-1a over "a\0b\0" mixed with `seed`. */
uint64_t cb_seed_from(uint64_t seed, const char *a, const char *b);

#endif
