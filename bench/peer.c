/* The network peer: what the network benchmarks talk to, on the run's own link. A thread a connection and
 * nothing but blocking calls, because the time from a request to its answer is measured. */
#include "bench/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/kernels/sock.h"

#define STACK   (CB_PEER_CHUNK * 2) /* the chunk and room */
#define BACKLOG 1024

/* --- TCP services ------------------------------------------------------------------------------------ */

static bool is_message(uint64_t size)
{
    return size >= 1 && size <= CB_PEER_MESSAGE;
}

static void answer_requests(int fd)
{
    struct cb_err gone;
    char request[CB_PEER_MESSAGE], answer[CB_PEER_MESSAGE] = "";
    uint64_t ask, reply;
    if (cb_sock_recv_count(fd, &ask, &gone) < 0 || cb_sock_recv_count(fd, &reply, &gone) < 0 ||
        !is_message(ask) || !is_message(reply))
        return;
    while (cb_sock_recv(fd, request, ask, &gone) == 0) {
        answer[0] = request[0];
        if (cb_sock_send(fd, answer, reply, &gone) < 0)
            return;
    }
}

static uint64_t own_cpu_ns(void)
{
    return cb_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* As much as is there at a time, since waiting for a whole chunk would wake it up later. */
static int swallow(int fd, char *bytes, uint64_t left)
{
    while (left) {
        ssize_t n = recv(fd, bytes, left < CB_PEER_CHUNK ? left : CB_PEER_CHUNK, 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
        left -= n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

static void sink(int fd)
{
    struct cb_err gone;
    char bytes[CB_PEER_CHUNK];
    uint64_t n;
    while (cb_sock_recv_count(fd, &n, &gone) == 0) {
        uint64_t before = own_cpu_ns();
        if (swallow(fd, bytes, n) < 0 || cb_sock_send_count(fd, own_cpu_ns() - before, &gone) < 0)
            return;
    }
}

/* A number follows behind the last piece. */
static int pour(int fd, const char *bytes, uint64_t left)
{
    struct cb_err gone;
    for (uint64_t n; left; left -= n) {
        n = left < CB_PEER_CHUNK ? left : CB_PEER_CHUNK;
        if (cb_sock_send_more(fd, bytes, n, &gone) < 0)
            return -1;
    }
    return 0;
}

static void source(int fd)
{
    struct cb_err gone;
    char bytes[CB_PEER_CHUNK];
    uint64_t n;
    memset(bytes, 0xa5, sizeof bytes);
    while (cb_sock_recv_count(fd, &n, &gone) == 0) {
        uint64_t before = own_cpu_ns();
        if (pour(fd, bytes, n) < 0 || cb_sock_send_count(fd, own_cpu_ns() - before, &gone) < 0)
            return;
    }
}

static void answer_once(int fd)
{
    struct cb_err gone;
    char byte;
    if (cb_sock_recv(fd, &byte, 1, &gone) == 0)
        cb_sock_send(fd, &byte, 1, &gone);
}

static const struct cb_service services[] = {
    {answer_requests, SOCK_STREAM, CB_PEER_RR, false},
    {cb_peer_answer_datagrams, SOCK_DGRAM, CB_PEER_RR, false},
    {sink, SOCK_STREAM, CB_PEER_SINK, false},
    {source, SOCK_STREAM, CB_PEER_SOURCE, false},
    {answer_once, SOCK_STREAM, CB_PEER_CLOSE, true},
    {cb_peer_count_datagrams, SOCK_STREAM, CB_PEER_COUNT, false},
};
#define SERVICES (sizeof services / sizeof *services)

/* --- threads ----------------------------------------------------------------------------------------- */

/* A socket in the hands of a thread: a listening one or a connection. */
struct job {
    const struct cb_service *service;
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

/* --- sockets ----------------------------------------------------------------------------------------- */

/* Options of a listening socket pass to its connections. The timeout keeps one that says nothing from holding
 * up the rest where they are served in turn. */
static int configure_tcp(int fd, bool at_once, struct cb_err *err)
{
    const struct timeval patience = {.tv_sec = 1};
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CB_TCP_CONGESTION, sizeof CB_TCP_CONGESTION - 1) < 0)
        return cb_fail_sys(err, errno, "set up a socket");
    if (at_once && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return cb_fail_sys(err, errno, "set a timeout");
    return 0;
}

static int open_service(const struct in_addr *address, const struct cb_service *service, struct cb_err *err)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(service->port), .sin_addr = *address};
    bool tcp = service->type == SOCK_STREAM;
    CB_AUTOFD int fd = socket(AF_INET, service->type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cb_fail_sys(err, errno, "make a socket");
    if (tcp && configure_tcp(fd, service->at_once, err) < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || (tcp && listen(fd, BACKLOG) < 0))
        return cb_fail_sys(err, errno, "listen on port %u", service->port);
    return cb_take_fd(&fd);
}

static int start_all(const char *address, struct cb_err *err)
{
    struct in_addr in;
    if (inet_pton(AF_INET, address, &in) != 1)
        return cb_fail(err, CB_EUSAGE, "'%s' is not a numeric IPv4 address", address);
    for (size_t i = 0; i < SERVICES; i++) {
        struct job job = {.service = &services[i], .fd = open_service(&in, &services[i], err)};
        if (job.fd < 0)
            return -1;
        int rc = start_thread(services[i].type == SOCK_STREAM ? accept_all : serve_one, job);
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
