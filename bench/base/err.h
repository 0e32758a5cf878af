/* Errors as values. Every function that can fail returns 0 or -1 and takes a `struct cb_err *` last, never
 * NULL. The struct lives on the caller's stack; no allocation happens on the error path. Context is added on
 * the way up, outermost first: "up container: mount /proc: Operation not permitted". */
#ifndef CB_BASE_ERR_H
#define CB_BASE_ERR_H

/* What kind of failure it is; `cli/` maps these to exit codes, the executor to outcomes. */
enum cb_code {
    CB_OK = 0,
    CB_ESYS,     /* a system call or library failed; `sys` holds errno where there is one */
    CB_EUSAGE,   /* what the user typed or wrote is wrong */
    CB_EMISSING, /* this machine cannot do it: a skip with a reason, not a failure */
    CB_EPROTO,   /* the other side broke the protocol */
    CB_ETIMEOUT, /* a deadline passed */
    CB_EINTR,    /* the user asked to stop */
    CB_EARM,     /* an arm failed that was asked for by name */
    CB_EUNFIT,   /* the environment is unfit for measuring */
};

struct cb_err {
    enum cb_code code;
    int sys;       /* errno, or 0 */
    char msg[512]; /* one line, no newline; cut when longer */
};

#define CB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Each fills *err and returns -1, so that failing is one line. */
int cb_fail(struct cb_err *err, enum cb_code code, const char *fmt, ...) CB_PRINTF(3, 4);
/* Appends ": strerror(sys)". The code is CB_ESYS. */
int cb_fail_sys(struct cb_err *err, int sys, const char *fmt, ...) CB_PRINTF(3, 4);
/* Puts "context: " in front of the message already there; code and sys stay. */
int cb_wrap(struct cb_err *err, const char *fmt, ...) CB_PRINTF(2, 3);
/* Makes *err say nothing. */
void cb_err_clear(struct cb_err *err);

#ifdef __clang_analyzer__
/* An analyzer does not look into other files: that these return -1 is said here. */
#define cb_fail(...)     ((void)(cb_fail)(__VA_ARGS__), -1)
#define cb_fail_sys(...) ((void)(cb_fail_sys)(__VA_ARGS__), -1)
#define cb_wrap(...)     ((void)(cb_wrap)(__VA_ARGS__), -1)
#endif

#endif
