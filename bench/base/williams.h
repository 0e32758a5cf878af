/* Williams squares: orders of n treatments balanced for position and for first-order carry-over. */
#ifndef CB_BASE_WILLIAMS_H
#define CB_BASE_WILLIAMS_H

/* Rows of the square: n when n is even, 2n when it is odd (1 for n = 1). */
unsigned cb_williams_rows(unsigned n);
/* Fills out[0..n) with row r < cb_williams_rows(n). */
void cb_williams_row(unsigned n, unsigned r, unsigned *out);

#endif
