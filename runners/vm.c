/* Virtual machines through libvirt: the distribution's or the host's kernel, an initramfs that holds the
 * agent and nothing else, one virtio disk, one virtio link, one virtio port that is the agent's stream. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/armgroup.h"
#include "runners/backing.h"
#include "runners/domxml.h"
#include "runners/guestkernel.h"
#include "runners/initramfs.h"
#include "runners/kvmprobe.h"
#include "runners/runner.h"
#include "runners/vmdisk.h"
#include "runners/vmhost.h"
#include "runners/vmserve.h"

/* accel=auto must have fallen back within two seconds. */
#define KVM_PROBE_NS (2 * CB_NS_PER_S)
/* libvirt's create takes 0.3 s, destroy 0.2 s. The boot has 30 s in all. */
#define CREATE_NS  (20 * CB_NS_PER_S)
#define DESTROY_NS (15 * CB_NS_PER_S)
/* qemu listens before create returns, so that one try does; it may be short of CPU. */
#define CONNECT_NS       (5 * CB_NS_PER_S)
#define CONNECT_RETRY_NS (10 * CB_NS_PER_MS)
/* Firmware that knows how to enter an ELF kernel and nothing else: half a second faster than SeaBIOS. */
#define QBOOT "/usr/share/qemu/qboot.rom"

/* console and panic: a guest that fails says so and stops. The others shorten the boot and change nothing
 * that is measured afterwards: no self-tests of cryptography, one serial port instead of four, no grace
 * periods waited for while booting, no wait for entropy. */
#define CMDLINE                                                                                              \
    "console=ttyS0 quiet panic=-1 cryptomgr.notests 8250.nr_uarts=1 rcupdate.rcu_expedited=1 "               \
    "random.trust_cpu=1"
/* An emulated guest reads the host's TSC, and its clock is refined to 10 ppm of the host's a second after the
 * driver came. The kernel would still judge it by an emulated HPET, which loses whenever the host is busy,
 * and then read that one, at the price of an exit a time. no_timer_check is what KVM guests do of themselves.
 */
#define CMDLINE_TCG CMDLINE " tsc=reliable no_timer_check"

/* How the scratch disk may be attached: a row for every choice of the parameter. */
static const struct disk {
    const char *name, *bus, *dev, *cache, *io;
} disks[] = {
    {.name = "virtio", .bus = "virtio", .dev = "vda", .cache = "none", .io = "native"},
};

struct vm {
    struct cb_guest_kernel kernel;
    char boot[CB_KERNEL_PATH_MAX]; /* what qemu loads: an ELF image or kernel.image */
    bool elf;
    bool kvm, vhost;
    const struct disk *disk;
    char name[96]; /* of the domain */
    char cmdline[512];
    char image[320], initramfs[320], channel[108], console[108];
    bool created;
    struct cb_cgroup *group; /* NULL: none to be had */
};

/* ---- probe ------------------------------------------------------------------------------------------- */

/* kvm->usable is the choice, kvm->reason says why. */
static int judge_kvm(const struct cb_arm *arm, struct cb_kvm_verdict *kvm, struct cb_err *err)
{
    const char *accel = cb_arm_value(arm, "accel");
    struct cb_kvm_measurement m;
    if (strcmp(accel, "tcg") == 0) {
        *kvm = (struct cb_kvm_verdict){.reason = "asked for"};
        return 0;
    }
    cb_kvm_measure(KVM_PROBE_NS, &m);
    cb_kvm_classify(&m, kvm);
    if (!kvm->usable && strcmp(accel, "kvm") == 0)
        return cb_fail(err, CB_EMISSING, "accel=kvm: %s", kvm->reason);
    return 0;
}

/* qemu.conf may name another user, but libvirt looks its built-in one up first, and fails without it. */
static int check_user(struct cb_err *err)
{
    if (geteuid() != 0 || getpwnam("libvirt-qemu") || getpwnam("qemu"))
        return 0;
    return cb_fail(err, CB_EMISSING,
                   "libvirt wants the user libvirt-qemu: useradd --system --user-group --no-create-home "
                   "--shell /usr/sbin/nologin libvirt-qemu");
}

static int probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    struct cb_guest_kernel kernel;
    struct cb_kvm_verdict kvm;
#ifndef __x86_64__
    return cb_fail(err, CB_EMISSING, "virtual machines are made for x86-64 only so far");
#endif
    if (!*site->connect && (cb_vm_installed(err) < 0 || check_user(err) < 0))
        return -1;
    if (cb_guest_kernel_find(site->cache_dir, &kernel, err) < 0)
        return -1;
    return judge_kvm(arm, &kvm, err);
}

/* ---- prepare ----------------------------------------------------------------------------------------- */

static const struct disk *find_disk(const char *name)
{
    const struct disk *d = disks;
    while (strcmp(d->name, name) != 0) /* the parameter's choices are this table's names */
        d++;
    return d;
}

static int name_things(struct vm *vm, const struct cb_env *env, struct cb_err *err)
{
    const char *work = env->site->work_dir, *state = env->site->state_dir;
    if (cb_path(vm->name, sizeof vm->name, err, "cbench-%s", env->name) < 0 ||
        cb_path(vm->image, sizeof vm->image, err, "%s/vm-scratch.img", work) < 0 ||
        cb_path(vm->initramfs, sizeof vm->initramfs, err, "%s/vm-initramfs.cpio", work) < 0 ||
        cb_path(vm->channel, sizeof vm->channel, err, "%s/vm%u.sock", state, env->slot) < 0 ||
        cb_path(vm->console, sizeof vm->console, err, "%s/vm%u.log", state, env->slot) < 0)
        return -1;
    return 0;
}

/* Once a run: kernel and agent do not change during it. */
static int write_initramfs(const struct vm *vm, const struct cb_site *site, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf bytes = {0};
    if (access(vm->initramfs, F_OK) == 0)
        return 0;
    if (cb_initramfs(site->agent_path, &vm->kernel, &bytes, err) < 0)
        return cb_wrap(err, "make the initramfs");
    CB_AUTOFD int dir = open(site->work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", site->work_dir);
    return cb_replace_file(dir, strrchr(vm->initramfs, '/') + 1, bytes.data, bytes.len, 0600, err);
}

/* An ELF kernel and the firmware that enters it, or the image as it is. */
static int choose_boot(struct vm *vm, const struct cb_site *site, struct cb_err *err)
{
    struct cb_err why;
    vm->elf = access(QBOOT, R_OK) == 0 &&
              cb_guest_kernel_extract(&vm->kernel, site->cache_dir, vm->boot, &why) == 0;
    return vm->elf ? 0 : cb_path(vm->boot, sizeof vm->boot, err, "%s", vm->kernel.image);
}

static int choose_accelerator(struct vm *vm, struct cb_env *env, struct cb_err *err)
{
    struct cb_kvm_verdict kvm;
    if (judge_kvm(env->arm, &kvm, err) < 0)
        return -1;
    vm->kvm = kvm.usable;
    vm->vhost = vm->kvm && access("/dev/vhost-net", R_OK | W_OK) == 0; /* libvirt would choose the same */
    snprintf(env->accelerator, sizeof env->accelerator, "%s", vm->kvm ? cb_kvm_class_name(kvm.kvm) : "tcg");
    cb_env_fact(env, "accelerator.reason", "%s", kvm.reason);
    return 0;
}

/* The host's choice of huge pages ("always [madvise] never"), which a kernel's configuration would make
 * otherwise; "" where the host has none. */
static const char *huge_pages(void)
{
    static const char *const choices[] = {"always", "madvise", "never"};
    char line[64], marked[16];
    if (cb_read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line) < 0)
        return "";
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        snprintf(marked, sizeof marked, "[%s]", choices[i]);
        if (strstr(line, marked))
            return choices[i];
    }
    return "";
}

static int make_cmdline(struct vm *vm, struct cb_err *err)
{
    const char *thp = huge_pages();
    return cb_path(vm->cmdline, sizeof vm->cmdline, err, "%s%s%s", vm->kvm ? CMDLINE : CMDLINE_TCG,
                   *thp ? " transparent_hugepage=" : "", thp);
}

/* The link needs the run's bridge, which only a qemu in the run's network namespace sees. */
static bool has_link(const struct cb_site *site)
{
    return site->fabric && !*site->connect;
}

static void add_facts(const struct vm *vm, struct cb_env *env)
{
    const struct disk *d = vm->disk;
    cb_env_fact(env, "kernel.image", "%s", vm->kernel.image);
    cb_env_fact(env, "kernel.release", "%s", vm->kernel.release);
    cb_env_fact(env, "kernel.hosts_own", "%s", vm->kernel.hosts_own ? "yes" : "no");
    cb_env_fact(env, "kernel.cmdline", "%s", vm->cmdline);
    cb_env_fact(env, "boot", "%s", vm->elf ? "qboot, ELF kernel by PVH" : "SeaBIOS, bzImage");
    cb_env_fact(env, "machine", "q35");
    cb_env_fact(env, "cpu.mode", "%s", vm->kvm ? "host-passthrough" : "maximum");
    cb_env_fact(env, "disk", "%s, raw, cache=%s, io=%s, ext4 of its own", d->bus, d->cache, d->io);
    cb_env_fact(env, "net.backend", "%s", vm->vhost ? "vhost" : "qemu");
    cb_backing_facts(env, vm->image);
}

/* The XML pins qemu's threads. The group takes its main thread, and thereby what the kernel starts on its
 * behalf: vhost's workers inherit the group and nothing else. No memory limit: that is the guest's size, and
 * qemu itself comes on top. An ordinary user may have no group. */
static int make_group(struct vm *vm, struct cb_env *env, struct cb_err *err)
{
    return cb_armgroup_try(env, 0, "; qemu is pinned", &vm->group, err);
}

static void describe_link(struct cb_env *env)
{
    const struct cb_site *site = env->site;
    char address[16];
    snprintf(env->wire.scratch, sizeof env->wire.scratch, "/scratch");
    if (!has_link(site))
        return;
    cb_fabric_address(env->slot, address);
    snprintf(env->wire.peer, sizeof env->wire.peer, "%s", cb_fabric_peer(site->fabric));
    snprintf(env->wire.device, sizeof env->wire.device, "eth0"); /* no udev inside to rename it */
    snprintf(env->wire.address, sizeof env->wire.address, "%s/%d", address, CB_FABRIC_PREFIX);
}

/* The first machine of a run opens libvirt, and so does the one after libvirt has failed. */
static int ensure_host(struct cb_site *site, struct cb_err *err)
{
    if (cb_vmhost_usable(site->vmhost))
        return 0;
    cb_vmhost_close(site->vmhost);
    site->vmhost = NULL;
    return cb_vmhost_open(site, &site->vmhost, err);
}

static int prepare(struct cb_env *env, struct cb_err *err)
{
    struct cb_site *site = env->site;
    struct vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return cb_fail_sys(err, ENOMEM, "allocate");
    env->state = vm;
    vm->disk = find_disk(cb_arm_value(env->arm, "disk"));
    if (name_things(vm, env, err) < 0 || choose_accelerator(vm, env, err) < 0 || make_cmdline(vm, err) < 0 ||
        cb_guest_kernel_find(site->cache_dir, &vm->kernel, err) < 0 || choose_boot(vm, site, err) < 0 ||
        write_initramfs(vm, site, err) < 0 || cb_vmdisk_create(vm->image, err) < 0 ||
        cb_vmdisk_format(vm->image, err) < 0 || make_group(vm, env, err) < 0 || ensure_host(site, err) < 0)
        return -1;
    cb_env_fact(env, "vmm", "%s", cb_vmhost_versions(site->vmhost));
    describe_link(env);
    add_facts(vm, env);
    return 0;
}

/* ---- up and down ------------------------------------------------------------------------------------- */

static int up(struct cb_env *env, struct cb_err *err)
{
    struct vm *vm = env->state;
    struct cb_site *site = env->site;
    CB_AUTOBUF struct cb_buf xml = {0};
    char mac[24];
    snprintf(mac, sizeof mac, "52:54:00:cb:00:%02x", env->slot & 0xff);
    struct cb_domain d = {
        .name = vm->name,
        .kvm = vm->kvm,
        .memory = site->memory,
        .cpus = site->topo.sut,
        .ncpus = site->topo.nsut,
        .firmware = vm->elf ? QBOOT : NULL,
        .kernel = vm->boot,
        .initrd = vm->initramfs,
        .cmdline = vm->cmdline,
        .console = vm->console,
        .channel = vm->channel,
        .disk = {.path = vm->image,
                 .bus = vm->disk->bus,
                 .dev = vm->disk->dev,
                 .cache = vm->disk->cache,
                 .io = vm->disk->io},
        .bridge = has_link(site) ? CB_FABRIC_BRIDGE : NULL,
        .mac = mac,
        .vhost = vm->vhost,
    };
    if (cb_domain_xml(&d, &xml, err) < 0)
        return -1;
    vm->created = true; /* also when it fails half way: destroying what is not there is fine */
    if (cb_vmhost_create(site->vmhost, cb_buf_str(&xml), cb_deadline_in(CREATE_NS), err) < 0)
        return -1;
    cb_env_stamp(env, "api");
    pid_t qemu = cb_vmhost_pid(site->vmhost, vm->name);
    return vm->group && qemu > 0 ? cb_cgroup_attach(vm->group, qemu, err) : 0;
}

/* At once: the guest's writes to its port block until somebody listens. */
static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    const struct vm *vm = env->state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint64_t deadline = cb_deadline_in(CONNECT_NS);
    CB_AUTOFD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cb_fail_sys(err, errno, "socket");
    if (cb_path(address.sun_path, sizeof address.sun_path, err, "%s", vm->channel) < 0)
        return -1;
    while (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int cause = errno;
        if (!cb_deadline_remaining_ns(deadline) ||
            (cause != ENOENT && cause != ECONNREFUSED && cause != EINTR))
            return cb_fail_sys(err, cause, "connect to %s", vm->channel);
        cb_sleep_ns(CONNECT_RETRY_NS);
    }
    link->to_agent = link->from_agent = cb_take_fd(&fd);
    return 0;
}

/* What a guest prints is not trusted: a line of printable bytes comes out, whatever it wrote. */
static void console_tail(const char *path, char *out, size_t cap)
{
    char tail[256];
    CB_AUTOFD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof tail ? size - (off_t)sizeof tail : 0;
    ssize_t n = size > 0 ? pread(fd, tail, sizeof tail, from) : 0;
    if (n <= 0)
        return;
    for (ssize_t i = 0; i < n; i++)
        if (tail[i] < ' ' || tail[i] > '~')
            tail[i] = ' ';
    snprintf(out, cap, "console: %.*s", (int)n, tail);
}

/* Why the domain stopped, if it did, and the end of its console. */
static void diagnose(struct cb_env *env, char *out, size_t cap)
{
    const struct vm *vm = env->state;
    char why[128] = "";
    out[0] = '\0';
    if (!vm)
        return;
    if (vm->created && cb_vmhost_stopped(env->site->vmhost, vm->name, why, sizeof why))
        snprintf(out, cap, "domain: %s\n", why);
    size_t used = strlen(out);
    console_tail(vm->console, out + used, cap - used);
}

static void down(struct cb_env *env)
{
    struct vm *vm = env->state;
    struct cb_site *site = env->site;
    struct cb_err err;
    if (!vm)
        return;
    /* A domain that does not go takes libvirt's process with it, whose parent then ends them all. */
    bool gone =
        !vm->created || (cb_vmhost_usable(site->vmhost) &&
                         cb_vmhost_destroy(site->vmhost, vm->name, cb_deadline_in(DESTROY_NS), &err) == 0);
    if (!gone) {
        cb_vmhost_close(site->vmhost);
        site->vmhost = NULL;
    }
    cb_env_stamp(env, "gone");
    cb_cgroup_destroy(vm->group);
    unlink(vm->channel);
    unlink(vm->console);
    free(vm);
    env->state = NULL;
}

static const struct cb_arm_param params[] = {
    {.name = "accel",
     .help = "who runs the guest's code: KVM where it is fast, else emulation",
     .def = "auto",
     .choices = "auto|kvm|tcg"},
    {.name = "disk", .help = "how the scratch disk is attached", .def = "virtio", .choices = "virtio"},
    {.name = NULL},
};

const struct cb_runner cb_runner_vm = {
    .name = "vm",
    .summary = "a virtual machine through libvirt: the agent as init, virtio disk, link and port",
    .params = params,
    .probe = probe,
    .prepare = prepare,
    .up = up,
    .launch = launch,
    .enters_by_agent = true,
    .diagnose = diagnose,
    .down = down,
};
