/* PID 1 of a virtual machine. What it cannot find out by looking, the kernel's command line tells it, which
 * becomes its environment: CBENCH_DISK, the name of the scratch disk; CBENCH_SHARE, the type of a shared
 * directory in its place, or none; CBENCH_GATEWAY, the address that the peer is behind. The agent itself runs
 * in a child: PID 1 must collect orphans, which would steal the agent's own children from it, and must
 * outlive a crash of the agent to power the machine off. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"

#define PORT_NAME   "org.cbench.agent"
#define DISK_SERIAL "cbench-scratch"
#define SCRATCH     "/scratch"
/* Devices appear some time after their driver was loaded. They are looked for every 0.5 ms, since the wait is
 * part of the start that is measured; 10 s is far beyond what an emulated device takes. */
#define DEVICE_WAIT_NS (10 * CB_NS_PER_S)
#define DEVICE_POLL_NS (500 * CB_NS_PER_US)

/* ---- start ------------------------------------------------------------------------------------------- */

static int mount_all(struct cb_err *err)
{
    static const struct {
        const char *type, *at;
    } mounts[] = {{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}};
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
        if (mount(mounts[i].type, mounts[i].at, mounts[i].type, MS_NOSUID, NULL) < 0)
            return cb_fail_sys(err, errno, "mount %s", mounts[i].at);
    return 0;
}

static int load_module(const char *path, struct cb_err *err)
{
    CB_AUTOFD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
        return cb_fail_sys(err, errno, "load %s", path);
    return 0;
}

static int load_modules(const char *names, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf list = {0};
    if (cb_read_file(AT_FDCWD, names, 65536, &list, err) < 0)
        return -1;
    char *rest = list.data;
    for (char *path; rest && (path = strsep(&rest, "\n"));)
        if (*path && load_module(path, err) < 0)
            return -1;
    return 0;
}

/* Polls until `is` says so; -1 after DEVICE_WAIT_NS. */
static int wait_until(bool (*is)(void *arg), void *arg)
{
    uint64_t deadline = cb_deadline_in(DEVICE_WAIT_NS);
    while (!is(arg)) {
        if (!cb_deadline_remaining_ns(deadline))
            return -1;
        cb_sleep_ns(DEVICE_POLL_NS);
    }
    return 0;
}

/* A device that is known by what one of its attributes says. */
struct query {
    const char *dir, *attribute, *value;
    char name[64]; /* the answer */
};

static bool matches(struct query *q, const char *name)
{
    char path[256], line[64];
    struct cb_err ignored;
    return name[0] != '.' && cb_path(q->name, sizeof q->name, &ignored, "%s", name) == 0 &&
           cb_path(path, sizeof path, &ignored, "%s/%s/%s", q->dir, name, q->attribute) == 0 &&
           cb_read_line(path, line, sizeof line) == 0 && strcmp(line, q->value) == 0;
}

static bool find_device(void *query)
{
    struct query *q = query;
    bool found = false;
    DIR *d = opendir(q->dir);
    if (!d)
        return false;
    for (struct dirent *e; !found && (e = readdir(d));)
        found = matches(q, e->d_name);
    closedir(d);
    return found;
}

/* Path of the device's node once it is there. */
static int wait_device(struct query *q, char path[80], struct cb_err *err)
{
    if (wait_until(find_device, q) < 0)
        return cb_fail(err, CB_ETIMEOUT, "no device in %s has %s %s", q->dir, q->attribute, q->value);
    return cb_path(path, 80, err, "/dev/%s", q->name);
}

static int open_port(struct cb_err *err)
{
    char path[80];
    struct query port = {.dir = "/sys/class/virtio-ports", .attribute = "name", .value = PORT_NAME};
    if (wait_device(&port, path, err) < 0)
        return -1;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", path) : fd;
}

static bool node_exists(void *path)
{
    return access(path, F_OK) == 0;
}

/* Only virtio disks tell their serial number below /sys/block; of others the kernel's command line gives the
 * name. */
static int wait_disk(char path[80], struct cb_err *err)
{
    struct query disk = {.dir = "/sys/block", .attribute = "serial", .value = DISK_SERIAL};
    const char *name = getenv("CBENCH_DISK");
    if (!name)
        return wait_device(&disk, path, err);
    if (cb_path(path, 80, err, "/dev/%s", name) < 0)
        return -1;
    return wait_until(node_exists, path) < 0 ? cb_fail(err, CB_ETIMEOUT, "no disk %s", path) : 0;
}

static int mount_share(const char *type, struct cb_err *err)
{
    bool plan9 = strcmp(type, "9p") == 0;
    if (mount(DISK_SERIAL, SCRATCH, type, 0, plan9 ? "trans=virtio,version=9p2000.L,msize=524288" : NULL) < 0)
        return cb_fail_sys(err, errno, "mount the share by %s", type);
    return 0;
}

/* A disk with default options, as the host's filesystem under its own scratch directory usually is. */
static int mount_scratch(struct cb_err *err)
{
    char path[80];
    const char *share = getenv("CBENCH_SHARE");
    if (share)
        return strcmp(share, "none") == 0 ? 0 : mount_share(share, err);
    if (wait_disk(path, err) < 0)
        return -1;
    if (mount(path, SCRATCH, "ext4", 0, NULL) < 0)
        return cb_fail_sys(err, errno, "mount %s at %s", path, SCRATCH);
    return 0;
}

/* ---- network ----------------------------------------------------------------------------------------- */

static int parse_address(const char *text, struct in_addr *address, struct in_addr *mask)
{
    char number[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof number)
        return -1;
    memcpy(number, text, (size_t)(slash - text));
    number[slash - text] = '\0';
    char *end;
    unsigned long prefix = strtoul(slash + 1, &end, 10);
    if (*end || end == slash + 1 || prefix < 1 || prefix > 32)
        return -1;
    mask->s_addr = htonl(UINT32_MAX << (32 - prefix));
    return inet_pton(AF_INET, number, address) == 1 ? 0 : -1;
}

static void put_address(struct ifreq *r, struct in_addr a)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = a};
    memcpy(&r->ifr_addr, &in, sizeof in);
}

static int link_up(int fd, const char *device, struct in_addr address, struct in_addr mask,
                   struct cb_err *err)
{
    struct ifreq r = {0};
    memcpy(r.ifr_name, device, strlen(device) + 1);
    put_address(&r, address);
    if (ioctl(fd, SIOCSIFADDR, &r) < 0)
        return cb_fail_sys(err, errno, "set the address of %s", device);
    put_address(&r, mask);
    if (ioctl(fd, SIOCSIFNETMASK, &r) < 0)
        return cb_fail_sys(err, errno, "set the netmask of %s", device);
    if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        return cb_fail_sys(err, errno, "read the flags of %s", device);
    r.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
        return cb_fail_sys(err, errno, "bring %s up", device);
    return 0;
}

/* The peer is not on a user-mode link itself. */
static int add_gateway(int fd, const char *gateway, struct cb_err *err)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in to = {.sin_family = AF_INET}, by = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, gateway, &by.sin_addr) != 1)
        return cb_fail(err, CB_EPROTO, "bad gateway '%s'", gateway);
    memcpy(&route.rt_dst, &to, sizeof to);
    memcpy(&route.rt_genmask, &to, sizeof to);
    memcpy(&route.rt_gateway, &by, sizeof by);
    return ioctl(fd, SIOCADDRT, &route) < 0 ? cb_fail_sys(err, errno, "add a route by %s", gateway) : 0;
}

static bool link_exists(void *device)
{
    return if_nametoindex(device) != 0;
}

static bool link_has_carrier(void *device)
{
    char path[64], line[8];
    struct cb_err ignored;
    return cb_path(path, sizeof path, &ignored, "/sys/class/net/%s/carrier", (char *)device) == 0 &&
           cb_read_line(path, line, sizeof line) == 0 && strcmp(line, "1") == 0;
}

/* Waits for the carrier too: a SYN that goes out before is lost, and the next one is sent a second later. */
static int configure_link(const char *device, const char *address, struct cb_err *err)
{
    char name[IFNAMSIZ];
    struct in_addr ip, mask;
    if (cb_path(name, sizeof name, err, "%s", device) < 0)
        return -1;
    if (parse_address(address, &ip, &mask) < 0)
        return cb_fail(err, CB_EPROTO, "bad address '%s'", address);
    if (wait_until(link_exists, name) < 0)
        return cb_fail(err, CB_ETIMEOUT, "no link %s", name);
    CB_AUTOFD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cb_fail_sys(err, errno, "socket");
    if (link_up(fd, name, ip, mask, err) < 0)
        return -1;
    if (wait_until(link_has_carrier, name) < 0)
        return cb_fail(err, CB_ETIMEOUT, "link %s has no carrier", name);
    const char *gateway = getenv("CBENCH_GATEWAY");
    return gateway ? add_gateway(fd, gateway, err) : 0;
}

/* ---- clock ------------------------------------------------------------------------------------------- */

/* Without a hypervisor that tells the TSC's frequency, the kernel starts with one that may be off by 0.1 %,
 * and refines it over the first second. Cases must not see the step. */
static bool clock_is_settled(void *unused)
{
    char line[32];
    (void)unused;
    return cb_read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", line,
                        sizeof line) < 0 ||
           strcmp(line, "tsc-early") != 0;
}

/* cb_agent_serve's hook: comes after hello, so that the start does not contain what it takes. A clock that
 * does not settle is no error: the facts name it. */
static int configure(const char *device, const char *address, struct cb_err *err)
{
    if (load_modules("/modules/later", err) < 0)
        return -1;
    wait_until(clock_is_settled, NULL);
    return *address ? configure_link(device, address, err) : 0;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static int start(int *port, struct cb_err *err)
{
    if (mount_all(err) < 0 || load_modules("/modules/list", err) < 0 || mount_scratch(err) < 0)
        return -1;
    *port = open_port(err);
    return *port < 0 ? -1 : 0;
}

/* Runs the agent to its end, collecting every orphan meanwhile. */
static int serve(int port, struct cb_err *err)
{
    int status = 0;
    pid_t agent = fork();
    if (agent < 0)
        return cb_fail_sys(err, errno, "fork");
    if (agent == 0)
        _exit(cb_agent_serve(port, port, configure));
    for (pid_t ended; (ended = wait(&status)) != agent;)
        if (ended < 0 && errno != EINTR)
            return cb_fail_sys(err, errno, "wait");
    if (WIFSIGNALED(status))
        return cb_fail(err, CB_ESYS, "the agent died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return cb_fail(err, CB_ESYS, "the agent ended with status %d", WEXITSTATUS(status));
    return 0;
}

/* What still runs must go first, or the filesystem cannot be unmounted. */
static _Noreturn void power_off(void)
{
    kill(-1, SIGKILL);
    while (wait(NULL) > 0)
        ;
    umount(SCRATCH);
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

void cb_init_main(void)
{
    struct cb_err err;
    int port;
    if (start(&port, &err) < 0 || serve(port, &err) < 0) {
        dprintf(STDERR_FILENO, "cbench-agent: %s\n", err.msg); /* the console: the host keeps its tail */
        tcdrain(STDERR_FILENO);
    }
    power_off();
}
