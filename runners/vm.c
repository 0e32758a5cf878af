/* Virtual machines through libvirt: the distribution's or the host's kernel, an initramfs that holds the
 * agent and nothing else, one disk, one link, one virtio port that is the agent's stream. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/armgroup.h"
#include "runners/backing.h"
#include "runners/domxml.h"
#include "runners/guestkernel.h"
#include "runners/initramfs.h"
#include "runners/runner.h"
#include "runners/vmdisk.h"
#include "runners/vmhost.h"
#include "runners/vmserve.h"
#include "runners/vmspec.h"

/* libvirt's create takes 0.3 s, destroy 0.2 s. The boot has 30 s in all. */
#define CREATE_NS  (20 * CB_NS_PER_S)
#define DESTROY_NS (15 * CB_NS_PER_S)
/* qemu listens before create returns, so that one try does; it may be short of CPU. */
#define CONNECT_NS       (5 * CB_NS_PER_S)
#define CONNECT_RETRY_NS (10 * CB_NS_PER_MS)
/* Where qemu's user-mode network puts the guest and itself (its documentation, -netdev user). */
#define USER_NET_ADDRESS "10.0.2.15/24"
#define USER_NET_GATEWAY "10.0.2.2"

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

struct vm {
    struct cb_vm_means means;
    struct cb_vm_spec spec;
    struct cb_guest_kernel kernel;
    char boot[CB_KERNEL_PATH_MAX]; /* what qemu loads: an ELF image or kernel.image */
    bool elf;
    char name[96]; /* of the domain */
    char cmdline[640];
    char image[320], initramfs[320], share[320], channel[108], console[108];
    bool created;
    struct cb_cgroup *group; /* NULL: none to be had */
};

/* ---- probe ------------------------------------------------------------------------------------------- */

/* What the arm comes to here, and the kernel that can drive it. */
static int decide(struct vm *vm, const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    cb_vm_means_find(arm, &vm->means);
    if (cb_vm_spec_make(arm, &vm->means, (unsigned)site->topo.nsut, site->memory, &vm->spec, err) < 0)
        return -1;
    return cb_guest_kernel_find(site->cache_dir, vm->spec.kernel, vm->spec.modules, &vm->kernel, err);
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
    struct vm vm = {0};
#ifndef __x86_64__
    return cb_fail(err, CB_EMISSING, "virtual machines are made for x86-64 only so far");
#endif
    if (!*site->connect && (cb_vm_installed(err) < 0 || check_user(err) < 0))
        return -1;
    return decide(&vm, arm, site, err);
}

/* ---- prepare ----------------------------------------------------------------------------------------- */

/* Machines beside the arms' own, which run at the same time, have their files for themselves. */
static bool is_beside(const struct cb_env *env)
{
    return env->slot >= CB_ARMS_MAX;
}

static int name_storage(struct vm *vm, const struct cb_env *env, struct cb_err *err)
{
    const char *work = env->site->work_dir;
    char beside[16] = "";
    if (is_beside(env))
        snprintf(beside, sizeof beside, "-%u", env->slot);
    return cb_path(vm->image, sizeof vm->image, err, "%s/vm-scratch%s.img", work, beside) < 0 ||
                   cb_path(vm->share, sizeof vm->share, err, "%s/vm-share%s", work, beside) < 0
               ? -1
               : 0;
}

static int name_things(struct vm *vm, const struct cb_env *env, struct cb_err *err)
{
    const char *work = env->site->work_dir, *state = env->site->state_dir;
    if (cb_path(vm->name, sizeof vm->name, err, "cbench-%s", env->name) < 0 ||
        name_storage(vm, env, err) < 0 ||
        cb_path(vm->initramfs, sizeof vm->initramfs, err, "%s/vm-initramfs%u.cpio", work, env->slot) < 0 ||
        cb_path(vm->channel, sizeof vm->channel, err, "%s/vm%u.sock", state, env->slot) < 0 ||
        cb_path(vm->console, sizeof vm->console, err, "%s/vm%u.log", state, env->slot) < 0)
        return -1;
    return 0;
}

/* Once a run for each arm: kernel, modules and agent do not change during it. */
static int write_initramfs(const struct vm *vm, const struct cb_site *site, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf bytes = {0};
    if (access(vm->initramfs, F_OK) == 0)
        return 0;
    if (cb_initramfs(site->agent_path, &vm->kernel, vm->spec.modules, &bytes, err) < 0)
        return cb_wrap(err, "make the initramfs");
    CB_AUTOFD int dir = open(site->work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", site->work_dir);
    return cb_replace_file(dir, strrchr(vm->initramfs, '/') + 1, bytes.data, bytes.len, 0600, err);
}

/* An ELF kernel and the firmware that enters it, or the image as it is. */
static int choose_boot(struct vm *vm, const struct cb_site *site, struct cb_err *err)
{
    vm->elf = vm->spec.firmware != CB_VM_FIRMWARE_SEABIOS &&
              cb_guest_kernel_extract(&vm->kernel, site->cache_dir, vm->boot, err) == 0;
    if (vm->elf)
        return 0;
    if (vm->spec.firmware == CB_VM_FIRMWARE_QBOOT)
        return cb_wrap(err, "firmware=qboot");
    return cb_path(vm->boot, sizeof vm->boot, err, "%s", vm->kernel.image);
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

/* Words of the form NAME=VALUE that the kernel does not know become init's environment: what it finds in no
 * other way. A virtio disk it knows by its serial number. */
static void init_environment(const struct cb_vm_spec *s, struct cb_buf *out)
{
    if (s->share)
        cb_buf_printf(out, " CBENCH_SHARE=%s", s->share);
    else if (!s->disk)
        cb_buf_puts(out, " CBENCH_SHARE=none");
    else if (strcmp(s->disk, "virtio") != 0)
        cb_buf_puts(out, " CBENCH_DISK=sda");
    if (s->user_net)
        cb_buf_puts(out, " CBENCH_GATEWAY=" USER_NET_GATEWAY);
}

static int make_cmdline(struct vm *vm, struct cb_err *err)
{
    const char *thp = huge_pages();
    CB_AUTOBUF struct cb_buf text = {0};
    cb_buf_puts(&text, vm->spec.kvm ? CMDLINE : CMDLINE_TCG);
    if (*thp)
        cb_buf_printf(&text, " transparent_hugepage=%s", thp);
    init_environment(&vm->spec, &text);
    if (*vm->spec.cmdline)
        cb_buf_printf(&text, " %s", vm->spec.cmdline);
    return cb_path(vm->cmdline, sizeof vm->cmdline, err, "%s", cb_buf_str(&text));
}

/* The link needs the run's bridge, or for a user-mode one its namespace, which only a qemu in that namespace
 * sees. */
static bool has_link(const struct vm *vm, const struct cb_site *site)
{
    return vm->spec.nic && site->fabric && !*site->connect;
}

static void add_facts(const struct vm *vm, struct cb_env *env)
{
    const struct cb_arm_preset *preset = cb_arm_preset(env->arm);
    cb_env_fact(env, "accelerator.reason", "%s", vm->means.kvm.reason);
    if (vm->spec.kvm && vm->means.kvm.exit_ns > 0)
        cb_env_fact(env, "accelerator.exit_ns", "%.0f", vm->means.kvm.exit_ns);
    cb_env_fact(env, "kernel.image", "%s", vm->kernel.image);
    cb_env_fact(env, "kernel.release", "%s", vm->kernel.release);
    cb_env_fact(env, "kernel.hosts_own", "%s", vm->kernel.hosts_own ? "yes" : "no");
    cb_env_fact(env, "kernel.cmdline", "%s", vm->cmdline);
    cb_env_fact(env, "boot", "%s", vm->elf ? "qboot, ELF kernel by PVH" : "SeaBIOS, bzImage");
    if (preset)
        cb_env_fact(env, "preset", "%s: %s", preset->name, preset->summary);
    cb_vm_spec_facts(&vm->spec, env);
    if (vm->spec.disk || vm->spec.share)
        cb_backing_facts(env, vm->spec.share ? vm->share : vm->image);
}

/* The XML pins qemu's threads. The group takes its main thread, and thereby what the kernel starts on its
 * behalf: vhost's workers inherit the group and nothing else. No memory limit: that is the guest's size, and
 * qemu itself comes on top. An ordinary user may have no group. */
static int make_group(struct vm *vm, struct cb_env *env, struct cb_err *err)
{
    return cb_armgroup_try(env, 0, "; qemu is pinned", &vm->group, err);
}

static void describe_link(const struct vm *vm, struct cb_env *env)
{
    const struct cb_site *site = env->site;
    char address[16];
    if (vm->spec.disk || vm->spec.share)
        snprintf(env->wire.scratch, sizeof env->wire.scratch, "/scratch");
    if (!has_link(vm, site))
        return;
    cb_fabric_address(env->slot, address);
    snprintf(env->wire.peer, sizeof env->wire.peer, "%s", cb_fabric_peer(site->fabric));
    snprintf(env->wire.device, sizeof env->wire.device, "eth0"); /* no udev inside to rename it */
    if (vm->spec.user_net)
        snprintf(env->wire.address, sizeof env->wire.address, USER_NET_ADDRESS);
    else
        snprintf(env->wire.address, sizeof env->wire.address, "%s/%d", address, CB_FABRIC_PREFIX);
}

/* Where the guest's files end: a disk or a directory, fresh for each instance. */
static int make_storage(const struct vm *vm, const struct cb_env *env, struct cb_err *err)
{
    if (vm->spec.share)
        return cb_remove_tree(vm->share, err) < 0 || cb_mkdirs(vm->share, 0700, err) < 0 ? -1 : 0;
    if (!vm->spec.disk)
        return 0;
    if ((is_beside(env) ? cb_vmdisk_create_sparse : cb_vmdisk_create)(vm->image, err) < 0)
        return -1;
    return cb_vmdisk_format(vm->image, err);
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
    if (decide(vm, env->arm, site, err) < 0 || name_things(vm, env, err) < 0 || make_cmdline(vm, err) < 0 ||
        choose_boot(vm, site, err) < 0 || write_initramfs(vm, site, err) < 0 ||
        make_storage(vm, env, err) < 0 || make_group(vm, env, err) < 0 || ensure_host(site, err) < 0)
        return -1;
    snprintf(env->accelerator, sizeof env->accelerator, "%s",
             vm->spec.kvm ? cb_kvm_class_name(vm->means.kvm.kvm) : "tcg");
    cb_env_fact(env, "vmm", "%s", cb_vmhost_versions(site->vmhost));
    describe_link(vm, env);
    add_facts(vm, env);
    return 0;
}

/* ---- up and down ------------------------------------------------------------------------------------- */

static struct cb_domain domain_of(const struct vm *vm, const struct cb_site *site, const char *mac)
{
    const struct cb_vm_spec *s = &vm->spec;
    return (struct cb_domain){
        .name = vm->name,
        .kvm = s->kvm,
        .memory = s->memory,
        .hugepages = s->hugepages,
        .machine = s->machine,
        .cpu = s->cpu,
        .vcpus = s->vcpus,
        .pinned = s->pinned,
        .cpus = site->topo.sut,
        .ncpus = site->topo.nsut,
        .firmware = vm->elf ? CB_VM_QBOOT : NULL,
        .kernel = vm->boot,
        .initrd = vm->initramfs,
        .cmdline = vm->cmdline,
        .console = vm->console,
        .channel = vm->channel,
        .disk = {.path = s->disk ? vm->image : NULL,
                 .bus = s->disk,
                 .dev = s->disk_dev,
                 .cache = s->cache,
                 .io = s->io,
                 .iothread = s->iothread},
        .nic = {.model = has_link(vm, site) ? s->nic : NULL,
                .bridge = s->user_net ? NULL : CB_FABRIC_BRIDGE,
                .mac = mac,
                .vhost = s->vhost,
                .queues = s->queues},
        .share = {.type = s->share, .path = vm->share},
    };
}

static int up(struct cb_env *env, struct cb_err *err)
{
    struct vm *vm = env->state;
    struct cb_site *site = env->site;
    CB_AUTOBUF struct cb_buf xml = {0};
    char mac[24];
    snprintf(mac, sizeof mac, "52:54:00:cb:00:%02x", env->slot & 0xff);
    const struct cb_domain d = domain_of(vm, site, mac);
    if (cb_domain_xml(&d, &xml, err) < 0)
        return -1;
    vm->created = true; /* also when it fails half way: destroying what is not there is fine */
    if (cb_vmhost_create(site->vmhost, cb_buf_str(&xml), cb_deadline_in(CREATE_NS), err) < 0)
        return -1;
    cb_env_stamp(env, "api");
    uint64_t began = cb_vmhost_began(site->vmhost, vm->name);
    if (began)
        cb_env_stamp_at(env, "vmm", began);
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
    if (is_beside(env))
        unlink(vm->image);
    free(vm);
    env->state = NULL;
}

const struct cb_runner cb_runner_vm = {
    .name = "vm",
    .summary = "a virtual machine through libvirt: the agent as init, a disk, a link and a virtio port",
    .params = cb_vm_params,
    .presets = cb_vm_presets,
    .check = cb_vm_check,
    .probe = probe,
    .prepare = prepare,
    .up = up,
    .launch = launch,
    .enters_by_agent = true,
    .one_by_one = "one libvirt makes all machines of a run, one after the other",
    .group_is_late = "qemu enters its group after it has touched memory, which is not moved with it",
    .diagnose = diagnose,
    .down = down,
};
