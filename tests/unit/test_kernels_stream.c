/* net.stream against a peer of the test's own, which says what the test expects. */
#include "tests/unit/kernels.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/proc.h"
#include "bench/kernels/sock.h"

enum { FLOWS = 3, TOLD_NS = 1000 };

static char address[16];

/* Another address of 127/8 for each process: the port is fixed, and tests run side by side. */
static int listen_as_sink(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(CB_PEER_SINK)};
    snprintf(address, sizeof address, "127.81.%d.%d", getpid() >> 7 & 127, 1 + (getpid() & 127));
    inet_pton(AF_INET, address, &at.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (void *)&at, sizeof at) | listen(fd, FLOWS), 0);
    return fd;
}

static int take_share(int fd, uint64_t told_ns)
{
    static char bytes[131072]; /* a share is a multiple of it */
    uint64_t n;
    if (cb_sock_recv_count(fd, &n, &err) < 0)
        return -1;
    for (; n; n -= sizeof bytes)
        if (cb_sock_recv(fd, bytes, sizeof bytes, &err) < 0)
            return -1;
    return cb_sock_send_count(fd, told_ns, &err);
}

/* Claims another CPU time for each of its connections. All have a share of every batch: they are served in
 * turn. */
static pid_t start_sink(void)
{
    int fd[FLOWS], listening = listen_as_sink();
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < FLOWS; i++)
            fd[i] = accept(listening, NULL, NULL);
        for (unsigned i = 0; take_share(fd[i], TOLD_NS << i) == 0; i = (i + 1) % FLOWS)
            ;
        _exit(0);
    }
    close(listening);
    return pid;
}

/* Of every flow, and of batches alone: what warmed the connections up is no part of it. */
static void peer_time_of_all_flows_adds_up(void)
{
    pid_t pid = start_sink();
    struct cb_run run = make_run("net.stream", "dir=up,flows=3");
    run.peer = address;
    run = run_case(run, 10, 2);
    CU_ASSERT_EQUAL(run.work, 20 * 131072);
    CU_ASSERT_EQUAL(run.peer_ns, 2 * TOLD_NS * (1 + 2 + 4));
    cb_kill_wait(pid);
}

const struct cb_suite cb_suite = {"kernels_stream",
                                  {
                                      {"peer time of all flows adds up", peer_time_of_all_flows_adds_up},
                                      CU_TEST_INFO_NULL,
                                  }};
