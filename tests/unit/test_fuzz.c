/* What fuzzing began with, and what it found, replayed in every build. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/io.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/unit.h"

static void replay(const char *dir)
{
    DIR *d = opendir(dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    unsigned files = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        struct cb_buf bytes = {0};
        struct cb_err err = {0};
        if (*e->d_name == '.')
            continue;
        CU_ASSERT_EQUAL_FATAL(cb_read_file(dirfd(d), e->d_name, 1 << 20, &bytes, &err), 0);
        CU_ASSERT_EQUAL(LLVMFuzzerTestOneInput((const uint8_t *)cb_buf_str(&bytes), bytes.len), 0);
        cb_buf_free(&bytes);
        files++;
    }
    closedir(d);
    CU_ASSERT(files >= 10);
}

static void claims(void)
{
    replay(CB_TEST_DATA "/../fuzz/corpus/claims");
}

const struct cb_suite cb_suite = {"fuzz", {{"claims", claims}, CU_TEST_INFO_NULL}};
