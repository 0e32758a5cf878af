/* vectors.json for the suites of results/: every number there was cross-checked against independent
 * implementations. Missing keys end the suite: a vector that cannot be read must not pass. */
#ifndef CB_TESTS_VECTORS_H
#define CB_TESTS_VECTORS_H

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define VECTOR_MAX 64

static inline json_t *vectors_load(void)
{
    json_error_t error;
    json_t *v = json_load_file(CB_TEST_DATA "/vectors.json", 0, &error);
    if (!v) {
        fprintf(stderr, "vectors.json:%d: %s\n", error.line, error.text);
        exit(1);
    }
    return v;
}

/* v.a.b.c for the path "a.b.c"; keys that hold a dot themselves are fetched with json_object_get. */
static inline json_t *vector_at(json_t *v, const char *path)
{
    char key[64];
    for (const char *p = path; v && *p;) {
        int n = 0;
        if (sscanf(p, "%63[^.]%n", key, &n) != 1)
            break;
        v = json_object_get(v, key);
        p += n + (p[n] == '.');
    }
    if (!v) {
        fprintf(stderr, "vectors.json: no %s\n", path);
        exit(1);
    }
    return v;
}

static inline double vector_number(json_t *v, const char *path)
{
    return json_number_value(vector_at(v, path));
}

static inline size_t vector_doubles(json_t *array, double out[VECTOR_MAX])
{
    size_t n = json_array_size(array);
    if (!n || n > VECTOR_MAX)
        exit(1);
    for (size_t i = 0; i < n; i++)
        out[i] = json_number_value(json_array_get(array, i));
    return n;
}

/* Block log ratios of the worked example (vm and host, ten blocks). */
static inline size_t vector_log_ratios(json_t *v, double d[VECTOR_MAX])
{
    double vm[VECTOR_MAX], host[VECTOR_MAX];
    size_t n = vector_doubles(vector_at(v, "paired.vm"), vm);
    if (vector_doubles(vector_at(v, "paired.host"), host) != n)
        exit(1);
    for (size_t i = 0; i < n; i++)
        d[i] = log(vm[i] / host[i]);
    return n;
}

/* The tolerance of closed forms; 1e-12 where the value is about 0. */
static inline int near(double is, double should)
{
    int ok = is == should || fabs(is - should) <= 1e-9 * fabs(should) + 1e-12;
    if (!ok)
        fprintf(stderr, "is %.17g, should be %.17g\n", is, should);
    return ok;
}

#endif
