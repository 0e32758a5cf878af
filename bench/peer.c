/* The network peer: what the network benchmarks talk to, on the run's own link. A thread a connection and
 * nothing but blocking calls, because the time from a request to its answer is measured. */
#include "bench/agent.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/err.h"
#include "bench/base/io.h"

#define CHUNK   (UINT64_C(128) << 10) /* bytes of one read or write of a stream */
#define STACK   (CHUNK * 2)           /* the chunk and room */
#define BACKLOG 1024

/* 0, or -1 once the other side is gone: a peer has nobody to tell why. */
static int send_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);
        if (k < 0 && errno != EINTR)
            return -1;
        bytes += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return 0;
}

static ssize_t recv_some(int fd, char *bytes, size_t n)
{
    ssize_t k;
    do
        k = recv(fd, bytes, n, 0);
    while (k < 0 && errno == EINTR);
    return k;
}

static int recv_count(int fd, uint64_t *n)
{
    if (recv(fd, n, sizeof *n, MSG_WAITALL) != (ssize_t)sizeof *n)
        return -1;
    *n = le64toh(*n);
    return 0;
}

static void echo(int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv_some(fd, bytes, sizeof bytes)) > 0)
        if (send_all(fd, bytes, (size_t)n) < 0)
            return;
}

static void sink(int fd)
{
    char bytes[CHUNK];
    uint64_t left;
    while (recv_count(fd, &left) == 0) {
        while (left) {
            ssize_t n = recv_some(fd, bytes, left < CHUNK ? left : CHUNK);
            if (n <= 0)
                return;
            left -= (uint64_t)n;
        }
        if (send_all(fd, "", 1) < 0)
            return;
    }
}

static void source(int fd)
{
    char bytes[CHUNK];
    uint64_t left;
    memset(bytes, 0xa5, sizeof bytes);
    while (recv_count(fd, &left) == 0)
        for (uint64_t n; left; left -= n) {
            n = left < CHUNK ? left : CHUNK;
            if (send_all(fd, bytes, n) < 0)
                return;
        }
}

static void answer(int fd)
{
    char byte;
    if (recv_some(fd, &byte, 1) == 1)
        send_all(fd, &byte, 1);
}

/* `at_once`: in the accepting thread, since such a connection is shorter than the start of a thread. */
struct service {
    uint16_t port;
    bool at_once;
    void (*serve)(int fd);
};

static const struct service services[] = {
    {CB_PEER_ECHO, false, echo},
    {CB_PEER_SINK, false, sink},
    {CB_PEER_SOURCE, false, source},
    {CB_PEER_CLOSE, true, answer},
};
#define SERVICES (sizeof services / sizeof *services)

/* A socket in the hands of a thread: a listening one or a connection. */
struct job {
    const struct service *service;
    int fd;
};

static int start_thread(void *(*body)(void *), struct job job)
{
    pthread_attr_t attr;
    pthread_t thread;
    struct job *own = malloc(sizeof *own);
    if (!own)
        return ENOMEM;
    *own = job;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK);
    int rc = pthread_create(&thread, &attr, body, own);
    pthread_attr_destroy(&attr);
    if (rc)
        free(own);
    return rc;
}

static void *serve_one(void *arg)
{
    struct job job = *(struct job *)arg;
    free(arg);
    job.service->serve(job.fd);
    close(job.fd);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct job job = *(struct job *)arg;
    free(arg);
    for (;;) {
        struct job conn = {.service = job.service, .fd = accept4(job.fd, NULL, NULL, SOCK_CLOEXEC)};
        if (conn.fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                cb_sleep_ns(10 * CB_NS_PER_MS); /* until others close, without spinning */
            continue;
        }
        if (!conn.service->at_once && start_thread(serve_one, conn) == 0)
            continue; /* closed by its thread */
        if (conn.service->at_once)
            conn.service->serve(conn.fd);
        close(conn.fd);
    }
    return NULL;
}

/* Options of a listening socket pass to its connections. The timeout keeps one that says nothing from holding
 * up the rest where they are served in turn. */
static int listen_on(const struct in_addr *address, const struct service *service, struct cb_err *err)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(service->port), .sin_addr = *address};
    const struct timeval patience = {.tv_sec = 1};
    const int on = 1;
    CB_AUTOFD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CB_TCP_CONGESTION, sizeof CB_TCP_CONGESTION - 1) < 0)
        return cb_fail_sys(err, errno, "make a socket");
    if (service->at_once && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return cb_fail_sys(err, errno, "set a timeout");
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0)
        return cb_fail_sys(err, errno, "listen on port %u", service->port);
    return cb_take_fd(&fd);
}

static int start_all(const char *address, struct cb_err *err)
{
    struct in_addr in;
    if (inet_pton(AF_INET, address, &in) != 1)
        return cb_fail(err, CB_EUSAGE, "'%s' is not a numeric IPv4 address", address);
    for (size_t i = 0; i < SERVICES; i++) {
        struct job job = {.service = &services[i], .fd = listen_on(&in, &services[i], err)};
        if (job.fd < 0)
            return -1;
        int rc = start_thread(accept_all, job);
        if (rc)
            return cb_fail_sys(err, rc, "start a thread");
    }
    return cb_write_all(STDOUT_FILENO, "peer ready\n", strlen("peer ready\n"), err);
}

int cb_peer_main(const char *address)
{
    struct cb_err err;
    if (start_all(address, &err) < 0) {
        fprintf(stderr, "peer: %s\n", err.msg); /* its own process: nobody else could say it */
        return 1;
    }
    for (;;)
        pause(); /* the threads work; a signal ends the process */
}
