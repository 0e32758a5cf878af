/* What the arm "vm:..." asks for: its parameters, its presets, and what they come to on a machine. Pure, but
 * for the looking around. */
#ifndef CB_RUNNERS_VMSPEC_H
#define CB_RUNNERS_VMSPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/base/err.h"
#include "runners/guestmodules.h"
#include "runners/kvmprobe.h"
#include "runners/runner.h"

/* Firmware that knows how to enter an ELF kernel and nothing else: half a second faster than SeaBIOS. */
#define CB_VM_QBOOT "/usr/share/qemu/qboot.rom"
/* Modules of a guest: its port, disk, link and share with all that these need by name. */
#define CB_VM_MODULES_MAX 12

/* What this machine offers to virtual machines. */
struct cb_vm_means {
    struct cb_kvm_verdict kvm;
    bool vhost;         /* the host's kernel serves queues of network cards */
    bool qboot;         /* CB_VM_QBOOT is there */
    bool virtiofsd;     /* qemu's or the newer one */
    uint64_t huge_free; /* bytes in free pages of 2 MiB */
};

enum cb_vm_firmware { CB_VM_FIRMWARE_AUTO, CB_VM_FIRMWARE_QBOOT, CB_VM_FIRMWARE_SEABIOS };

/* Texts are the arm's or static. */
struct cb_vm_spec {
    bool kvm;
    const char *machine; /* "q35", "pc" */
    const char *cpu;     /* "host", "max", or the name of a model */
    unsigned vcpus;
    uint64_t memory; /* bytes */
    bool hugepages, pinned;
    const char *disk, *disk_dev; /* libvirt's bus and target; NULL: no disk */
    const char *cache, *io;
    bool iothread;
    const char *nic; /* model; NULL: no network device */
    bool user_net;   /* qemu itself is the network, not the run's bridge */
    bool vhost;
    unsigned queues;
    const char *share; /* "virtiofs", "9p"; NULL: none */
    enum cb_vm_firmware firmware;
    const char *kernel, *cmdline; /* kernel: "auto", "generic", or a path */
    struct cb_module_want modules[CB_VM_MODULES_MAX];
};

extern const struct cb_arm_param cb_vm_params[];
extern const struct cb_arm_preset cb_vm_presets[];

/* KVM is asked only where the arm would use it. */
void cb_vm_means_find(const struct cb_arm *arm, struct cb_vm_means *m);
/* `cpus` and `memory` are what every arm of the run gets. What the machine does not offer is CB_EMISSING with
 * the command that helps where there is one; what contradicts itself is CB_EUSAGE. */
int cb_vm_spec_make(const struct cb_arm *arm, const struct cb_vm_means *have, unsigned cpus, uint64_t memory,
                    struct cb_vm_spec *out, struct cb_err *err);
/* Whether the values go together: a contradiction is CB_EUSAGE. */
int cb_vm_check(const struct cb_arm *arm, struct cb_err *err);
/* What it came to, as facts. */
void cb_vm_spec_facts(const struct cb_vm_spec *s, struct cb_env *env);

#endif
