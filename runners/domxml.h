/* The libvirt domain of one instance as XML: a pure function of a struct. */
#ifndef CB_RUNNERS_DOMXML_H
#define CB_RUNNERS_DOMXML_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"

#define CB_DOMAIN_CHANNEL "org.cbench.agent" /* name of the agent's virtio port */
#define CB_DOMAIN_SERIAL  "cbench-scratch"   /* serial of the disk that the guest mounts at /scratch */
#define CB_DOMAIN_SHARE   "cbench-scratch"   /* or the tag of a directory of the host */

struct cb_domain_disk {
    const char *path;       /* raw image; NULL: no disk */
    const char *bus;        /* "virtio", "scsi" (virtio's), "sata", "ide" */
    const char *dev;        /* "vda": libvirt wants one that suits the bus */
    const char *cache, *io; /* as in libvirt's <driver> */
    bool iothread;          /* served by a thread of its own; virtio and scsi only */
};

struct cb_domain_nic {
    const char *model;  /* "virtio", "e1000", "e1000e"; NULL: no network device */
    const char *bridge; /* NULL: qemu's user-mode network */
    const char *mac;
    bool vhost;      /* its queues are served by the host's kernel, not by qemu */
    unsigned queues; /* pairs; more than one with virtio only */
};

struct cb_domain_share {
    const char *type; /* "virtiofs", "9p"; NULL: none */
    const char *path; /* the host's directory; the guest mounts CB_DOMAIN_SHARE */
};

struct cb_domain {
    const char *name;
    bool kvm;        /* false: TCG emulation */
    uint64_t memory; /* bytes */
    bool hugepages;  /* of 2 MiB, from the host's pool */
    const char *machine;
    const char *cpu; /* "host", "max", or a model's name */
    unsigned vcpus;  /* run on `cpus`: one after the other where pinned, else each on all of them */
    bool pinned;
    const int *cpus; /* host CPUs; qemu's other threads run on the same ones */
    int ncpus;
    const char *firmware; /* ROM image; NULL: the machine's own (SeaBIOS) */
    const char *kernel, *initrd, *cmdline;
    const char *console; /* file that gets what the guest writes to its first serial port */
    const char *channel; /* unix socket of the agent's port; qemu listens */
    struct cb_domain_disk disk;
    struct cb_domain_nic nic;
    struct cb_domain_share share;
};

/* Appends the document. Texts are escaped; one that XML cannot hold (control bytes, not UTF-8) is CB_EUSAGE.
 */
int cb_domain_xml(const struct cb_domain *d, struct cb_buf *out, struct cb_err *err);

#endif
