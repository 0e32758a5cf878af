#include "runners/vmserve.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"

/* How often something is looked for that comes or goes on another thread. */
#define POLL_NS (5 * CB_NS_PER_MS)
/* A domain is off libvirt's list a little before the event that says why. */
#define EVENT_NS (500 * CB_NS_PER_MS)
/* A capability file of libvirt is about 100 KB. */
#define CAPS_MAX ((size_t)4 << 20)
/* Why the last few domains stopped. Arms run one after the other, so that one would nearly do. */
#define STOPS_MAX 8

struct stop {
    char name[128];
    const char *why;
};

struct server {
    virConnectPtr conn;
    bool embed;
    pthread_mutex_t lock; /* of what follows: events come on a thread of their own */
    struct stop stops[STOPS_MAX];
    unsigned nstops; /* ever seen */
};

/* One line of libvirt's last error. */
static int fail_virt(struct cb_err *err, const char *what)
{
    const char *text = virGetLastErrorMessage();
    return cb_fail(err, CB_ESYS, "%s: %.*s", what, (int)strcspn(text, "\n"), text);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
    static const char *const reasons[] = {
        [VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "the guest powered off",
        [VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "it was destroyed",
        [VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "the guest crashed",
        [VIR_DOMAIN_EVENT_STOPPED_FAILED] = "the hypervisor failed",
    };
    struct server *s = opaque;
    (void)conn;
    if (event != VIR_DOMAIN_EVENT_STOPPED)
        return 0;
    size_t n = sizeof reasons / sizeof *reasons;
    bool known = detail >= 0 && (size_t)detail < n && reasons[detail];
    pthread_mutex_lock(&s->lock);
    struct stop *stop = &s->stops[s->nstops++ % STOPS_MAX];
    snprintf(stop->name, sizeof stop->name, "%s", virDomainGetName(dom));
    stop->why = known ? reasons[detail] : "it stopped";
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* Why a domain stopped, NULL where no event has said so. */
static const char *why_stopped(struct server *s, const char *name)
{
    const char *why = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < STOPS_MAX; i++)
        if (strcmp(s->stops[i].name, name) == 0)
            why = s->stops[i].why;
    pthread_mutex_unlock(&s->lock);
    return why;
}

/* Names come again: a new domain must not be told by its predecessor's end. */
static void forget_stops(struct server *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < STOPS_MAX; i++)
        if (strcmp(s->stops[i].name, name) == 0)
            s->stops[i].name[0] = '\0';
    pthread_mutex_unlock(&s->lock);
}

/* Domains are transient: one that stopped cannot be looked up any more. */
static bool is_running(struct server *s, const char *name)
{
    virDomainPtr d = virDomainLookupByName(s->conn, name);
    if (!d)
        return false;
    bool active = virDomainIsActive(d) == 1;
    virDomainFree(d);
    return active;
}

static int create(struct server *s, const char *xml, struct cb_err *err)
{
    /* A daemon ends the domain when we die; the driver in this process cannot, there our parent does. */
    unsigned flags = s->embed ? 0 : VIR_DOMAIN_START_AUTODESTROY;
    virDomainPtr d = virDomainCreateXML(s->conn, xml, flags);
    if (!d)
        return fail_virt(err, "create domain");
    forget_stops(s, virDomainGetName(d));
    virDomainFree(d);
    return 0;
}

static int destroy(struct server *s, const char *name, uint64_t deadline, struct cb_err *err)
{
    virDomainPtr d = virDomainLookupByName(s->conn, name);
    if (!d)
        return 0;
    int failed = virDomainDestroy(d);
    virDomainFree(d);
    if (failed && is_running(s, name)) /* else it stopped by itself meanwhile */
        return fail_virt(err, "destroy domain");
    while (is_running(s, name)) {
        if (!cb_deadline_remaining_ns(deadline))
            return cb_fail(err, CB_ETIMEOUT, "domain %s does not go away", name);
        cb_sleep_ns(POLL_NS);
    }
    return 0;
}

static void tell_state(struct server *s, const char *name, char *out, size_t cap)
{
    uint64_t deadline = cb_deadline_in(EVENT_NS);
    const char *why;
    if (is_running(s, name))
        return;
    while (!(why = why_stopped(s, name)) && cb_deadline_remaining_ns(deadline))
        cb_sleep_ns(POLL_NS);
    snprintf(out, cap, "%s", why ? why : "it is gone");
}

static void answer(struct server *s, const struct cb_vm_request *q, struct cb_vm_answer *a)
{
    switch (q->op) {
    case CB_VM_CREATE:
        a->result = create(s, q->text, &a->err);
        break;
    case CB_VM_DESTROY:
        a->result = destroy(s, q->text, q->deadline, &a->err);
        break;
    case CB_VM_STATE:
        tell_state(s, q->text, a->text, sizeof a->text);
        break;
    case CB_VM_OPEN:
        a->result = cb_fail(&a->err, CB_EUSAGE, "open already");
        break;
    }
}

static void serve(struct server *s, int sock)
{
    struct cb_vm_request q;
    ssize_t n;
    while ((n = recv(sock, &q, sizeof q, 0)) > 0 || (n < 0 && errno == EINTR)) {
        struct cb_vm_answer a = {.seq = q.seq};
        if (n < (ssize_t)sizeof q)
            continue;
        answer(s, &q, &a);
        if (send(sock, &a, sizeof a, MSG_NOSIGNAL) < 0)
            break;
    }
}

/* ---- opening ----------------------------------------------------------------------------------------- */

/* Copies the files of one directory into another where they differ. Capabilities are a cache: what fails here
 * costs a second, and no more. */
static void copy_caps(const char *from, const char *to)
{
    struct cb_err ignored;
    CB_AUTOFD int target =
        cb_mkdirs(to, 0700, &ignored) == 0 ? open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *d = target < 0 ? NULL : opendir(from);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        CB_AUTOBUF struct cb_buf now = {0};
        CB_AUTOBUF struct cb_buf before = {0};
        if (e->d_name[0] == '.' || cb_read_file(dirfd(d), e->d_name, CAPS_MAX, &now, &ignored) < 0)
            continue;
        bool same = cb_read_file(target, e->d_name, CAPS_MAX, &before, &ignored) == 0 &&
                    now.len == before.len && memcmp(cb_buf_str(&now), cb_buf_str(&before), now.len) == 0;
        if (!same)
            cb_replace_file(target, e->d_name, cb_buf_str(&now), now.len, 0600, &ignored);
    }
    closedir(d);
}

/* What the driver needs to know when it is nobody's daemon: no virtlogd to write logs through, and as root
 * neither a user to change to nor labels, namespaces or cgroups of its own. */
static int write_config(const char *root, struct cb_err *err)
{
    static const char everybody[] = "stdio_handler = \"file\"\n";
    static const char as_root[] = "user = \"root\"\ngroup = \"root\"\n"
                                  "dynamic_ownership = 0\nremember_owner = 0\nsecurity_driver = \"none\"\n"
                                  "cgroup_controllers = [ ]\nnamespaces = [ ]\nseccomp_sandbox = 0\n";
    char etc[256];
    CB_AUTOBUF struct cb_buf text = {0};
    if (cb_path(etc, sizeof etc, err, "%s/etc", root) < 0 || cb_mkdirs(etc, 0700, err) < 0)
        return -1;
    CB_AUTOFD int fd = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", etc);
    cb_buf_puts(&text, everybody);
    if (geteuid() == 0)
        cb_buf_puts(&text, as_root);
    return cb_replace_file(fd, "qemu.conf", cb_buf_str(&text), text.len, 0600, err);
}

static void *run_events(void *arg)
{
    (void)arg;
    while (virEventRunDefaultImpl() == 0)
        ;
    return NULL;
}

/* The event loop must be there before the connection: the driver in this process hangs its monitors on it. */
static int start_events(struct cb_err *err)
{
    pthread_t thread;
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        return fail_virt(err, "start libvirt");
    int failed = pthread_create(&thread, NULL, run_events, NULL);
    if (failed)
        return cb_fail_sys(err, failed, "start libvirt's event loop");
    pthread_detach(thread);
    return 0;
}

static int connect_to(struct server *s, const char *uri, struct cb_err *err)
{
    s->conn = virConnectOpen(uri);
    if (!s->conn)
        return fail_virt(err, "open libvirt");
    if (virConnectDomainEventRegisterAny(s->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), s, NULL) < 0)
        return fail_virt(err, "listen to libvirt");
    return 0;
}

static int open_embed(struct server *s, const struct cb_vm_server *c, struct cb_err *err)
{
    char uri[300], caps[300];
    if (cb_path(uri, sizeof uri, err, "qemu:///embed?root=%s", c->root) < 0 ||
        cb_path(caps, sizeof caps, err, "%s/cache/qemu/capabilities", c->root) < 0 ||
        write_config(c->root, err) < 0)
        return -1;
    copy_caps(c->cache, caps);
    if (connect_to(s, uri, err) < 0)
        return -1;
    /* Asks every emulator there is what it can do, which the first domain, whose start is timed, would have
     * to wait for otherwise. */
    free(virConnectGetCapabilities(s->conn));
    copy_caps(caps, c->cache);
    return 0;
}

static int open_server(struct server *s, const struct cb_vm_server *c, struct cb_err *err)
{
    s->embed = !*c->connect;
    if (c->netns >= 0 && setns(c->netns, CLONE_NEWNET) < 0)
        return cb_fail_sys(err, errno, "enter the run's network namespace");
    if (start_events(err) < 0)
        return -1;
    return s->embed ? open_embed(s, c, err) : connect_to(s, c->connect, err);
}

/* The driver is a plug-in in a directory beside the library. */
int cb_vm_installed(struct cb_err *err)
{
    static const char hint[] = "apt-get install libvirt-daemon-driver-qemu qemu-system-x86";
    char path[512];
    Dl_info library;
    if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0)
        return cb_fail(err, CB_EMISSING, "no /usr/bin/qemu-system-x86_64: %s", hint);
    if (!dladdr((void *)virConnectOpen, &library) || !library.dli_fname)
        return 0; /* opening will tell */
    const char *slash = strrchr(library.dli_fname, '/');
    int dir = slash ? (int)(slash - library.dli_fname) : 0;
    if (cb_path(path, sizeof path, err, "%.*s/libvirt/connection-driver/libvirt_driver_qemu.so", dir,
                library.dli_fname) < 0)
        return -1;
    if (access(path, R_OK) < 0)
        return cb_fail(err, CB_EMISSING, "no %s: %s", path, hint);
    return 0;
}

static void print_versions(struct server *s, char *out, size_t cap)
{
    unsigned long lib = 0, hypervisor = 0; /* major * 1000000 + minor * 1000 + release */
    virConnectGetLibVersion(s->conn, &lib);
    virConnectGetVersion(s->conn, &hypervisor);
    snprintf(out, cap, "libvirt %lu.%lu.%lu, qemu %lu.%lu.%lu", lib / 1000000, lib / 1000 % 1000, lib % 1000,
             hypervisor / 1000000, hypervisor / 1000 % 1000, hypervisor % 1000);
}

void cb_vm_serve(int sock, const struct cb_vm_server *c)
{
    struct server s = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct cb_vm_answer first = {.seq = 0};
    signal(SIGPIPE, SIG_IGN); /* a monitor may end at any time */
    first.result = open_server(&s, c, &first.err);
    if (first.result == 0)
        print_versions(&s, first.text, sizeof first.text);
    if (send(sock, &first, sizeof first, MSG_NOSIGNAL) > 0 && first.result == 0)
        serve(&s, sock);
    _exit(0);
}
