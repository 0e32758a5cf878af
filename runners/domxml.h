/* The libvirt domain of one instance as XML: a pure function of a struct. */
#ifndef CB_RUNNERS_DOMXML_H
#define CB_RUNNERS_DOMXML_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"

#define CB_DOMAIN_CHANNEL "org.cbench.agent" /* name of the agent's virtio port */
#define CB_DOMAIN_SERIAL  "cbench-scratch"   /* serial of the disk that the guest mounts at /scratch */

struct cb_domain_disk {
    const char *path;       /* raw image; NULL: no disk */
    const char *bus;        /* "virtio" */
    const char *dev;        /* "vda": libvirt wants one that suits the bus */
    const char *cache, *io; /* as in libvirt's <driver> */
};

struct cb_domain {
    const char *name;
    bool kvm;        /* false: TCG emulation */
    uint64_t memory; /* bytes */
    const int *cpus; /* host CPUs: one vCPU each, pinned; qemu's other threads run on the same ones */
    int ncpus;
    const char *firmware; /* ROM image; NULL: the machine's own (SeaBIOS) */
    const char *kernel, *initrd, *cmdline;
    const char *console; /* file that gets what the guest writes to its first serial port */
    const char *channel; /* unix socket of the agent's port; qemu listens */
    struct cb_domain_disk disk;
    const char *bridge, *mac; /* bridge NULL: no network device */
    bool vhost;               /* its queues are served by the host's kernel, not by qemu */
};

/* Appends the document. Texts are escaped; one that XML cannot hold (control bytes, not UTF-8) is CB_EUSAGE.
 */
int cb_domain_xml(const struct cb_domain *d, struct cb_buf *out, struct cb_err *err);

#endif
