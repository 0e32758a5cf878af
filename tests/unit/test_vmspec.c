/* What the parameters of a VM arm come to on machines that offer this or that. */
#include <stdio.h>
#include <string.h>

#include "runners/vmspec.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CPUS     4
#define MEMORY   (UINT64_C(1) << 30)

static const struct cb_vm_means poor = {.kvm = {.reason = "no KVM: open /dev/kvm"}};
static const struct cb_vm_means rich = {
    .kvm = {.kvm = CB_KVM_HARDWARE, .usable = true, .reason = "KVM runs"},
    .vhost = true,
    .qboot = true,
    .virtiofsd = true,
    .huge_free = UINT64_C(4) << 30,
};

/* The texts of a spec are the arm's: both live until the next call. */
static int make(const char *text, const struct cb_vm_means *have, struct cb_vm_spec *s, struct cb_err *err)
{
    static struct cb_arm arm;
    *err = (struct cb_err){0};
    CU_ASSERT_EQUAL_FATAL(cb_arm_parse(text, &arm, err), 0);
    return cb_vm_spec_make(&arm, have, CPUS, MEMORY, s, err);
}

static struct cb_vm_spec made(const char *text, const struct cb_vm_means *have)
{
    struct cb_vm_spec s;
    struct cb_err err;
    CU_ASSERT_EQUAL(make(text, have, &s, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.msg, "");
    return s;
}

/* In the order of loading; the history compares runs of "vm" as it always was. */
static void bare_arm_stays(void)
{
    static const char *const modules[] = {"virtio_pci", "virtio_console", "virtio_blk",
                                          "virtio_net", "crc32c_generic", "ext4"};
    struct cb_vm_spec s = made("vm", &poor);
    CU_ASSERT_FALSE(s.kvm || s.hugepages || s.iothread || s.vhost || s.user_net);
    CU_ASSERT_TRUE(s.pinned);
    CU_ASSERT_EQUAL(s.vcpus, CPUS);
    CU_ASSERT_EQUAL(s.queues, 1);
    CU_ASSERT_EQUAL(s.memory, MEMORY);
    CU_ASSERT_PTR_NULL(s.share);
    const char *const got[] = {s.machine, s.cpu, s.disk,   s.disk_dev, s.cache,
                               s.io,      s.nic, s.kernel, s.cmdline};
    static const char *const want[] = {"q35", "max", "virtio", "vda", "none", "native", "virtio", "auto", ""};
    for (size_t i = 0; i < COUNT(want); i++)
        CU_ASSERT_STRING_EQUAL(got[i], want[i]);
    for (size_t i = 0; i < COUNT(modules); i++)
        CU_ASSERT_STRING_EQUAL(s.modules[i].name, modules[i]);
    CU_ASSERT_PTR_NULL(s.modules[COUNT(modules)].name);
}

static void kvm_changes_what_is_automatic(void)
{
    struct cb_vm_spec s = made("vm", &rich);
    CU_ASSERT_TRUE(s.kvm && s.vhost);
    CU_ASSERT_STRING_EQUAL(s.cpu, "host");
    CU_ASSERT_EQUAL(s.firmware, CB_VM_FIRMWARE_AUTO);
    CU_ASSERT_FALSE(made("vm:vhost=off", &rich).vhost);
    CU_ASSERT_FALSE(made("vm:nic=e1000", &rich).vhost);
    CU_ASSERT_STRING_EQUAL(made("vm:cpu=qemu64", &rich).cpu, "qemu64");
    CU_ASSERT_EQUAL(made("vm", &poor).firmware, CB_VM_FIRMWARE_SEABIOS);
    CU_ASSERT_EQUAL(made("vm:nic=e1000e", &rich).firmware, CB_VM_FIRMWARE_SEABIOS);
}

static void presets_are_values(void)
{
    struct cb_vm_spec s = made("vm:preset=default", &rich);
    CU_ASSERT_FALSE(s.pinned || s.hugepages || s.iothread);
    CU_ASSERT_STRING_EQUAL(s.cache, "writeback");
    CU_ASSERT_STRING_EQUAL(s.io, "threads");
    CU_ASSERT_EQUAL(s.firmware, CB_VM_FIRMWARE_SEABIOS);
    s = made("vm:preset=tuned", &rich);
    CU_ASSERT_TRUE(s.pinned && s.hugepages && s.iothread && s.vhost);
    CU_ASSERT_STRING_EQUAL(s.io, "native");
    CU_ASSERT_EQUAL(s.queues, CPUS);
    s = made("vm:preset=tuned", &poor); /* the best that there is */
    CU_ASSERT_FALSE(s.hugepages || s.vhost);
    s = made("vm:preset=minimal", &rich);
    CU_ASSERT_TRUE(!s.disk && !s.nic && !s.share);
    CU_ASSERT_STRING_EQUAL(s.modules[1].name, "virtio_console");
    CU_ASSERT_PTR_NULL(s.modules[2].name);
}

static void given_keys_win_over_presets(void)
{
    static const char *const arms[] = {"vm:preset=tuned,cache=writeback,io=threads,queues=2",
                                       "vm:cache=writeback,io=threads,preset=tuned,queues=2"};
    for (size_t i = 0; i < COUNT(arms); i++) {
        struct cb_vm_spec s = made(arms[i], &rich);
        CU_ASSERT_STRING_EQUAL(s.cache, "writeback");
        CU_ASSERT_STRING_EQUAL(s.io, "threads");
        CU_ASSERT_EQUAL(s.queues, 2);
        CU_ASSERT_TRUE(s.iothread);
    }
}

static void every_preset_works_anywhere(void)
{
    for (const struct cb_arm_preset *p = cb_vm_presets; p->name; p++) {
        char text[CB_ARM_NAME_MAX];
        snprintf(text, sizeof text, "vm:preset=%s", p->name);
        made(text, &rich);
        made(text, &poor);
        CU_ASSERT_TRUE(strlen(p->summary) > 40);
    }
}

static void devices_bring_modules(void)
{
    static const struct {
        const char *arm, *dev, *modules[2];
    } rows[] = {
        {"vm:disk=scsi", "sda", {"virtio_scsi", "sd_mod"}},
        {"vm:disk=sata", "sda", {"ahci", "sd_mod"}},
        {"vm:disk=ide,machine=pc", "hda", {"ata_piix", "sd_mod"}},
        {"vm:share=virtiofs", NULL, {"virtiofs", "virtio_net"}},
        {"vm:share=9p,nic=e1000", NULL, {"9pnet_virtio", "9p"}},
        {"vm:disk=none,nic=e1000e", NULL, {"e1000e", NULL}},
        {"vm:disk=none,nic=user", NULL, {"virtio_net", NULL}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cb_vm_spec s = made(rows[i].arm, &rich);
        CU_ASSERT_EQUAL(s.disk_dev == NULL, rows[i].dev == NULL);
        if (s.disk_dev)
            CU_ASSERT_STRING_EQUAL(s.disk_dev, rows[i].dev);
        for (size_t m = 0; m < 2 && rows[i].modules[m]; m++)
            CU_ASSERT_STRING_EQUAL(s.modules[2 + m].name, rows[i].modules[m]);
    }
}

static void says_what_is_not_here(void)
{
    static const struct {
        const char *arm;
        const struct cb_vm_means *have;
        const char *says;
    } rows[] = {
        {"vm:accel=kvm", &poor, "no KVM"},
        {"vm:cpu=host", &poor, "no KVM"},
        {"vm:vhost=on", &poor, "needs KVM"},
        {"vm:hugepages=2M", &poor, "sysctl vm.nr_hugepages=512"},
        {"vm:memory=8G,hugepages=2M", &rich, "2048 pages of 2 MiB are free"},
        {"vm:share=virtiofs", &poor, "apt-get install"},
        {"vm:firmware=qboot", &poor, "qboot"},
    };
    struct cb_vm_means no_vhost = rich;
    struct cb_vm_spec s;
    struct cb_err err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CU_ASSERT_EQUAL(make(rows[i].arm, rows[i].have, &s, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EMISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
    }
    no_vhost.vhost = false;
    CU_ASSERT_EQUAL(make("vm:vhost=on", &no_vhost, &s, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "modprobe vhost_net"));
    CU_ASSERT_EQUAL(make("vm:queues=5", &rich, &s, &err),
                    -1); /* how many CPUs arms have is not known before */
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
}

static void refuses_contradictions(void)
{
    static const struct {
        const char *arm, *says;
    } rows[] = {
        {"vm:disk=ide", "machine=pc"},
        {"vm:disk=sata,iothread=on", "virtio"},
        {"vm:io=native,cache=writeback", "cache=none"},
        {"vm:preset=tuned,cache=writeback", "cache=none"},
        {"vm:nic=e1000,queues=2", "nic=virtio"},
        {"vm:nic=user,vhost=on", "nic=virtio"},
        {"vm:nic=e1000,firmware=qboot", "does not work"},
        {"vm:vcpus=2,queues=3", "queues"},
        {"vm:vcpus=0", "vcpus"},
        {"vm:vcpus=65", "vcpus"},
        {"vm:vcpus=two", "vcpus"},
        {"vm:memory=64M", "96M"},
        {"vm:memory=much", "memory"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cb_arm arm;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_arm_parse(rows[i].arm, &arm, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
    }
}

static const char *fact(const struct cb_env *env, const char *key)
{
    for (unsigned i = 0; i < env->nfacts; i++)
        if (strcmp(env->facts[i].key, key) == 0)
            return env->facts[i].value;
    return "";
}

static void facts_tell_what_it_came_to(void)
{
    static struct cb_env env, plain;
    struct cb_vm_spec s = made("vm:cache=unsafe,hugepages=2M,nic=user", &rich);
    cb_vm_spec_facts(&s, &env);
    CU_ASSERT_PTR_NOT_NULL(strstr(fact(&env, "disk"), "drops flushes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fact(&env, "memory.backing"), "2 MiB"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fact(&env, "net.backend"), "slirp"));
    s = made("vm", &poor);
    cb_vm_spec_facts(&s, &plain);
    CU_ASSERT_STRING_EQUAL(fact(&plain, "disk"), "virtio, raw, cache=none, io=native, ext4 of its own");
    CU_ASSERT_STRING_EQUAL(fact(&plain, "cpu.mode"), "maximum");
    CU_ASSERT_STRING_EQUAL(fact(&plain, "net.backend"), "qemu");
}

const struct cb_suite cb_suite = {"vmspec",
                                  {{"the arm without parameters stays", bare_arm_stays},
                                   {"KVM changes what is automatic", kvm_changes_what_is_automatic},
                                   {"presets are values", presets_are_values},
                                   {"keys that are given win over presets", given_keys_win_over_presets},
                                   {"every preset works anywhere", every_preset_works_anywhere},
                                   {"devices bring modules", devices_bring_modules},
                                   {"says what is not here", says_what_is_not_here},
                                   {"refuses contradictions", refuses_contradictions},
                                   {"facts tell what it came to", facts_tell_what_it_came_to},
                                   CU_TEST_INFO_NULL}};
