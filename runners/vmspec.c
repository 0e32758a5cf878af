#include "runners/vmspec.h"

#include <string.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/units.h"

/* accel=auto must have fallen back within two seconds. */
#define KVM_PROBE_NS (2 * CB_NS_PER_S)
#define HUGE_PAGE    (UINT64_C(2) << 20)
/* More than machines have threads that an overcommitted vCPU would make sense on; libvirt allows 255. */
#define VCPUS_MAX 64
/* The smallest machine that booted had 96 MiB. */
#define MEMORY_MIN (UINT64_C(96) << 20)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- tables ------------------------------------------------------------------------------------------ */

const struct cb_arm_param cb_vm_params[] = {
    {.name = "preset",
     .help = "a name for values of the others; keys given beside it win",
     .def = "none",
     .choices = "none|default|tuned|minimal"},
    {.name = "accel",
     .help = "who runs the guest's code: KVM where it is fast, else emulation",
     .def = "auto",
     .choices = "auto|kvm|tcg"},
    {.name = "machine", .help = "the chipset", .def = "q35", .choices = "q35|pc"},
    {.name = "cpu", .help = "host, max or a model; auto: host with KVM, else max", .def = "auto"},
    {.name = "vcpus", .help = "auto: as many CPUs as every arm has", .def = "auto"},
    {.name = "memory", .help = "auto: what every arm has", .def = "auto"},
    {.name = "hugepages",
     .help = "the guest's memory in huge pages of the host's pool; auto: where enough are free",
     .def = "off",
     .choices = "off|auto|2M"},
    {.name = "pin",
     .help = "each vCPU on one CPU, or all on all of the arm's",
     .def = "on",
     .choices = "on|off"},
    {.name = "disk",
     .help = "how the scratch disk is attached",
     .def = "virtio",
     .choices = "virtio|scsi|sata|ide|none"},
    {.name = "cache",
     .help = "the host's page cache below the disk; unsafe drops flushes: the guest's fsync is a lie",
     .def = "none",
     .choices = "none|writeback|writethrough|unsafe"},
    {.name = "io",
     .help = "how qemu does disk I/O; auto: native where the cache is none, else threads",
     .def = "auto",
     .choices = "auto|native|threads|io_uring"},
    {.name = "iothread", .help = "a thread of its own for the disk", .def = "off", .choices = "off|on"},
    {.name = "nic",
     .help = "the network card; user: virtio without a bridge, qemu forwards (slirp)",
     .def = "virtio",
     .choices = "virtio|e1000|e1000e|user|none"},
    {.name = "vhost",
     .help = "the host's kernel serves the card's queues; auto: with KVM where it can",
     .def = "auto",
     .choices = "auto|on|off"},
    {.name = "queues", .help = "pairs of queues of the card; auto: one for each vCPU", .def = "1"},
    {.name = "share",
     .help = "a directory of the host is the scratch directory instead of the disk",
     .def = "none",
     .choices = "none|virtiofs|9p"},
    {.name = "kernel",
     .help = "auto, generic (from scripts/guest-kernel --generic), or DIR/boot/vmlinuz-RELEASE beside "
             "DIR/lib/modules/RELEASE",
     .def = "auto"},
    {.name = "cmdline", .help = "more words for the guest's kernel", .def = ""},
    {.name = "firmware",
     .help = "auto: qboot where it and an ELF kernel are to be had",
     .def = "auto",
     .choices = "auto|qboot|seabios"},
    {.name = NULL},
};

/* Which devices there are is part of every preset's meaning only as far as something is measured through
 * them: display, USB, sound and balloon, which virt-install adds, are in none. */
const struct cb_arm_preset cb_vm_presets[] = {
    {.name = "default",
     .summary =
         "what virt-install makes when not told more: CPUs unpinned, small pages, the disk through the "
         "host's page cache and qemu's threads, one network queue, SeaBIOS",
     .values =
         "machine=q35,cpu=auto,hugepages=off,pin=off,disk=virtio,cache=writeback,io=threads,iothread=off,"
         "nic=virtio,vhost=auto,queues=1,firmware=seabios"},
    {.name = "tuned",
     .summary =
         "what guides to fast machines advise: vCPUs pinned one to one, memory in 2 MiB pages where enough "
         "are free, a raw disk without the host's cache, native I/O in a thread of its own, a network queue "
         "for each vCPU served by vhost where it can be",
     .values = "machine=q35,cpu=auto,hugepages=auto,pin=on,disk=virtio,cache=none,io=native,iothread=on,"
               "nic=virtio,vhost=auto,queues=auto,firmware=auto"},
    {.name = "minimal",
     .summary =
         "as little as boots: no disk, no network, the kernel entered directly; for starts, CPU and memory "
         "only",
     .values = "machine=q35,cpu=auto,hugepages=off,pin=on,disk=none,nic=none,share=none,firmware=auto"},
    {.name = NULL},
};

/* What a value of disk=, nic= or share= means to libvirt, and to the guest: the modules that drive it. */
struct device {
    const char *name, *model, *dev;
    const char *modules[2];
};

static const struct device disks[] = {
    {.name = "virtio", .model = "virtio", .dev = "vda", .modules = {"virtio_blk"}},
    {.name = "scsi", .model = "scsi", .dev = "sda", .modules = {"virtio_scsi", "sd_mod"}},
    {.name = "sata", .model = "sata", .dev = "sda", .modules = {"ahci", "sd_mod"}},
    {.name = "ide", .model = "ide", .dev = "hda", .modules = {"ata_piix", "sd_mod"}},
    {.name = "none"},
};
static const struct device nics[] = {
    {.name = "virtio", .model = "virtio", .modules = {"virtio_net"}},
    {.name = "e1000", .model = "e1000", .modules = {"e1000"}},
    {.name = "e1000e", .model = "e1000e", .modules = {"e1000e"}},
    {.name = "user", .model = "virtio", .modules = {"virtio_net"}},
    {.name = "none"},
};
static const struct device shares[] = {
    {.name = "virtiofs", .model = "virtiofs", .modules = {"virtiofs"}},
    {.name = "9p", .model = "9p", .modules = {"9pnet_virtio", "9p"}},
    {.name = "none"},
};

/* Ends: a parameter's choices are its table's names. */
static const struct device *find(const struct device *table, const char *name)
{
    while (strcmp(table->name, name) != 0)
        table++;
    return table;
}

/* ---- the machine ------------------------------------------------------------------------------------- */

static bool have_virtiofsd(void)
{
    return access("/usr/libexec/virtiofsd", X_OK) == 0 || access("/usr/lib/qemu/virtiofsd", X_OK) == 0;
}

void cb_vm_means_find(const struct cb_arm *arm, struct cb_vm_means *m)
{
    struct cb_kvm_measurement kvm;
    uint64_t pages = 0;
    *m = (struct cb_vm_means){.kvm = {.reason = "asked for"}};
    if (strcmp(cb_arm_value(arm, "accel"), "tcg") != 0) {
        cb_kvm_measure(KVM_PROBE_NS, &kvm);
        cb_kvm_classify(&kvm, &m->kvm);
    }
    m->vhost = access("/dev/vhost-net", R_OK | W_OK) == 0;
    m->qboot = access(CB_VM_QBOOT, R_OK) == 0;
    m->virtiofsd = have_virtiofsd();
    if (cb_read_u64("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", &pages) == 0)
        m->huge_free = pages * HUGE_PAGE;
}

/* ---- the arm ----------------------------------------------------------------------------------------- */

/* What the choices are made from and for. */
struct making {
    const struct cb_arm *arm;
    const struct cb_vm_means *have;
    struct cb_vm_spec *s;
    unsigned nmodules;
};

static bool is(const struct making *k, const char *param, const char *value)
{
    return strcmp(cb_arm_value(k->arm, param), value) == 0;
}

static void want(struct making *k, const char *module, bool optional)
{
    k->s->modules[k->nmodules++] = (struct cb_module_want){.name = module, .optional = optional};
}

static void want_all(struct making *k, const struct device *d)
{
    for (size_t i = 0; i < COUNT(d->modules) && d->modules[i]; i++)
        want(k, d->modules[i], false);
}

static int choose_cpu(struct making *k, unsigned cpus, struct cb_err *err)
{
    uint64_t vcpus = cpus;
    k->s->kvm = k->have->kvm.usable;
    if (!k->s->kvm && is(k, "accel", "kvm"))
        return cb_fail(err, CB_EMISSING, "accel=kvm: %s", k->have->kvm.reason);
    k->s->cpu = cb_arm_value(k->arm, "cpu");
    if (is(k, "cpu", "auto"))
        k->s->cpu = k->s->kvm ? "host" : "max";
    if (is(k, "cpu", "host") && !k->s->kvm)
        return cb_fail(err, CB_EMISSING, "cpu=host: emulation has no host's CPU to show (%s)",
                       k->have->kvm.reason);
    if (!is(k, "vcpus", "auto") && cb_parse_u64(cb_arm_value(k->arm, "vcpus"), 1, VCPUS_MAX, &vcpus, err) < 0)
        return cb_wrap(err, "vcpus");
    k->s->vcpus = (unsigned)vcpus;
    k->s->pinned = is(k, "pin", "on");
    return 0;
}

static int choose_memory(struct making *k, uint64_t memory, struct cb_err *err)
{
    if (!is(k, "memory", "auto") && cb_parse_size(cb_arm_value(k->arm, "memory"), &memory, err) < 0)
        return cb_wrap(err, "memory");
    if (memory < MEMORY_MIN)
        return cb_fail(err, CB_EUSAGE, "memory: a guest needs 96M");
    unsigned long long pages = (memory + HUGE_PAGE - 1) / HUGE_PAGE, have = k->have->huge_free / HUGE_PAGE;
    bool enough = have >= pages;
    if (is(k, "hugepages", "2M") && !enough)
        return cb_fail(err, CB_EMISSING,
                       "hugepages=2M: %llu pages of 2 MiB are free, the guest needs %llu: "
                       "sysctl vm.nr_hugepages=%llu",
                       have, pages, pages);
    k->s->memory = memory;
    k->s->hugepages = enough && !is(k, "hugepages", "off");
    return 0;
}

/* libvirt would say much the same, but in the middle of a run. */
static int check_disk(const struct making *k, struct cb_err *err)
{
    bool emulated = is(k, "disk", "sata") || is(k, "disk", "ide");
    if (is(k, "disk", "ide") && !is(k, "machine", "pc"))
        return cb_fail(err, CB_EUSAGE, "disk=ide needs machine=pc: no other has an IDE controller");
    if (emulated && is(k, "iothread", "on"))
        return cb_fail(err, CB_EUSAGE, "iothread=on needs a virtio disk");
    if (is(k, "io", "native") && !is(k, "cache", "none"))
        return cb_fail(err, CB_EUSAGE, "io=native needs cache=none: the kernel's AIO goes around the cache");
    return 0;
}

static int choose_disk(struct making *k, struct cb_err *err)
{
    const struct device *share = find(shares, cb_arm_value(k->arm, "share"));
    const struct device *disk = find(disks, share->model ? "none" : cb_arm_value(k->arm, "disk"));
    struct cb_vm_spec *s = k->s;
    if (check_disk(k, err) < 0)
        return -1;
    if (is(k, "share", "virtiofs") && !k->have->virtiofsd)
        return cb_fail(err, CB_EMISSING, "share=virtiofs: no virtiofsd: apt-get install virtiofsd");
    s->share = share->model;
    s->disk = disk->model;
    s->disk_dev = disk->dev;
    s->cache = cb_arm_value(k->arm, "cache");
    s->io = cb_arm_value(k->arm, "io");
    if (is(k, "io", "auto"))
        s->io = is(k, "cache", "none") ? "native" : "threads";
    s->iothread = is(k, "iothread", "on");
    want_all(k, disk);
    want_all(k, share);
    return 0;
}

static int choose_vhost(struct making *k, struct cb_err *err)
{
    bool can = k->s->kvm && k->have->vhost;
    if (is(k, "vhost", "on") && !k->s->kvm)
        return cb_fail(err, CB_EMISSING, "vhost=on needs KVM: %s", k->have->kvm.reason);
    if (is(k, "vhost", "on") && !can)
        return cb_fail(err, CB_EMISSING, "vhost=on: /dev/vhost-net cannot be opened: modprobe vhost_net");
    k->s->vhost = can && !is(k, "vhost", "off") && is(k, "nic", "virtio");
    return 0;
}

static int choose_nic(struct making *k, struct cb_err *err)
{
    const struct device *nic = find(nics, cb_arm_value(k->arm, "nic"));
    bool paravirtual = is(k, "nic", "virtio");
    uint64_t queues = paravirtual ? k->s->vcpus : 1;
    if (!is(k, "queues", "auto") &&
        cb_parse_u64(cb_arm_value(k->arm, "queues"), 1, k->s->vcpus, &queues, err) < 0)
        return cb_wrap(err, "queues (no more than vCPUs)");
    if (!paravirtual && (queues > 1 || is(k, "vhost", "on")))
        return cb_fail(err, CB_EUSAGE, "queues and vhost=on need nic=virtio");
    k->s->nic = nic->model;
    k->s->user_net = is(k, "nic", "user");
    k->s->queues = (unsigned)queues;
    want_all(k, nic);
    return choose_vhost(k, err);
}

static int choose_boot(struct making *k, struct cb_err *err)
{
    struct cb_vm_spec *s = k->s;
    s->machine = cb_arm_value(k->arm, "machine");
    s->kernel = cb_arm_value(k->arm, "kernel");
    s->cmdline = cb_arm_value(k->arm, "cmdline");
    s->firmware = is(k, "firmware", "qboot")     ? CB_VM_FIRMWARE_QBOOT
                  : is(k, "firmware", "seabios") ? CB_VM_FIRMWARE_SEABIOS
                                                 : CB_VM_FIRMWARE_AUTO;
    if (s->firmware == CB_VM_FIRMWARE_QBOOT && !k->have->qboot)
        return cb_fail(err, CB_EMISSING, "firmware=qboot: no " CB_VM_QBOOT);
    /* It leaves the chipset's interrupt lines as they are: the link of an e1000 does not come up. */
    bool needs_bios = is(k, "nic", "e1000") || is(k, "nic", "e1000e");
    if (s->firmware == CB_VM_FIRMWARE_QBOOT && needs_bios)
        return cb_fail(err, CB_EUSAGE, "nic=%s does not work with firmware=qboot",
                       cb_arm_value(k->arm, "nic"));
    if (!k->have->qboot || needs_bios)
        s->firmware = CB_VM_FIRMWARE_SEABIOS;
    return 0;
}

int cb_vm_spec_make(const struct cb_arm *arm, const struct cb_vm_means *have, unsigned cpus, uint64_t memory,
                    struct cb_vm_spec *out, struct cb_err *err)
{
    struct making k = {.arm = arm, .have = have, .s = out};
    *out = (struct cb_vm_spec){0};
    want(&k, "virtio_pci", false);
    want(&k, "virtio_console", false);
    if (choose_cpu(&k, cpus, err) < 0 || choose_memory(&k, memory, err) < 0 || choose_disk(&k, err) < 0 ||
        choose_nic(&k, err) < 0 || choose_boot(&k, err) < 0)
        return -1;
    if (out->disk) {
        /* ext4 asks for it by its crypto name, which modules.dep does not know. */
        want(&k, "crc32c_generic", true);
        want(&k, "ext4", false);
    }
    return 0;
}

/* What fails on a machine that has everything fails on all. */
int cb_vm_check(const struct cb_arm *arm, struct cb_err *err)
{
    static const struct cb_vm_means everything = {.kvm = {.kvm = CB_KVM_HARDWARE, .usable = true},
                                                  .vhost = true,
                                                  .qboot = true,
                                                  .virtiofsd = true,
                                                  .huge_free = UINT64_MAX};
    struct cb_vm_spec ignored;
    return cb_vm_spec_make(arm, &everything, VCPUS_MAX, MEMORY_MIN, &ignored, err);
}

/* ---- facts ------------------------------------------------------------------------------------------- */

static void disk_facts(const struct cb_vm_spec *s, struct cb_env *env)
{
    bool lies = strcmp(s->cache, "unsafe") == 0;
    if (s->share)
        cb_env_fact(env, "disk", "none: the scratch directory is one of the host's, by %s", s->share);
    else if (!s->disk)
        cb_env_fact(env, "disk", "none");
    else
        cb_env_fact(env, "disk", "%s, raw, cache=%s%s, io=%s%s, ext4 of its own", s->disk, s->cache,
                    lies ? " (drops flushes: what the guest has synced is not on the disk)" : "", s->io,
                    s->iothread ? " in an I/O thread" : "");
}

static void link_facts(const struct cb_vm_spec *s, struct cb_env *env)
{
    cb_env_fact(env, "net.device", "%s, %u queue pair%s", s->nic ? s->nic : "none", s->queues,
                s->queues == 1 ? "" : "s");
    cb_env_fact(env, "net.backend", "%s", s->user_net ? "user-mode (slirp)" : s->vhost ? "vhost" : "qemu");
}

/* On which pages of the host the guest's memory lies. Its own choice is a fact from inside. */
static void memory_facts(const struct cb_vm_spec *s, struct cb_env *env)
{
    char thp[64] = "unknown";
    cb_read_line("/sys/kernel/mm/transparent_hugepage/enabled", thp, sizeof thp);
    if (s->hugepages)
        cb_env_fact(env, "memory.backing", "2 MiB pages of the host's pool");
    else if (s->share && strcmp(s->share, "virtiofs") == 0)
        cb_env_fact(env, "memory.backing", "shared memory, 4 KiB pages");
    else
        cb_env_fact(env, "memory.backing", "anonymous, huge pages of the host: %s, and qemu advises them",
                    thp);
}

void cb_vm_spec_facts(const struct cb_vm_spec *s, struct cb_env *env)
{
    cb_env_fact(env, "machine", "%s", s->machine);
    cb_env_fact(env, "cpu.mode", "%s",
                strcmp(s->cpu, "host") == 0  ? "host-passthrough"
                : strcmp(s->cpu, "max") == 0 ? "maximum"
                                             : s->cpu);
    cb_env_fact(env, "vcpus", "%u, %s", s->vcpus,
                s->pinned ? "each pinned to one of the arm's CPUs" : "each on all of the arm's CPUs");
    memory_facts(s, env);
    disk_facts(s, env);
    link_facts(s, env);
}
