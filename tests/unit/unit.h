/* A suite is one file: its tests as static functions, and at the foot
 *     const struct cb_suite cb_suite = {"stats", {{"quantile type 7", quantile_type7}, ...,
 * CU_TEST_INFO_NULL}}; */
#ifndef CB_TESTS_UNIT_H
#define CB_TESTS_UNIT_H

#include <CUnit/CUnit.h>

struct cb_suite {
    const char *name;
    CU_TestInfo tests[64];
};
extern const struct cb_suite cb_suite;

#endif
