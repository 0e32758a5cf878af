/* The network kernels against a real peer: the bytes, round trips and packets they count are those that went,
 * wrong answers and lost peers are errors, and the peer survives whoever talks to it. */
#include "tests/unit/kernels.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/proc.h"
#include "bench/kernels/crew.h"
#include "bench/kernels/sock.h"

static pid_t peer;
static char peer_address[16];

/* Another address of 127/8 for each process: the ports are fixed, and tests run side by side. */
static void start_peer(void)
{
    char ready[16] = "";
    int out[2];
    snprintf(peer_address, sizeof peer_address, "127.80.%d.%d", getpid() >> 7 & 127, 1 + (getpid() & 127));
    CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
    fflush(stdout);
    peer = fork();
    if (peer == 0) {
        dup2(out[1], STDOUT_FILENO);
        _exit(cb_peer_main(peer_address));
    }
    close(out[1]);
    CU_ASSERT_EQUAL(read(out[0], ready, sizeof ready - 1), 11);
    CU_ASSERT_STRING_EQUAL(ready, "peer ready\n");
    close(out[0]);
}

static void stop_peer(void)
{
    CU_ASSERT_EQUAL(kill(peer, 0), 0); /* it lived through the test */
    CU_ASSERT_EQUAL(waitpid(peer, NULL, WNOHANG), 0);
    cb_kill_wait(peer);
}

static struct cb_run with_peer(struct cb_run run)
{
    run.peer = peer_address;
    return run;
}

static int dial(uint16_t port)
{
    struct cb_run run = with_peer(make_run("net.crr", ""));
    int fd = cb_sock_try(&run, port, &err);
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static int dial_udp(uint16_t port)
{
    const struct timeval patience = {.tv_sec = 2};
    struct cb_run run = with_peer(make_run("net.crr", ""));
    int fd = cb_sock_udp(&run, port, &err);
    CU_ASSERT_FATAL(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

/* --- crew -------------------------------------------------------------------------------------------- */

enum { CREW = 5 };
static unsigned turns[CREW];

static int take_turn(void *arg, unsigned index, struct cb_err *e)
{
    const unsigned *fails_from = arg;
    turns[index]++;
    return index >= *fails_from ? cb_fail(e, CB_EUNFIT, "member %u", index) : 0;
}

static void crew_shares_work(void)
{
    struct cb_crew *crew = NULL;
    unsigned fails_from = CREW;
    memset(turns, 0, sizeof turns);
    CU_ASSERT_EQUAL_FATAL(cb_crew_start(CREW, take_turn, &fails_from, &crew, &err), 0);
    CU_ASSERT_EQUAL(cb_crew_run(crew, &err), 0);
    CU_ASSERT_EQUAL(cb_crew_run(crew, &err), 0);
    for (unsigned i = 0; i < CREW; i++)
        CU_ASSERT_EQUAL(turns[i], 2);
    fails_from = 3;
    CU_ASSERT_EQUAL(cb_crew_run(crew, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "member 3");
    CU_ASSERT_EQUAL(turns[4], 3); /* nobody is left behind */
    fails_from = 0;
    CU_ASSERT_EQUAL(cb_crew_run(crew, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "member 0");
    cb_crew_stop(crew);
    cb_crew_stop(NULL);
}

/* --- streams ----------------------------------------------------------------------------------------- */

static void streams_count_bytes(void)
{
    static const char *const rows[] = {"dir=up", "dir=down", "dir=up,flows=4", "dir=down,flows=4"};
    start_peer();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* 30 chunks are no multiple of four flows */
        struct cb_run run = run_case(with_peer(make_run("net.stream", rows[i])), 30, 3);
        CU_ASSERT(run.work == 90 * 131072 && run.peer_ns > 0);
        run = run_case(with_peer(make_run("net.stream", rows[i])), 1, 1); /* less than one for each */
        CU_ASSERT_EQUAL(run.work, 131072);
    }
    stop_peer();
}

static void sink_answers_each_batch(void)
{
    char bytes[300] = "";
    uint64_t cpu_ns;
    start_peer();
    CB_AUTOFD int fd = dial(CB_PEER_SINK);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(cb_sock_send_count(fd, 200, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_send(fd, bytes, 199, &err), 0);
        cb_sleep_ns(20 * CB_NS_PER_MS);
        CU_ASSERT_EQUAL(recv(fd, bytes, 1, MSG_DONTWAIT), -1); /* one is missing: no answer yet */
        CU_ASSERT_EQUAL(cb_sock_send(fd, bytes, 1, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_recv_count(fd, &cpu_ns, &err), 0);
        CU_ASSERT(cpu_ns > 0 && cpu_ns < 20 * CB_NS_PER_MS); /* it waited, which is no CPU time */
    }
    stop_peer();
}

static void source_sends_no_more_than_asked(void)
{
    char bytes[300];
    uint64_t cpu_ns;
    start_peer();
    CB_AUTOFD int fd = dial(CB_PEER_SOURCE);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(cb_sock_send_count(fd, 300, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_recv(fd, bytes, 300, &err), 0);
        CU_ASSERT_EQUAL(cb_sock_recv_count(fd, &cpu_ns, &err), 0);
        CU_ASSERT(cpu_ns > 0 && cpu_ns < CB_NS_PER_S);
    }
    cb_sleep_ns(20 * CB_NS_PER_MS);
    CU_ASSERT_EQUAL(recv(fd, bytes, 1, MSG_DONTWAIT), -1);
    stop_peer();
}

/* --- round trips ------------------------------------------------------------------------------------- */

static void round_trips_are_counted(void)
{
    static const char *const rows[] = {
        "",
        "proto=udp",
        "request=100,response=200",
        "proto=udp,request=100,response=200",
        "request=1400,response=1",
        "proto=udp,request=1400,response=1400",
        "conns=16",
        "proto=udp,conns=16",
    };
    start_peer();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = run_case(with_peer(make_run("net.rr", rows[i])), 300, 2);
        CU_ASSERT_EQUAL(run.work, 600);
        CU_ASSERT_EQUAL(hist.total, 600);
        run = run_case(with_peer(make_run("net.rr", rows[i])), 3, 1); /* fewer than connections */
        CU_ASSERT_EQUAL(hist.total, 3);
    }
    struct cb_run run = run_case(with_peer(make_run("net.crr", "")), 50, 2);
    CU_ASSERT_EQUAL(run.work, 100);
    stop_peer();
}

static void requests_get_their_size_of_answer(void)
{
    char bytes[2000] = "x\0\0";
    start_peer();
    CB_AUTOFD int udp = dial_udp(CB_PEER_RR);
    static const struct {
        size_t ask;
        unsigned char low, high;
        ssize_t answer;
    } rows[] = {{1, 0, 0, 1},   {2, 9, 0, 1},     {3, 0, 0, 1},
                {3, 9, 0, 9},   {100, 0, 1, 256}, {3, 0xff, 0xff, CB_PEER_MESSAGE},
                {1400, 1, 0, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bytes[0] = (char)i;
        bytes[1] = (char)rows[i].low;
        bytes[2] = (char)rows[i].high;
        CU_ASSERT_EQUAL(send(udp, bytes, rows[i].ask, 0), (ssize_t)rows[i].ask);
        CU_ASSERT_EQUAL(recv(udp, bytes, sizeof bytes, 0), rows[i].answer);
        CU_ASSERT_EQUAL(bytes[0], (char)i);
    }
    CB_AUTOFD int tcp = dial(CB_PEER_RR);
    cb_sock_send_count(tcp, 10, &err);
    cb_sock_send_count(tcp, 3, &err);
    CU_ASSERT_EQUAL(cb_sock_send(tcp, "a.........b....", 15, &err), 0); /* one and a half */
    CU_ASSERT_EQUAL(cb_sock_recv(tcp, bytes, 3, &err), 0);
    CU_ASSERT_EQUAL(bytes[0], 'a');
    cb_sleep_ns(20 * CB_NS_PER_MS);
    CU_ASSERT_EQUAL(recv(tcp, bytes, 1, MSG_DONTWAIT), -1);
    CU_ASSERT_EQUAL(cb_sock_send(tcp, ".....", 5, &err), 0);
    CU_ASSERT_EQUAL(cb_sock_recv(tcp, bytes, 3, &err), 0);
    CU_ASSERT_EQUAL(bytes[0], 'b');
    stop_peer();
}

/* A peer of the test's own, on the UDP port: what `play` does with a datagram. */
static pid_t fake_peer(void (*play)(int fd, const char *bytes, ssize_t n, struct sockaddr_in *from))
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(CB_PEER_RR)};
    snprintf(peer_address, sizeof peer_address, "127.80.%d.%d", getpid() >> 7 & 127, 1 + (getpid() & 127));
    inet_pton(AF_INET, peer_address, &at.sin_addr);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    CU_ASSERT_EQUAL_FATAL(
        bind(udp, (void *)&at, sizeof at) | bind(tcp, (void *)&at, sizeof at) | listen(tcp, 8), 0);
    pid_t pid = fork();
    while (pid == 0) {
        char bytes[2000];
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(udp, bytes, sizeof bytes, 0, (void *)&from, &len);
        play(udp, bytes, n, &from);
    }
    close(udp);
    close(tcp);
    return pid;
}

/* Loses each first of two, and answers each second twice. */
static void lose_and_repeat(int fd, const char *bytes, ssize_t n, struct sockaddr_in *from)
{
    static unsigned seen;
    if (seen++ % 2 == 0)
        return;
    for (unsigned i = 0; i < 2; i++)
        sendto(fd, bytes, (size_t)n, 0, (void *)from, sizeof *from);
}

static void lost_datagrams_count_from_the_first(void)
{
    pid_t pid = fake_peer(lose_and_repeat);
    run_case(with_peer(make_run("net.rr", "proto=udp")), 2, 1);
    CU_ASSERT_EQUAL(hist.total, 2);
    CU_ASSERT(hist.min >= CB_NS_PER_S); /* TCP's first timeout */
    cb_kill_wait(pid);
    pid = fake_peer(lose_and_repeat);
    run_case(with_peer(make_run("net.rr", "proto=udp,conns=2")), 3, 1);
    CU_ASSERT_EQUAL(hist.total, 3); /* what was answered twice counts once */
    cb_kill_wait(pid);
}

/* --- load -------------------------------------------------------------------------------------------- */

static void load_keeps_its_rate(void)
{
    start_peer();
    struct cb_run run = with_peer(make_run("net.load", "rate=1000"));
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    uint64_t begin = cb_now_ns();
    CU_ASSERT_EQUAL(batch(&run, 51), 0);
    CU_ASSERT(cb_now_ns() - begin >= 50 * CB_NS_PER_MS); /* no request goes out before its time */
    CU_ASSERT_EQUAL(batch(&run, 1), 0);
    CU_ASSERT_EQUAL(run.work, 52);
    CU_ASSERT_EQUAL(hist.total, 52);
    end(&run);
    stop_peer();
}

/* The peer is stopped for a while: all requests that fell due in it were held up, not one of them alone. */
static void load_counts_all_that_a_stall_held_up(void)
{
    start_peer();
    struct cb_run run = with_peer(make_run("net.load", "rate=1000"));
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    kill(peer, SIGSTOP);
    pid_t waker = fork();
    if (waker == 0) {
        cb_sleep_ns(200 * CB_NS_PER_MS);
        kill(peer, SIGCONT);
        _exit(0);
    }
    CU_ASSERT_EQUAL(batch(&run, 100), 0);
    waitpid(waker, NULL, 0);
    /* The stop begins before the batch by less than 50 ms: the first 50 waited for 50 ms and more. */
    CU_ASSERT(cb_hist_quantile(&hist, 0.5) > 50.0 * (double)CB_NS_PER_MS);
    CU_ASSERT_EQUAL(hist.total, 100);
    end(&run);
    stop_peer();
}

static void load_beyond_all_rates_ends(void)
{
    start_peer();
    struct cb_run run = run_case(with_peer(make_run("net.load", "rate=1000000")), 20000, 1);
    CU_ASSERT_EQUAL(run.work, 20000);
    CU_ASSERT_EQUAL(hist.total, 20000);
    stop_peer();
}

/* On a machine that is busy with other things the stream may not get its share: the case says so. */
static void loaded_runs_beside_a_stream(void)
{
    static const char *const rows[] = {"load=50", "load=90"};
    start_peer();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = with_peer(make_run("net.loaded", rows[i]));
        CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
        int rc = batch(&run, 100);
        CU_ASSERT(rc == 0 || err.code == CB_EUNFIT);
        CU_ASSERT(rc < 0 || (run.work == 100 && run.sink > 0 && hist.total == 100));
        end(&run);
    }
    stop_peer();
}

/* --- datagrams --------------------------------------------------------------------------------------- */

static void counter_counts_its_round(void)
{
    uint64_t port, came, round[8] = {0};
    start_peer();
    CB_AUTOFD int control = dial(CB_PEER_COUNT), other = dial(CB_PEER_COUNT);
    CU_ASSERT_EQUAL(cb_sock_recv_count(control, &port, &err), 0);
    CB_AUTOFD int udp = dial_udp((uint16_t)port);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(send(udp, round, sizeof round, 0), sizeof round);
    send(udp, round, 7, 0); /* no number in it */
    cb_sock_send_count(control, 4, &err);
    CU_ASSERT_EQUAL(cb_sock_recv_count(control, &came, &err), 0);
    CU_ASSERT_EQUAL(came, 3);
    send(udp, round, sizeof round, 0); /* late: of the round before */
    round[0] = htole64(1);
    send(udp, round, sizeof round, 0);
    cb_sock_send_count(control, 2, &err);
    CU_ASSERT_EQUAL(cb_sock_recv_count(control, &came, &err), 0);
    CU_ASSERT_EQUAL(came, 1);
    CU_ASSERT_EQUAL(cb_sock_recv_count(other, &port, &err), 0); /* nobody sent there */
    cb_sock_send_count(other, 1, &err);
    CU_ASSERT_EQUAL(cb_sock_recv_count(other, &came, &err), 0);
    CU_ASSERT_EQUAL(came, 0);
    stop_peer();
}

static void packets_are_what_came(void)
{
    start_peer();
    struct cb_run run = run_case(with_peer(make_run("net.pps", "")), 100, 3);
    CU_ASSERT(run.work > 0 && run.work <= 300 * 32);
    run = run_case(with_peer(make_run("net.pps", "size=1400")), 3, 1);
    CU_ASSERT(run.work > 0 && run.work <= 3 * 32);
    stop_peer();
}

/* A receiver that says that every second datagram is lost, whatever the rate. */
static pid_t lossy_counter(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(CB_PEER_COUNT)};
    snprintf(peer_address, sizeof peer_address, "127.80.%d.%d", getpid() >> 7 & 127, 1 + (getpid() & 127));
    inet_pton(AF_INET, peer_address, &at.sin_addr);
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    CU_ASSERT_EQUAL_FATAL(bind(tcp, (void *)&at, sizeof at) | listen(tcp, 8), 0);
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t sent;
        int udp = socket(AF_INET, SOCK_DGRAM, 0), fd = accept(tcp, NULL, NULL);
        bind(udp, (void *)&at, sizeof at); /* never read */
        cb_sock_send_count(fd, CB_PEER_COUNT, &err);
        while (cb_sock_recv_count(fd, &sent, &err) == 0)
            cb_sock_send_count(fd, sent / 2, &err);
        _exit(0);
    }
    close(tcp);
    return pid;
}

static void loss_at_any_rate_is_an_error(void)
{
    pid_t pid = lossy_counter();
    struct cb_run run = with_peer(make_run("net.pps", ""));
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUNFIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "at any rate"));
    end(&run);
    cb_kill_wait(pid);
}

/* --- the peer ---------------------------------------------------------------------------------------- */

static void peer_survives_rude_clients(void)
{
    static const uint16_t ports[] = {CB_PEER_RR, CB_PEER_SINK, CB_PEER_SOURCE, CB_PEER_CLOSE, CB_PEER_COUNT};
    const struct linger reset = {.l_onoff = 1};
    start_peer();
    for (size_t i = 0; i < 2 * sizeof ports / sizeof *ports; i++) {
        int fd = dial(ports[i / 2]);
        CU_ASSERT_EQUAL(cb_sock_send(fd, "\xff\xff\xff", 3, &err), 0);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    int fd = dial(CB_PEER_SOURCE); /* wants all there is, then goes */
    CU_ASSERT_EQUAL(cb_sock_send_count(fd, UINT64_MAX, &err), 0);
    close(fd);
    fd = dial(CB_PEER_RR); /* wants answers that do not fit */
    CU_ASSERT_EQUAL(cb_sock_send_count(fd, 1, &err), 0);
    CU_ASSERT_EQUAL(cb_sock_send_count(fd, CB_PEER_MESSAGE + 1, &err), 0);
    CU_ASSERT_EQUAL(recv(fd, &(char){0}, 1, 0), 0);
    close(fd);
    int silent = dial(CB_PEER_CLOSE); /* holds the port, but not for long */
    run_case(with_peer(make_run("net.crr", "")), 3, 1);
    run_case(with_peer(make_run("net.stream", "dir=up")), 3, 1);
    close(silent);
    stop_peer();
}

static void bad_peers_are_errors(void)
{
    struct cb_run run = make_run("net.rr", "");
    run.peer = "localhost";
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
    run.peer = "127.80.255.254"; /* nobody there */
    CU_ASSERT_EQUAL(cb_sock_connect(&run, CB_PEER_RR, 50 * CB_NS_PER_MS, &err), -1);
    CU_ASSERT_EQUAL(err.sys, ECONNREFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "connect to peer 127.80.255.254 port 5001"));
    run.device = "cb-no-such";
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "bind a socket to device cb-no-such"));
    end(&run);
    run = make_run("net.rr", "proto=udp,request=2,response=2");
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
}

static void peer_going_away_is_an_error(void)
{
    static const char *const rows[][2] = {
        {"net.rr", ""},
        {"net.rr", "proto=udp"},
        {"net.rr", "conns=3"},
        {"net.rr", "proto=udp,conns=3"},
        {"net.stream", "dir=up"},
        {"net.stream", "dir=down"},
        {"net.stream", "dir=up,flows=3"},
        {"net.stream", "dir=down,flows=3"},
        {"net.load", "rate=100000"},
        {"net.loaded", "load=20"},
        {"net.pps", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start_peer();
        struct cb_run run = with_peer(make_run(rows[i][0], rows[i][1]));
        CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
        CU_ASSERT_EQUAL(batch(&run, 1), 0);
        stop_peer();
        CU_ASSERT_EQUAL(batch(&run, 100), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "peer"));
        end(&run);
    }
}

const struct cb_suite cb_suite = {
    "kernels_net",
    {
        {"a crew shares work", crew_shares_work},
        {"streams count bytes", streams_count_bytes},
        {"sink answers each batch", sink_answers_each_batch},
        {"source sends no more than asked", source_sends_no_more_than_asked},
        {"round trips are counted", round_trips_are_counted},
        {"requests get their size of answer", requests_get_their_size_of_answer},
        {"lost datagrams count from the first", lost_datagrams_count_from_the_first},
        {"load keeps its rate", load_keeps_its_rate},
        {"load counts all that a stall held up", load_counts_all_that_a_stall_held_up},
        {"load beyond all rates ends", load_beyond_all_rates_ends},
        {"round trips beside a stream", loaded_runs_beside_a_stream},
        {"counter counts its round", counter_counts_its_round},
        {"packets are what came", packets_are_what_came},
        {"loss at any rate is an error", loss_at_any_rate_is_an_error},
        {"peer survives rude clients", peer_survives_rude_clients},
        {"bad peers are errors", bad_peers_are_errors},
        {"a peer going away is an error", peer_going_away_is_an_error},
        CU_TEST_INFO_NULL,
    }};
