#include "runners/domxml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <libxml/xmlwriter.h>

#include "runners/topology.h"

/* All that differs between an emulated domain and one on KVM. migratable=off lets the invariant TSC through,
 * without which the guest's clock is a slower one. */
static const struct accel {
    const char *type, *cpu_migratable;
} accels[] = {
    [false] = {.type = "qemu", .cpu_migratable = "on"},
    [true] = {.type = "kvm", .cpu_migratable = "off"},
};

/* A writer whose first failure sticks, so that a document needs one check at its end. */
struct xml {
    xmlTextWriter *w;
    bool failed; /* out of memory is all that can happen */
    bool unfit;  /* a text that XML cannot hold */
};

static void check_text(struct xml *x, const char *text)
{
    for (const char *c = text; *c; c++)
        x->unfit |= (unsigned char)*c < ' ' || *c == '\x7f';
    x->unfit |= !xmlCheckUTF8(BAD_CAST text);
}

static void attribute(struct xml *x, const char *name, const char *value)
{
    check_text(x, value);
    x->failed |= xmlTextWriterWriteAttribute(x->w, BAD_CAST name, BAD_CAST value) < 0;
}

/* Opens an element: its name, then attributes as name, value, ..., NULL. */
static void begin(struct xml *x, const char *const *words)
{
    x->failed |= xmlTextWriterStartElement(x->w, BAD_CAST * words++) < 0;
    for (; *words; words += 2)
        attribute(x, words[0], words[1]);
}

static void end(struct xml *x)
{
    x->failed |= xmlTextWriterEndElement(x->w) < 0;
}

static void text(struct xml *x, const char *value)
{
    check_text(x, value);
    x->failed |= xmlTextWriterWriteString(x->w, BAD_CAST value) < 0;
}

#define BEGIN(x, ...)       begin((x), (const char *const[]){__VA_ARGS__, NULL})
#define EMPTY(x, ...)       (BEGIN(x, __VA_ARGS__), end(x))
#define TEXT(x, value, ...) (BEGIN(x, __VA_ARGS__), text((x), (value)), end(x))

/* Devices sit on the root bus, each in a slot of its own: behind the root ports that libvirt would add, the
 * guest scans a bridge for each of them, and an emulated boot pays for it. */
static const char DISK_SLOT[] = "2", NIC_SLOT[] = "3", SERIAL_SLOT[] = "4";
#define IOTHREAD "1" /* the id of the only one */

static void pci_slot(struct xml *x, const char *slot)
{
    EMPTY(x, "address", "type", "pci", "domain", "0", "bus", "0", "slot", slot, "function", "0");
}

static void write_memory(struct xml *x, const struct cb_domain *d)
{
    bool shared =
        d->share.type && strcmp(d->share.type, "virtiofs") == 0; /* with the process that serves it */
    char kib[32];
    snprintf(kib, sizeof kib, "%" PRIu64, d->memory / 1024);
    TEXT(x, kib, "memory", "unit", "KiB");
    if (!d->hugepages && !shared)
        return;
    BEGIN(x, "memoryBacking");
    if (d->hugepages) {
        BEGIN(x, "hugepages");
        EMPTY(x, "page", "size", "2048", "unit", "KiB");
        end(x);
    }
    EMPTY(x, "source", "type", "memfd"); /* needs no mounted hugetlbfs */
    if (shared)
        EMPTY(x, "access", "mode", "shared");
    end(x);
}

static void write_pins(struct xml *x, const struct cb_domain *d, const char *all)
{
    BEGIN(x, "cputune");
    for (unsigned i = 0; d->pinned && i < d->vcpus; i++) {
        char vcpu[16], cpu[16];
        snprintf(vcpu, sizeof vcpu, "%u", i);
        snprintf(cpu, sizeof cpu, "%d", d->cpus[i % (unsigned)d->ncpus]);
        EMPTY(x, "vcpupin", "vcpu", vcpu, "cpuset", cpu);
    }
    EMPTY(x, "emulatorpin", "cpuset", all);
    if (d->disk.iothread)
        EMPTY(x, "iothreadpin", "iothread", IOTHREAD, "cpuset", all);
    end(x);
}

/* Both modes without a model show the guest as much of a CPU as there is. */
static void write_cpu_model(struct xml *x, const struct cb_domain *d)
{
    const char *migratable = accels[d->kvm].cpu_migratable;
    if (strcmp(d->cpu, "host") == 0) {
        EMPTY(x, "cpu", "mode", "host-passthrough", "check", "none", "migratable", migratable);
    } else if (strcmp(d->cpu, "max") == 0) {
        EMPTY(x, "cpu", "mode", "maximum", "check", "none", "migratable", migratable);
    } else {
        BEGIN(x, "cpu", "mode", "custom", "match", "exact", "check", "none");
        TEXT(x, d->cpu, "model", "fallback", "forbid");
        end(x);
    }
}

static void write_cpus(struct xml *x, const struct cb_domain *d)
{
    char count[16], all[CB_CPUS_MAX * 5];
    snprintf(count, sizeof count, "%u", d->vcpus);
    cb_cpulist_format(d->cpus, d->ncpus, all, sizeof all);
    TEXT(x, count, "vcpu", "placement", "static", "cpuset", all);
    if (d->disk.iothread)
        TEXT(x, "1", "iothreads");
    write_pins(x, d, all);
    write_cpu_model(x, d);
}

static void write_boot(struct xml *x, const struct cb_domain *d)
{
    BEGIN(x, "os");
    TEXT(x, "hvm", "type", "arch", "x86_64", "machine", d->machine);
    if (d->firmware)
        TEXT(x, d->firmware, "loader", "type", "rom");
    TEXT(x, d->kernel, "kernel");
    TEXT(x, d->initrd, "initrd");
    TEXT(x, d->cmdline, "cmdline");
    end(x);
    BEGIN(x, "features");
    EMPTY(x, "acpi"); /* without it a guest cannot power itself off */
    end(x);
}

/* Buses that the chipset does not have itself get a controller. */
static void write_controller(struct xml *x, const struct cb_domain *d)
{
    bool scsi = strcmp(d->disk.bus, "scsi") == 0;
    if (scsi)
        BEGIN(x, "controller", "type", "scsi", "index", "0", "model", "virtio-scsi");
    else if (strcmp(d->disk.bus, "sata") == 0 && strcmp(d->machine, "q35") != 0)
        BEGIN(x, "controller", "type", "sata", "index", "0");
    else
        return;
    if (scsi && d->disk.iothread)
        EMPTY(x, "driver", "iothread", IOTHREAD);
    pci_slot(x, DISK_SLOT);
    end(x);
}

static void write_disk_driver(struct xml *x, const struct cb_domain_disk *k, bool iothread)
{
    BEGIN(x, "driver", "name", "qemu", "type", "raw", "cache", k->cache, "io", k->io);
    if (iothread)
        attribute(x, "iothread", IOTHREAD);
    end(x);
}

static void write_disk(struct xml *x, const struct cb_domain_disk *k)
{
    bool virtio = strcmp(k->bus, "virtio") == 0; /* a PCI device itself */
    BEGIN(x, "disk", "type", "file", "device", "disk");
    write_disk_driver(x, k, virtio && k->iothread);
    EMPTY(x, "source", "file", k->path);
    EMPTY(x, "target", "dev", k->dev, "bus", k->bus);
    TEXT(x, CB_DOMAIN_SERIAL, "serial");
    if (virtio)
        pci_slot(x, DISK_SLOT);
    end(x);
}

static void write_share(struct xml *x, const struct cb_domain_share *s)
{
    BEGIN(x, "filesystem", "type", "mount", "accessmode", "passthrough");
    EMPTY(x, "driver", "type", strcmp(s->type, "9p") == 0 ? "path" : s->type);
    EMPTY(x, "source", "dir", s->path);
    EMPTY(x, "target", "dir", CB_DOMAIN_SHARE);
    pci_slot(x, DISK_SLOT); /* comes in its place */
    end(x);
}

static void write_queues(struct xml *x, const struct cb_domain_nic *n)
{
    char queues[16];
    snprintf(queues, sizeof queues, "%u", n->queues);
    BEGIN(x, "driver", "name", n->vhost ? "vhost" : "qemu");
    if (n->queues > 1)
        attribute(x, "queues", queues);
    end(x);
}

static void write_interface(struct xml *x, const struct cb_domain_nic *n)
{
    BEGIN(x, "interface", "type", n->bridge ? "bridge" : "user");
    EMPTY(x, "mac", "address", n->mac);
    if (n->bridge)
        EMPTY(x, "source", "bridge", n->bridge);
    EMPTY(x, "model", "type", n->model);
    if (n->bridge && strcmp(n->model, "virtio") == 0)
        write_queues(x, n);
    EMPTY(x, "rom", "enabled", "no"); /* nothing boots from it; loading the ROM costs time */
    pci_slot(x, NIC_SLOT);
    end(x);
}

static void write_channel(struct xml *x, const char *socket)
{
    BEGIN(x, "controller", "type", "virtio-serial", "index", "0");
    pci_slot(x, SERIAL_SLOT);
    end(x);
    BEGIN(x, "channel", "type", "unix");
    EMPTY(x, "source", "mode", "bind", "path", socket);
    EMPTY(x, "target", "type", "virtio", "name", CB_DOMAIN_CHANNEL);
    end(x);
}

static void write_console(struct xml *x, const char *file)
{
    BEGIN(x, "serial", "type", "file");
    EMPTY(x, "source", "path", file);
    EMPTY(x, "target", "port", "0");
    end(x);
}

static void write_devices(struct xml *x, const struct cb_domain *d)
{
    BEGIN(x, "devices");
    if (d->disk.path) {
        write_controller(x, d);
        write_disk(x, &d->disk);
    }
    if (d->share.type)
        write_share(x, &d->share);
    if (d->nic.model)
        write_interface(x, &d->nic);
    write_channel(x, d->channel);
    write_console(x, d->console);
    /* libvirt adds both unasked; neither is part of what is measured. */
    EMPTY(x, "controller", "type", "usb", "model", "none");
    EMPTY(x, "memballoon", "model", "none");
    end(x);
}

static void write_domain(struct xml *x, const struct cb_domain *d)
{
    BEGIN(x, "domain", "type", accels[d->kvm].type);
    TEXT(x, d->name, "name");
    write_memory(x, d);
    write_cpus(x, d);
    write_boot(x, d);
    /* A guest that panics or reboots has failed: it must stop, so that this is seen at once. */
    TEXT(x, "destroy", "on_poweroff");
    TEXT(x, "destroy", "on_reboot");
    TEXT(x, "destroy", "on_crash");
    write_devices(x, d);
    end(x);
}

int cb_domain_xml(const struct cb_domain *d, struct cb_buf *out, struct cb_err *err)
{
    xmlBuffer *buffer = xmlBufferCreate();
    struct xml x = {.w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL};
    x.failed = !x.w;
    if (x.w) {
        xmlTextWriterSetIndent(x.w, 1);
        write_domain(&x, d);
        x.failed |= xmlTextWriterEndDocument(x.w) < 0;
        xmlFreeTextWriter(x.w);
    }
    if (!x.failed)
        cb_buf_add(out, xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer));
    xmlBufferFree(buffer);
    if (x.failed || !cb_buf_ok(out))
        return cb_fail(err, CB_ESYS, "domain XML: out of memory");
    if (x.unfit)
        return cb_fail(err, CB_EUSAGE, "domain XML: a name or path holds bytes that XML cannot");
    return 0;
}
