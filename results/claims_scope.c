/* Does a claim apply to a run at all? From facts, never from timings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/sha256.h"
#include "bench/base/units.h"
#include "results/claims_part.h"

/* --- needs */

struct subject {
    const struct cb_dataset *d;
    const struct cb_claim *claim;
    const struct cb_ds_arm *arm;
    const char *asked; /* the arm as the claim names it */
    char *reason;
    size_t cap;
};

static bool is_vm(const struct subject *s)
{
    return !strcmp(s->arm->runner, "vm");
}

static bool is_emulated_on_purpose(const struct subject *s)
{
    return strstr(s->asked, "accel=tcg") != NULL;
}

/* What an arm that never came up would have used is not known: that it failed says more. */
static bool accelerator_unknown(const struct subject *s)
{
    return strcmp(s->arm->status, "ok") != 0 && !strcmp(s->arm->accelerator, "none");
}

static bool has_kvm(const struct subject *s)
{
    if (!is_vm(s) || is_emulated_on_purpose(s) || accelerator_unknown(s) ||
        !strncmp(s->arm->accelerator, "kvm-", 4))
        return true;
    snprintf(s->reason, s->cap, "needs KVM, and %s ran under %s", s->arm->name,
             strcmp(s->arm->accelerator, "tcg") ? s->arm->accelerator : "emulation (TCG)");
    return false;
}

static bool has_tcg(const struct subject *s)
{
    if (!is_vm(s) || accelerator_unknown(s) || !strcmp(s->arm->accelerator, "tcg"))
        return true;
    snprintf(s->reason, s->cap, "needs emulation (TCG), and %s ran under %s", s->arm->name,
             s->arm->accelerator);
    return false;
}

static bool is_bare_metal(const struct subject *s)
{
    if (!strcmp(cb_kv_get(&s->d->run.host, "virtualised", ""), "false"))
        return true;
    snprintf(s->reason, s->cap, "needs bare metal, and the host is a virtual machine (%s)",
             cb_kv_get(&s->d->run.host, "hypervisor", "unknown"));
    return false;
}

static bool has_network(const struct subject *s)
{
    const char *link = cb_kv_get(&s->arm->facts, "network", "");
    if (strncmp(link, "none", 4) != 0)
        return true;
    snprintf(s->reason, s->cap, "needs the network, and %s has %s", s->arm->name, link);
    return false;
}

static bool ran_as_root(const struct subject *s)
{
    const struct cb_ds_arm *host = &s->d->arms[s->d->run.baseline];
    if (!strcmp(cb_kv_get(&host->facts, "uid", ""), "0"))
        return true;
    snprintf(s->reason, s->cap, "needs root, and the run was not root's");
    return false;
}

static const struct {
    unsigned bit;
    bool (*met)(const struct subject *s);
} needs[] = {
    {CB_NEEDS_KVM, has_kvm},         {CB_NEEDS_TCG, has_tcg},      {CB_NEEDS_BARE_METAL, is_bare_metal},
    {CB_NEEDS_NETWORK, has_network}, {CB_NEEDS_ROOT, ran_as_root},
};

static bool needs_met(struct subject *s, const unsigned *arms)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        for (unsigned a = 0; a < s->claim->narms; a++) {
            s->arm = &s->d->arms[arms[a]];
            s->asked = s->claim->arms[a];
            if ((s->claim->needs & needs[i].bit) && !needs[i].met(s))
                return false;
        }
    return true;
}

/* --- where */

/* "2.5", "64K", "16G". */
static bool as_number(const char *text, double *out)
{
    struct cb_err ignored;
    uint64_t bytes;
    if (cb_parse_double(text, out, &ignored) == 0)
        return true;
    if (cb_parse_size(text, &bytes, &ignored) < 0)
        return false;
    *out = (double)bytes;
    return true;
}

static bool compares(const char *op, double a, double b)
{
    if (op[0] == '<')
        return op[1] ? a <= b : a < b;
    return op[1] ? a >= b : a > b;
}

static bool holds(const struct cb_condition *k, const char *fact)
{
    double a, b;
    switch (k->op[0]) {
    case '~':
        return strstr(fact, k->value) != NULL;
    case '=':
        return !strcmp(fact, k->value);
    case '!':
        return strcmp(fact, k->value) != 0;
    default:
        return as_number(fact, &a) && as_number(k->value, &b) && compares(k->op, a, b);
    }
}

/* "cpu-model" is what people look for; the fact has the shorter name. */
static const char *fact_of(const struct cb_dataset *d, const char *name)
{
    return cb_kv_get(&d->run.host, strcmp(name, "cpu-model") ? name : "cpu", NULL);
}

static bool conditions_met(const struct subject *s)
{
    for (unsigned i = 0; i < s->claim->nconditions; i++) {
        const struct cb_condition *k = &s->claim->conditions[i];
        const char *fact = fact_of(s->d, k->fact);
        if (fact && holds(k, fact))
            continue;
        snprintf(s->reason, s->cap, "out of scope: %s %s %s, and here it is %s", k->fact, k->op, k->value,
                 fact ? fact : "not known");
        return false;
    }
    return true;
}

bool cb_claim_in_scope(const struct cb_dataset *d, const struct cb_claim *claim, const unsigned *arms,
                       char *reason, size_t cap)
{
    struct subject s = {.d = d, .claim = claim, .reason = reason, .cap = cap};
    return conditions_met(&s) && needs_met(&s, arms);
}

/* --- the host */

void cb_host_fingerprint(const struct cb_dataset *d, char out[16])
{
    static const char *const host[] = {"cpu", "cpus", "machine", "virtualised", "hypervisor",
                                       "l1d", "l2",   "llc",     "memory",      "kernel"};
    static const char *const inside[] = {"mitigations", "clock.source", "page.size", "thp"};
    const struct cb_kvs *facts = &d->arms[d->run.baseline].facts;
    CB_AUTOBUF struct cb_buf text = {0};
    char hex[CB_SHA256_HEX];
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        cb_buf_printf(&text, "%s=%s\n", host[i], cb_kv_get(&d->run.host, host[i], ""));
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        cb_buf_printf(&text, "%s=%s\n", inside[i], cb_kv_get(facts, inside[i], ""));
    struct cb_sha256 sum;
    cb_sha256_init(&sum);
    cb_sha256_add(&sum, cb_buf_str(&text), text.len);
    cb_sha256_hex(&sum, hex);
    snprintf(out, 16, "%.12s", hex);
}
