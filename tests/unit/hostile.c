/* What the tests put where the agent belongs: a program that tries what it should not be able to do, one
 * command a line on stdin, and answers each with one line: a text, or the name of the error that it met.
 * `hostile peer ADDRESS` is the other end of a network instead. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY 4096
#define PORT  5001

static void say(char *out, const char *text)
{
    snprintf(out, REPLY, "%s", text);
}

static void say_result(char *out, long result)
{
    say(out, result < 0 ? strerrorname_np(errno) : "ok");
}

/* --- what a container must refuse -------------------------------------------------------------------- */

static long try_mount(void)
{
    return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static long try_umount(void)
{
    return umount2("/proc", MNT_DETACH);
}

static long try_mknod(void)
{
    return mknod("/scratch/disk", S_IFBLK | 0600, makedev(8, 0));
}

static long try_unshare_user(void)
{
    return unshare(CLONE_NEWUSER);
}

static long try_unshare_mount(void)
{
    return unshare(CLONE_NEWNS);
}

static long try_clone_user(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0);
}

static long try_setns(void)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY);
    return fd < 0 ? fd : setns(fd, 0);
}

static long try_chroot(void)
{
    return chroot("/tmp");
}

static long try_sethostname(void)
{
    return sethostname("mine", 4);
}

static long try_reboot(void)
{
    return syscall(SYS_reboot, 0, 0, 0, NULL); /* wrong magic numbers: EINVAL even where it is allowed */
}

static long try_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_vsock(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0);
}

/* The kernel takes the low half of the register. */
static long try_vsock_high(void)
{
    return syscall(SYS_socket, AF_VSOCK | 1L << 32, SOCK_STREAM, 0);
}

static long try_raw_socket(void)
{
    return socket(AF_INET, SOCK_RAW, 1);
}

static long try_unknown_call(void)
{
    return syscall(4095);
}

/* Refused by nobody: the suite measures it. A zero-sized ring is invalid. */
static long try_io_uring(void)
{
    char params[120] = {0};
    return syscall(SYS_io_uring_setup, 0, params);
}

static const struct {
    const char *name;
    long (*run)(void);
} attempts[] = {
    {"mount", try_mount},           {"umount", try_umount},
    {"mknod", try_mknod},           {"unshare-user", try_unshare_user},
    {"chroot", try_chroot},         {"unshare-mount", try_unshare_mount},
    {"setns", try_setns},           {"clone-user", try_clone_user},
    {"clone3", try_clone3},         {"sethostname", try_sethostname},
    {"reboot", try_reboot},         {"bpf", try_bpf},
    {"vsock", try_vsock},           {"raw-socket", try_raw_socket},
    {"io_uring", try_io_uring},     {"unknown-call", try_unknown_call},
    {"vsock-high", try_vsock_high},
};

static void do_try(const char *arg, char *out)
{
    say(out, "no such attempt");
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(attempts[i].name, arg) == 0)
            say_result(out, attempts[i].run());
}

/* --- what it looks like from inside ------------------------------------------------------------------ */

/* The file's bytes on one line. */
static void do_read(const char *path, char *out)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, out, REPLY - 1);
    if (n < 0) {
        say_result(out, -1);
    } else {
        out[n] = '\0';
        for (char *p = out; p < out + n; p++)
            if (*p == '\n' || *p == '\0')
                *p = ' ';
    }
    if (fd >= 0)
        close(fd);
}

/* The value of a key in /proc/self/status. */
static void do_status(const char *key, char *out)
{
    char line[256];
    FILE *f = fopen("/proc/self/status", "re");
    say(out, f ? "no such key" : strerrorname_np(errno));
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            sscanf(line + strlen(key) + 1, " %255[^\n]", out);
    if (f)
        fclose(f);
}

static void do_list(const char *path, char *out)
{
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    if (n < 0) {
        say_result(out, n);
        return;
    }
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        size_t used = strlen(out);
        if (names[i]->d_name[0] != '.')
            snprintf(out + used, REPLY - used, "%s%s", used ? " " : "", names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

/* How many there are in /proc. */
static void do_processes(const char *arg, char *out)
{
    struct dirent *d;
    int n = 0;
    DIR *proc = opendir("/proc");
    (void)arg;
    while (proc && (d = readdir(proc)))
        n += d->d_name[0] >= '1' && d->d_name[0] <= '9';
    if (proc)
        closedir(proc);
    snprintf(out, REPLY, "%d", n);
}

static void do_write(const char *path, char *out)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    say_result(out, fd < 0 ? -1 : write(fd, "written inside", 14));
    if (fd >= 0)
        close(fd);
}

/* Could it be written? Nothing is: where a container fails to refuse, the host must not suffer. */
static void do_may_write(const char *path, char *out)
{
    int fd = open(path, O_WRONLY);
    say_result(out, fd);
    if (fd >= 0)
        close(fd);
}

static void do_hostname(const char *arg, char *out)
{
    (void)arg;
    if (gethostname(out, REPLY) < 0)
        say_result(out, -1);
}

/* A child touches so many MiB: how did it end? */
static void do_eat(const char *mib, char *out)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        size_t n = strtoul(mib, NULL, 10) << 20;
        volatile char *p = malloc(n);
        for (size_t i = 0; p && i < n; i += 4096)
            p[i] = 1;
        _exit(p ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    snprintf(out, REPLY, "%s %d", WIFEXITED(status) ? "exit" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void do_kill(const char *pid, char *out)
{
    say_result(out, kill((pid_t)atoi(pid), SIGKILL));
}

static struct sockaddr_in address_of(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

/* "ADDRESS [LINK]" */
static void do_connect(const char *arg, char *out)
{
    char ip[32] = "", link[32] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sscanf(arg, "%31s %31s", ip, link);
    struct sockaddr_in a = address_of(ip);
    if (link[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, link, (socklen_t)strlen(link)) < 0)
        say_result(out, -1);
    else
        say_result(out, connect(fd, (struct sockaddr *)&a, sizeof a));
    close(fd);
}

static void do_complain(const char *text, char *out)
{
    dprintf(STDERR_FILENO, "%s\n", text);
    say(out, "ok");
}

/* Deaf to the end of its input. */
static void do_hang(const char *arg, char *out)
{
    (void)arg;
    (void)out;
    for (;;)
        pause();
}

static void do_exit(const char *status, char *out)
{
    (void)out;
    _exit(atoi(status));
}

static const struct {
    const char *name;
    void (*run)(const char *arg, char *out);
} commands[] = {
    {"try", do_try},     {"read", do_read},           {"status", do_status},     {"list", do_list},
    {"write", do_write}, {"hostname", do_hostname},   {"eat", do_eat},           {"kill", do_kill},
    {"exit", do_exit},   {"connect", do_connect},     {"complain", do_complain}, {"processes", do_processes},
    {"hang", do_hang},   {"may-write", do_may_write},
};

static int serve(void)
{
    char line[1024], out[REPLY];
    dprintf(STDOUT_FILENO, "hello\n");
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *arg = line + strcspn(line, " ");
        if (*arg)
            *arg++ = '\0';
        say(out, "no such command");
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
            if (strcmp(commands[i].name, line) == 0)
                commands[i].run(arg, out);
        dprintf(STDOUT_FILENO, "%s\n", out);
    }
    return 0;
}

static int be_peer(const char *ip)
{
    struct sockaddr_in a = address_of(ip);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 8) < 0)
        return 1;
    dprintf(STDOUT_FILENO, "peer ready\n");
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client >= 0)
            close(client);
    }
}

int main(int argc, char **argv)
{
    return argc == 3 && strcmp(argv[1], "peer") == 0 ? be_peer(argv[2]) : serve();
}
