#include "bench/kernels/sock.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"

#define RETRY_NS (20 * CB_NS_PER_MS)

static int peer_address(const struct cb_run *run, uint16_t port, struct sockaddr_in *to, struct cb_err *err)
{
    if (!run->peer)
        return cb_fail(err, CB_EMISSING, "this environment has no network peer");
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, run->peer, &to->sin_addr) != 1)
        return cb_fail(err, CB_EUSAGE, "peer '%s' is not a numeric IPv4 address", run->peer);
    return 0;
}

static int bind_to_link(int fd, const struct cb_run *run, struct cb_err *err)
{
    const char *device = run->device;
    if (device[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0)
        return cb_fail_sys(err, errno, "bind a socket to device %s", device);
    return 0;
}

static int configure_tcp(int fd, struct cb_err *err)
{
    const int on = 1;
    const int again = 1; /* one more request after a second, timed out after three: the caller tries again */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &again, sizeof again) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CB_TCP_CONGESTION, sizeof CB_TCP_CONGESTION - 1) < 0)
        return cb_fail_sys(err, errno, "set up a socket");
    return 0;
}

static int open_socket(const struct cb_run *run, int type, uint16_t port, struct cb_err *err)
{
    struct sockaddr_in to;
    if (peer_address(run, port, &to, err) < 0)
        return -1;
    CB_AUTOFD int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cb_fail_sys(err, errno, "make a socket");
    if (bind_to_link(fd, run, err) < 0 || (type == SOCK_STREAM && configure_tcp(fd, err) < 0))
        return -1;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return cb_fail_sys(err, errno, "connect to peer %s port %u", run->peer, port);
    return cb_take_fd(&fd);
}

int cb_sock_try(const struct cb_run *run, uint16_t port, struct cb_err *err)
{
    return open_socket(run, SOCK_STREAM, port, err);
}

int cb_sock_udp(const struct cb_run *run, uint16_t port, struct cb_err *err)
{
    return open_socket(run, SOCK_DGRAM, port, err);
}

static bool may_come(const struct cb_err *err)
{
    return err->code == CB_ESYS && (err->sys == ECONNREFUSED || err->sys == EHOSTUNREACH ||
                                    err->sys == ENETUNREACH || err->sys == ENETDOWN || err->sys == ETIMEDOUT);
}

int cb_sock_connect(const struct cb_run *run, uint16_t port, uint64_t patience_ns, struct cb_err *err)
{
    uint64_t deadline = cb_deadline_in(patience_ns);
    for (;;) {
        int fd = cb_sock_try(run, port, err);
        if (fd >= 0 || !may_come(err) || cb_deadline_remaining_ns(deadline) == 0)
            return fd;
        cb_sleep_ns(RETRY_NS);
    }
}

static int send_all(int fd, const void *bytes, size_t n, int flags, struct cb_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = send(fd, (const char *)bytes + done, n - done, flags | MSG_NOSIGNAL);
        if (k < 0 && errno != EINTR)
            return cb_fail_sys(err, errno, "send to the peer");
        done += k > 0 ? (size_t)k : 0;
    }
    return 0;
}

int cb_sock_send(int fd, const void *bytes, size_t n, struct cb_err *err)
{
    return send_all(fd, bytes, n, 0, err);
}

int cb_sock_send_more(int fd, const void *bytes, size_t n, struct cb_err *err)
{
    return send_all(fd, bytes, n, MSG_MORE, err);
}

int cb_sock_recv(int fd, void *bytes, size_t n, struct cb_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = recv(fd, (char *)bytes + done, n - done, 0);
        if (k == 0)
            return cb_fail(err, CB_EPROTO, "the peer closed after %zu of %zu bytes", done, n);
        if (k < 0 && errno != EINTR)
            return cb_fail_sys(err, errno, "receive from the peer");
        done += k > 0 ? (size_t)k : 0;
    }
    return 0;
}

int cb_sock_send_count(int fd, uint64_t n, struct cb_err *err)
{
    uint64_t wire = htole64(n);
    return cb_sock_send(fd, &wire, sizeof wire, err);
}

int cb_sock_recv_count(int fd, uint64_t *n, struct cb_err *err)
{
    uint64_t wire;
    if (cb_sock_recv(fd, &wire, sizeof wire, err) < 0)
        return -1;
    *n = le64toh(wire);
    return 0;
}
