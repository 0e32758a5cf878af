#include "bench/base/rng.h"

#include <string.h>

uint64_t cb_splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void cb_rng_seed(struct cb_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = cb_splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t cb_rng_next(struct cb_rng *r)
{
    uint64_t *s = r->s;
    uint64_t out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t cb_rng_below(struct cb_rng *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)cb_rng_next(r) * n) >> 64);
}

void cb_rng_shuffle(struct cb_rng *r, void *items, size_t n, size_t size)
{
    unsigned char tmp[64], *a = items;
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)cb_rng_below(r, i + 1);
        if (i == j)
            continue;
        memcpy(tmp, a + i * size, size);
        memcpy(a + i * size, a + j * size, size);
        memcpy(a + j * size, tmp, size);
    }
}

static uint64_t fnv1a(uint64_t h, const char *s)
{
    do {
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
    } while (*s++);
    return h;
}

uint64_t cb_seed_from(uint64_t seed, const char *a, const char *b)
{
    uint64_t mix = seed ^ fnv1a(fnv1a(UINT64_C(0xCBF29CE484222325), a), b);
    return cb_splitmix64(&mix);
}
