/* The one function of a fuzz target, as libFuzzer calls it: aborts where the code under test breaks its own
 * contract. Suites of tests/unit replay the corpora with it. */
#ifndef CB_TESTS_FUZZ_H
#define CB_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
