#include "runners/linkname.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/rng.h"

#define PREFIX_LEN (sizeof CB_LINK_PREFIX - 1)
#define HASH_LEN   8

void cb_link_name(const char *run_id, unsigned slot, char out[CB_LINK_NAME_MAX])
{
    uint32_t hash = (uint32_t)cb_seed_from(0, "link", run_id);
    snprintf(out, CB_LINK_NAME_MAX, CB_LINK_PREFIX "%08" PRIx32 "-%u", hash, slot % 100);
}

bool cb_link_is_ours(const char *name)
{
    if (strncmp(name, CB_LINK_PREFIX, PREFIX_LEN) != 0)
        return false;
    const char *p = name + PREFIX_LEN;
    for (int i = 0; i < HASH_LEN; i++, p++)
        if (!isxdigit((unsigned char)*p))
            return false;
    return p[0] == '-' && isdigit((unsigned char)p[1]);
}

bool cb_link_of_run(const char *name, const char *run_id)
{
    char ours[CB_LINK_NAME_MAX];
    cb_link_name(run_id, 0, ours);
    return strncmp(name, ours, PREFIX_LEN + HASH_LEN + 1) == 0;
}
