/* Runs the one suite it is linked with. */
#include <CUnit/Basic.h>

#include "tests/unit/unit.h"

int main(void)
{
    CU_TestInfo tests[64];
    for (int i = 0; i < 64; i++)
        tests[i] = cb_suite.tests[i];
    CU_SuiteInfo suites[] = {{cb_suite.name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return CU_get_error() ? (int)CU_get_error() : 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures(), run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failures || !run;
}
