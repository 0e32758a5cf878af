/* Links by netlink, the run's network, the host arm's link. Everything happens in network namespaces of the
 * test's own; where those cannot be had each test says so. The test program is also the network peer (see
 * `play_peer`). */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/fabric.h"
#include "runners/hostlink.h"
#include "runners/netlink.h"

#define PORT 5004

static const struct cb_topology topo = {.ncpus = 1, .sut = {0}, .nsut = 1, .other = {0}, .nother = 1};

/* --- a peer: this program, started as `SELF peer ADDRESS` -------------------------------------------- */

static int listen_on(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &at.sin_addr);
    return bind(fd, (void *)&at, sizeof at) || listen(fd, 8) ? -1 : fd;
}

static void swallow(int fd)
{
    char buffer[4096];
    while (read(fd, buffer, sizeof buffer) > 0)
        ;
    close(fd);
}

static __attribute__((constructor)) void play_peer(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "peer") != 0)
        return;
    const char *says = getenv("CB_TEST_PEER_SAYS");
    int fd = listen_on(argv[2]);
    dprintf(STDOUT_FILENO, "%s\n", says ? says : "peer ready");
    for (int c; (c = accept(fd, NULL, NULL)) >= 0;)
        swallow(c);
    _exit(1);
}

/* --- namespaces -------------------------------------------------------------------------------------- */

static int netns(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static ino_t netns_inode(void)
{
    struct stat st;
    return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

/* The test leaves the host's network once and for all. */
static bool isolated(void)
{
    static int state; /* 0: not tried, 1: yes, -1: no */
    struct cb_err err;
    if (!state)
        state = unshare(CLONE_NEWNET) ? -1 : cb_net_up("lo", &err) ? -1 : 1;
    if (state < 0)
        printf("skipped: no network namespace to be had (root has) ... ");
    return state > 0;
}

/* Another namespace; the caller stays where it is. */
static int new_netns(void)
{
    int home = netns();
    CU_ASSERT_EQUAL_FATAL(unshare(CLONE_NEWNET), 0);
    int fd = netns();
    CU_ASSERT_EQUAL_FATAL(setns(home, CLONE_NEWNET), 0);
    close(home);
    return fd;
}

static unsigned lines_of(const char *path)
{
    char line[512];
    unsigned n = 0;
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while (fgets(line, sizeof line, f))
        n++;
    fclose(f);
    return n;
}

static void count(const char *name, void *arg)
{
    (void)name;
    ++*(unsigned *)arg;
}

static unsigned links(const char *prefix)
{
    struct cb_err err;
    unsigned n = 0;
    CU_ASSERT_EQUAL(cb_net_each(prefix, count, &n, &err), 0);
    return n;
}

/* Namespaces die asynchronously: waits for up to two seconds. */
static bool links_go(const char *prefix)
{
    for (int i = 0; i < 200 && links(prefix); i++)
        cb_sleep_ns(10 * CB_NS_PER_MS);
    return links(prefix) == 0;
}

/* Connects, through `device` when that is given, sends `bytes` zeros and closes. */
static int talk(const char *address, const char *device, size_t bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct timeval patience = {.tv_sec = 2};
    struct cb_err err;
    static const char zeros[4096];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (device)
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device));
    int failed = connect(fd, (void *)&to, sizeof to);
    for (; !failed && bytes; bytes -= sizeof zeros)
        failed = cb_write_all(fd, zeros, sizeof zeros, &err);
    close(fd);
    return failed;
}

/* --- netlink ----------------------------------------------------------------------------------------- */

static void bridge_and_veth_carry_tcp(void)
{
    struct cb_err err = {0};
    uint64_t rx = 0, tx = 0, rx2 = 0, tx2 = 0;
    if (!isolated())
        return;
    int home = netns(), there = new_netns();
    CU_ASSERT_EQUAL(cb_net_bridge("t-br", &err), 0);
    CU_ASSERT_EQUAL(cb_net_address("t-br", "10.9.0.1", 24, 1, &err), 0);
    CU_ASSERT_EQUAL(cb_net_veth("t-port", "t-br", "inside", there, &err), 0);
    CU_ASSERT_EQUAL(cb_net_counters("t-port", &rx, &tx, &err), 0);
    int fd = listen_on("10.9.0.1");
    pid_t pid = fork();
    if (pid == 0) { /* the server swallows one connection */
        swallow(accept(fd, NULL, NULL));
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(setns(there, CLONE_NEWNET), 0);
    CU_ASSERT_EQUAL(if_nametoindex("t-port"), 0); /* each end in its own namespace */
    CU_ASSERT_EQUAL(cb_net_address("inside", "10.9.0.2", 24, 1, &err), 0);
    CU_ASSERT_EQUAL(cb_net_up("inside", &err), 0);
    CU_ASSERT_EQUAL(talk("10.9.0.1", NULL, 65536), 0);
    CU_ASSERT_EQUAL_FATAL(setns(home, CLONE_NEWNET), 0);
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(cb_net_counters("t-port", &rx2, &tx2, &err), 0);
    CU_ASSERT_TRUE(rx2 - rx >= 65536);
    CU_ASSERT_TRUE(tx2 > tx);
    close(fd);
    close(there);
    close(home);
    CU_ASSERT_TRUE(links_go("t-port")); /* with the namespace of its other end */
    CU_ASSERT_EQUAL(cb_net_delete("t-br", &err), 0);
    CU_ASSERT_EQUAL(links("t-"), 0);
}

static uint32_t offload_of(const char *name, uint32_t which)
{
    struct ethtool_value value = {.cmd = which};
    struct ifreq request = {.ifr_data = (char *)&value};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(request.ifr_name, name, strlen(name) + 1);
    CU_ASSERT_EQUAL(ioctl(fd, SIOCETHTOOL, &request), 0);
    close(fd);
    return value.data;
}

static void offloads_are_turned_off(void)
{
    struct cb_err err = {0};
    if (!isolated())
        return;
    int here = netns();
    CU_ASSERT_EQUAL(cb_net_veth("t-v", NULL, "t-w", here, &err), 0);
    CU_ASSERT_EQUAL(cb_net_macvlan("t-w", "t-m", here, &err), 0);
    CU_ASSERT(offload_of("t-v", ETHTOOL_GTSO) &&
              offload_of("t-v", ETHTOOL_GGSO)); /* as every kernel makes it */
    CU_ASSERT_EQUAL(cb_net_no_offload("t-v", &err), 0);
    CU_ASSERT(!offload_of("t-v", ETHTOOL_GTSO) && !offload_of("t-v", ETHTOOL_GGSO));
    CU_ASSERT(!offload_of("t-v", ETHTOOL_GGRO));
    CU_ASSERT(offload_of("t-w", ETHTOOL_GTSO)); /* the other end is another's to set */
    CU_ASSERT_EQUAL(cb_net_no_offload("t-none", &err), -1);
    CU_ASSERT_EQUAL(err.sys, ENODEV);
    CU_ASSERT_EQUAL(cb_net_macvlan("t-none", "t-x", here, &err), -1);
    CU_ASSERT_EQUAL(cb_net_delete("t-v", &err), 0); /* both, and what lies on them */
    CU_ASSERT_EQUAL(links("t-"), 0);
    close(here);
}

static void netlink_says_what_the_kernel_says(void)
{
    struct cb_err err = {0};
    uint64_t rx, tx;
    if (!isolated())
        return;
    CU_ASSERT_EQUAL(cb_net_bridge("t-br", &err), 0);
    CU_ASSERT_EQUAL(cb_net_bridge("t-br", &err), -1);
    CU_ASSERT_EQUAL(err.sys, EEXIST);
    CU_ASSERT_EQUAL(cb_net_bridge("a-name-that-is-too-long", &err), 0); /* the kernel names it itself */
    CU_ASSERT_EQUAL(cb_net_delete("bridge0", &err), 0);
    CU_ASSERT_EQUAL(cb_net_veth("t-v", "t-none", "t-w", -1, &err), -1);
    CU_ASSERT_EQUAL(err.sys, ENODEV);
    CU_ASSERT_EQUAL(cb_net_veth("t-v", NULL, "t-w", -1, &err), -1);
    CU_ASSERT_EQUAL(err.sys, EBADF);
    CU_ASSERT_EQUAL(cb_net_up("t-none", &err), -1);
    CU_ASSERT_EQUAL(err.sys, ENODEV);
    CU_ASSERT_EQUAL(cb_net_counters("t-none", &rx, &tx, &err), -1);
    CU_ASSERT_EQUAL(cb_net_address("t-none", "10.9.0.1", 24, 1, &err), -1);
    CU_ASSERT_EQUAL(cb_net_address("t-br", "10.9.0", 24, 1, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_EQUAL(cb_net_address("t-br", "10.9.0.1", 99, 1, &err), -1);
    /* Words of the kernel's own beside the number: since Linux 4.12 for this one. */
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "nvalid prefix"));
    CU_ASSERT_EQUAL(cb_net_delete("t-br", &err), 0);
    CU_ASSERT_EQUAL(cb_net_delete("t-br", &err), 0); /* missing is fine */
}

static void addresses_with_and_without_route(void)
{
    struct cb_err err = {0};
    if (!isolated())
        return;
    unsigned before = lines_of("/proc/net/route");
    CU_ASSERT_EQUAL(cb_net_bridge("t-br", &err), 0);
    CU_ASSERT_EQUAL(cb_net_address("t-br", "10.9.0.1", 24, 0, &err), 0);
    CU_ASSERT_EQUAL(lines_of("/proc/net/route"), before);
    CU_ASSERT_EQUAL(cb_net_address("t-br", "10.9.1.1", 24, 1, &err), 0);
    CU_ASSERT_EQUAL(lines_of("/proc/net/route"), before + 1);
    CU_ASSERT_EQUAL(cb_net_delete("t-br", &err), 0);
}

static void delete_it(const char *name, void *arg)
{
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_net_delete(name, &err), 0);
    ++*(unsigned *)arg;
}

static void links_may_be_deleted_while_listed(void)
{
    struct cb_err err = {0};
    char name[16];
    unsigned n = 0;
    if (!isolated())
        return;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "t-%d", i);
        CU_ASSERT_EQUAL(cb_net_bridge(name, &err), 0);
    }
    CU_ASSERT_EQUAL(links("t-"), 40);
    CU_ASSERT_EQUAL(links("t-1"), 11);
    CU_ASSERT_EQUAL(cb_net_each("t-", delete_it, &n, &err), 0);
    CU_ASSERT_EQUAL(n, 40);
    CU_ASSERT_EQUAL(links("t-"), 0);
}

/* --- fabric ------------------------------------------------------------------------------------------ */

static struct cb_fabric *open_fabric(void)
{
    struct cb_fabric *f = NULL;
    struct cb_err err = {0};
    ino_t home = netns_inode();
    if (cb_fabric_open("/proc/self/exe", &topo, &f, &err))
        fprintf(stderr, "%s\n", err.msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(netns_inode(), home);
    return f;
}

/* Is there no child, dead or alive? */
static bool childless(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void fabric_addresses(void)
{
    char out[16];
    cb_fabric_address(0, out);
    CU_ASSERT_STRING_EQUAL(out, "198.18.0.2");
    cb_fabric_address(200, out);
    CU_ASSERT_STRING_EQUAL(out, "198.18.0.202");
    cb_fabric_close(NULL);
}

static void fabric_plug_and_close(void)
{
    struct cb_err err = {0};
    char port[16];
    uint64_t rx, tx;
    if (!isolated())
        return;
    struct cb_fabric *f = open_fabric();
    int home = netns(), there = new_netns();
    ino_t inode = netns_inode();
    CU_ASSERT_EQUAL(links(CB_FABRIC_BRIDGE), 0); /* not here */
    CU_ASSERT_EQUAL(cb_fabric_plug(f, 3, "t-arm", home, &err), 0);
    CU_ASSERT_EQUAL(links("t-arm"), 1);
    CU_ASSERT_EQUAL(netns_inode(), inode);
    cb_fabric_port(f, 3, port);
    CU_ASSERT_EQUAL(cb_fabric_counters(f, port, &rx, &tx, &err), 0);
    CU_ASSERT_EQUAL(cb_fabric_counters(f, CB_FABRIC_BRIDGE, &rx, &tx, &err), 0);
    CU_ASSERT_EQUAL(cb_fabric_counters(f, "t-arm", &rx, &tx, &err), -1); /* that end is not in there */
    /* The name is taken at the far end: nothing is left of the failed pair, the namespace is the old one. */
    CU_ASSERT_EQUAL(cb_fabric_plug(f, 4, "t-arm", home, &err), -1);
    CU_ASSERT_EQUAL(err.sys, EEXIST);
    CU_ASSERT_EQUAL(netns_inode(), inode);
    /* The same slot again, while the last plug may still be dying with its namespace. */
    CU_ASSERT_EQUAL(cb_fabric_plug(f, 3, "eth0", there, &err), 0);
    CU_ASSERT_EQUAL(cb_fabric_plug(f, 201, "t-arm2", home, &err), -1);
    cb_fabric_unplug(f, 200); /* never plugged */
    cb_fabric_unplug(f, 3);
    cb_fabric_unplug(f, 3);
    close(home);
    close(there);
    cb_fabric_close(f);
    CU_ASSERT_TRUE(childless());
    CU_ASSERT_TRUE(links_go("t-arm"));
}

static void fabric_needs_its_peer(void)
{
    struct cb_fabric *f = NULL;
    struct cb_err err = {0};
    if (!isolated())
        return;
    ino_t home = netns_inode();
    CU_ASSERT_EQUAL(cb_fabric_open("/nowhere/agent", &topo, &f, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_EQUAL(cb_fabric_open("/bin/false", &topo, &f, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "without a word"));
    setenv("CB_TEST_PEER_SAYS", "bind: \033[31mno", 1);
    CU_ASSERT_EQUAL(cb_fabric_open("/proc/self/exe", &topo, &f, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "bind:  [31mno")); /* without the escape */
    unsetenv("CB_TEST_PEER_SAYS");
    CU_ASSERT_PTR_NULL(f);
    CU_ASSERT_EQUAL(netns_inode(), home);
    CU_ASSERT_TRUE(childless());
}

/* --- the host arm's link ----------------------------------------------------------------------------- */

static void write_sysctl(const char *path, const char *text)
{
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_write_file(AT_FDCWD, path, text, &err), 0);
}

static void hostlink_reaches_the_peer(void)
{
    static struct cb_site site = {.run_id = "20260102-030405-test"};
    struct cb_err err = {0};
    char name[CB_LINK_NAME_MAX], port[16];
    uint64_t rx = 0, tx = 0;
    if (!isolated())
        return;
    site.fabric = open_fabric();
    unsigned routes = lines_of("/proc/net/route");
    for (int round = 0; round < 2; round++) { /* with another hardware address behind the same address */
        write_sysctl("/proc/sys/net/ipv4/conf/default/rp_filter",
                     round ? "1" : "2"); /* inherited by the link */
        CU_ASSERT_EQUAL(cb_hostlink_make(&site, 1, name, &err), 0);
        CU_ASSERT_TRUE(cb_link_is_ours(name));
        CU_ASSERT_EQUAL(lines_of("/proc/net/route"), routes);
        CU_ASSERT_EQUAL(talk(cb_fabric_peer(site.fabric), name, 65536), 0);
        CU_ASSERT_NOT_EQUAL(talk(cb_fabric_peer(site.fabric), NULL, 0), 0); /* no route leads there */
        cb_fabric_port(site.fabric, 1, port);
        CU_ASSERT_EQUAL(cb_fabric_counters(site.fabric, port, &rx, &tx, &err), 0);
        CU_ASSERT_TRUE(rx >= 65536);
        cb_hostlink_remove(&site, 1);
        CU_ASSERT_EQUAL(links(CB_LINK_PREFIX), 0);
    }
    write_sysctl("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
    cb_fabric_close(site.fabric);
}

static void hostlink_says_why_not(void)
{
    static struct cb_site site = {.run_id = "r", .fabric_reason = "no private network: because"};
    struct cb_err err = {0};
    char name[CB_LINK_NAME_MAX];
    if (!isolated())
        return;
    CU_ASSERT_EQUAL(cb_hostlink_make(&site, 1, name, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_STRING_EQUAL(err.msg, "no private network: because");
    cb_hostlink_remove(&site, 1);
    site.fabric = open_fabric();
    write_sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
    CU_ASSERT_EQUAL(cb_hostlink_make(&site, 1, name, &err), -1);
    write_sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "rp_filter, which is 1"));
    CU_ASSERT_EQUAL(links(CB_LINK_PREFIX), 0);
    cb_fabric_close(site.fabric);
}

const struct cb_suite cb_suite = {"net",
                                  {{"bridge and veth carry TCP", bridge_and_veth_carry_tcp},
                                   {"offloads are turned off", offloads_are_turned_off},
                                   {"errors carry the kernel's words", netlink_says_what_the_kernel_says},
                                   {"addresses with and without route", addresses_with_and_without_route},
                                   {"links may be deleted while listed", links_may_be_deleted_while_listed},
                                   {"fabric addresses", fabric_addresses},
                                   {"fabric: plug and close", fabric_plug_and_close},
                                   {"fabric: needs its peer", fabric_needs_its_peer},
                                   {"host link reaches the peer", hostlink_reaches_the_peer},
                                   {"host link says why not", hostlink_says_why_not},
                                   CU_TEST_INFO_NULL}};
