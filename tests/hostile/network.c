/* Networks beyond the run's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

static const char *const shared = "this arm has the host's network";

static enum outcome only_own_links(const struct host *h, char *why)
{
    if (!h->own_net)
        return absent(why, "%s", shared);
    struct if_nameindex *links = if_nameindex();
    enum outcome o = links ? HELD : broken(why, "cannot list them");
    for (struct if_nameindex *l = links; o == HELD && l->if_index; l++)
        if (strcmp(l->if_name, "lo") != 0 && strcmp(l->if_name, h->link) != 0)
            o = broken(why, "there is %s", l->if_name);
    if_freenameindex(links);
    return o;
}

static long connect_to(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, address, &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* for a route that leads nowhere */
    long result = connect(fd, (const struct sockaddr *)&a, sizeof a);
    int cause = errno;
    close(fd);
    errno = cause;
    return result;
}

/* The host listens on all of them. */
static enum outcome addresses(const struct host *h, char *why)
{
    char list[sizeof h->addresses];
    if (!h->own_net)
        return absent(why, "%s", shared);
    snprintf(list, sizeof list, "%s", h->addresses);
    for (char *save, *a = strtok_r(list, ",", &save); a; a = strtok_r(NULL, ",", &save)) {
        long result = connect_to(a, h->port);
        if (result == 0 || (errno != ENETUNREACH && errno != ECONNREFUSED && errno != EHOSTUNREACH &&
                            errno != EINPROGRESS)) /* nobody answered in time */
            return broken(why, "%s: %s", a, result ? strerrorname_np(errno) : "connected");
    }
    return HELD;
}

static enum outcome names_without_files(const struct host *h, char *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!h->own_net)
        return absent(why, "%s", shared);
    int n = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%s", h->abstract);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    long result = connect(fd, (const struct sockaddr *)&a, (socklen_t)(sizeof a.sun_family + 1 + (size_t)n));
    int cause = errno;
    close(fd);
    errno = cause;
    return refused(why, "connect", result, ECONNREFUSED);
}

static enum outcome raw_packets(const struct host *h, char *why)
{
    (void)h;
    if (socket(AF_PACKET, SOCK_RAW, 0) >= 0)
        return broken(why, "a packet socket");
    return refused(why, "a raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
}

static enum outcome configure_links(const struct host *h, char *why)
{
    struct ifreq r = {.ifr_flags = 0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "lo");
    (void)h;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        return broken(why, "cannot ask for flags: %s", strerror(errno));
    long result = ioctl(fd, SIOCSIFFLAGS, &r);
    int cause = errno;
    close(fd);
    errno = cause;
    return refused(why, "set a link's flags", result, EPERM);
}

const struct attempt network[] = {
    {"links beyond its own", only_own_links},
    {"addresses of the host", addresses},
    {"sockets without a file", names_without_files},
    {"raw packets", raw_packets},
    {"configure links", configure_links},
    {NULL, NULL},
};
