/* jail ARM PAYLOAD: starts the arm as a run does, with PAYLOAD in the agent's place, tells it what the host
 * has, and passes on what it says of its attempts. Status 1 when anything got through, 77 when the arm cannot
 * run here. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/sha256.h"
#include "runners/site.h"

#define MEMORY    (UINT64_C(256) << 20) /* of the container: a payload can use it up */
#define PIDS      2048                  /* with limits=on */
#define ANSWER_NS (60 * CB_NS_PER_S)    /* a walk through /proc/sys takes seconds on a busy machine */
#define SECRET    "host-secret"

struct jail {
    struct cb_site site;
    struct cb_arm arm;
    struct cb_env env;
    struct cb_link link;
    char dir[64], secret[128];
    int listener, abstract, ipc;
    unsigned port;
};

/* --- what there is to be reached --------------------------------------------------------------------- */

static int make_secret(struct jail *j, struct cb_err *err)
{
    snprintf(j->secret, sizeof j->secret, "%s/" SECRET, j->dir);
    CB_AUTOFD int dir = open(j->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return cb_replace_file(dir, SECRET, "x", 1, 0644, err);
}

static int listen_everywhere(struct jail *j)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    socklen_t len = sizeof a;
    j->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(j->listener, (struct sockaddr *)&a, len) || listen(j->listener, 8) ||
        getsockname(j->listener, (struct sockaddr *)&a, &len))
        return -1;
    j->port = ntohs(a.sin_port);
    int n = snprintf(u.sun_path + 1, sizeof u.sun_path - 1, "cbench-jail-%d", (int)getpid());
    j->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(j->abstract, (struct sockaddr *)&u, (socklen_t)(sizeof u.sun_family + 1 + (size_t)n)) ||
                   listen(j->abstract, 8)
               ? -1
               : 0;
}

static void print_addresses(struct cb_buf *out)
{
    struct ifaddrs *all = NULL;
    char text[INET_ADDRSTRLEN];
    cb_buf_puts(out, " addresses=127.0.0.1");
    if (getifaddrs(&all))
        return;
    for (struct ifaddrs *a = all; a; a = a->ifa_next)
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
            cb_buf_printf(out, ",%s",
                          inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr, text,
                                    sizeof text));
    freeifaddrs(all);
}

static void print_handle(const struct jail *j, struct cb_buf *out)
{
    CB_AUTOFREE struct file_handle *h = calloc(1, sizeof *h + MAX_HANDLE_SZ);
    int mount;
    if (!h)
        return;
    h->handle_bytes = 24; /* the payload takes no more */
    if (name_to_handle_at(AT_FDCWD, j->secret, h, &mount, 0))
        return;
    cb_buf_printf(out, " handle=%d:", h->handle_type);
    for (unsigned i = 0; i < h->handle_bytes; i++)
        cb_buf_printf(out, "%02x", h->f_handle[i]);
}

static int tell(const struct jail *j, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf line = {0};
    char cpus[64], name[65] = "";
    gethostname(name, sizeof name);
    cb_buf_printf(
        &line,
        "own_net=%d filter=%d pid=%d secret=%s port=%u abstract=cbench-jail-%d ipc=%d name=%s link=%s ",
        strcmp(cb_arm_value(&j->arm, "net"), "host") != 0,
        strcmp(cb_arm_value(&j->arm, "seccomp"), "off") != 0, (int)getpid(), j->secret, j->port,
        (int)getpid(), (int)getpid(), name, j->env.wire.device);
    cb_buf_printf(&line, "memory=%u pids=%u cpus=%s", (unsigned)(MEMORY >> 20),
                  strcmp(cb_arm_value(&j->arm, "limits"), "on") == 0 ? PIDS : 0,
                  cb_cpulist_format(j->site.topo.sut, j->site.topo.nsut, cpus, sizeof cpus));
    print_addresses(&line);
    print_handle(j, &line);
    cb_buf_puts(&line, "\n");
    return cb_write_all(j->link.to_agent, line.data, line.len, err);
}

/* --- the arm ----------------------------------------------------------------------------------------- */

static int open_site(struct jail *j, const char *arm, struct cb_err *err)
{
    struct cb_topology topo;
    char id[32];
    snprintf(id, sizeof id, "jail%d", (int)getpid());
    const struct cb_site_request req = {
        .run_id = id, .run_dir = j->dir, .connect = "", .memory = MEMORY, .network = true};
    return cb_arm_parse(arm, &j->arm, err) || cb_topology_load(&topo, 1, err) ||
                   cb_site_open(&req, &topo, &j->site, err)
               ? -1
               : 0;
}

static int start(struct jail *j, const char *payload, struct cb_err *err)
{
    const struct cb_runner *r = j->arm.runner;
    j->env = (struct cb_env){.arm = &j->arm, .site = &j->site};
    snprintf(j->env.name, sizeof j->env.name, "%s-0", j->site.run_id);
    if (r->probe(&j->arm, &j->site, err) ||
        cb_path(j->site.agent_path, sizeof j->site.agent_path, err, "%s", payload))
        return -1;
    return r->prepare(&j->env, err) || r->up(&j->env, err) || r->launch(&j->env, &j->link, err) ||
                   tell(j, err)
               ? -1
               : 0;
}

/* 1 when something got through. */
static int hear(struct jail *j, struct cb_err *err)
{
    struct cb_lines lines;
    char *line;
    int bad = 0, n;
    cb_lines_init(&lines, j->link.from_agent);
    while ((n = cb_lines_next(&lines, cb_deadline_in(ANSWER_NS), &line, err)) > 0) {
        if (strcmp(line, "done") == 0)
            return bad;
        printf("%s\n", line);
        bad |= strncmp(line, "broke ", 6) == 0;
    }
    return n < 0 ? -1 : cb_fail(err, CB_EPROTO, "the payload ended early");
}

/* The image is shared by all containers of a run. */
static int image_is_whole(const struct jail *j, const char *payload, struct cb_err *err)
{
    char path[512], image[CB_SHA256_HEX], ours[CB_SHA256_HEX];
    if (cb_path(path, sizeof path, err, "%s/rootfs/cbench-agent", j->site.work_dir) ||
        cb_sha256_file(path, image, err) || cb_sha256_file(payload, ours, err))
        return -1;
    bool same = strcmp(image, ours) == 0;
    printf("%s the image\n", same ? "held" : "broke");
    return !same;
}

static int run(struct jail *j, const char *arm, const char *payload, struct cb_err *err)
{
    if (make_secret(j, err) || open_site(j, arm, err))
        return -1;
    if (listen_everywhere(j))
        return cb_fail(err, CB_ESYS, "cannot listen");
    if (start(j, payload, err))
        return -1;
    int bad = hear(j, err);
    int image = bad < 0 ? 0 : image_is_whole(j, payload, err);
    return bad < 0 || image < 0 ? -1 : bad | image;
}

static void clear(struct jail *j)
{
    struct cb_err ignored;
    cb_link_close(&j->link);
    if (j->env.arm)
        j->arm.runner->down(&j->env);
    cb_site_close(&j->site);
    if (j->ipc >= 0)
        shmctl(j->ipc, IPC_RMID, NULL);
    cb_cleanup_fd(&j->listener);
    cb_cleanup_fd(&j->abstract);
    cb_remove_tree(j->dir, &ignored);
}

int main(int argc, char **argv)
{
    struct jail j = {.link = {-1, -1}, .dir = "/var/tmp/cbench-jail-XXXXXX", .listener = -1, .abstract = -1};
    struct cb_err err;
    if (argc != 3 || !mkdtemp(j.dir))
        return 2;
    j.ipc = shmget((key_t)getpid(), 4096, IPC_CREAT | IPC_EXCL | 0666);
    int bad = run(&j, argv[1], argv[2], &err);
    clear(&j);
    if (bad < 0)
        printf("jail: %s\n", err.msg);
    return bad < 0 ? err.code == CB_EMISSING ? 77 : 2 : bad;
}
