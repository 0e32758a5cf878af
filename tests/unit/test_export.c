#include "tests/unit/unit.h"

const struct cb_suite cb_suite = {"empty", {CU_TEST_INFO_NULL}};
