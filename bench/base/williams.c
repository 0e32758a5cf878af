#include "bench/base/williams.h"

unsigned cb_williams_rows(unsigned n)
{
    return n == 1 ? 1 : n % 2 ? 2 * n : n;
}

/* The generating sequence is 0, 1, n-1, 2, n-2, ...; row r adds r modulo n; for odd n the rows are appended
 * reversed. */
void cb_williams_row(unsigned n, unsigned r, unsigned *out)
{
    unsigned lo = 1, hi = n - 1, shift = r % n;
    int reversed = r >= n;
    for (unsigned i = 0; i < n; i++) {
        unsigned v = i == 0 ? 0 : i % 2 ? lo++ : hi--;
        out[reversed ? n - 1 - i : i] = (v + shift) % n;
    }
}
