#include "runners/domxml.h"

#include <inttypes.h>
#include <stdio.h>
#include <libxml/xmlwriter.h>

#include "runners/topology.h"

/* All that differs between an emulated domain and one on KVM. Both show the guest as much of a CPU as there
 * is. migratable=off lets the invariant TSC through, without which the guest's clock is a slower one. */
static const struct accel {
    const char *type, *cpu_mode, *cpu_migratable;
} accels[] = {
    [false] = {.type = "qemu", .cpu_mode = "maximum", .cpu_migratable = "on"},
    [true] = {.type = "kvm", .cpu_mode = "host-passthrough", .cpu_migratable = "off"},
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

/* Opens an element: its name, then attributes as name, value, ..., NULL. */
static void begin(struct xml *x, const char *const *words)
{
    x->failed |= xmlTextWriterStartElement(x->w, BAD_CAST * words++) < 0;
    for (; *words; words += 2) {
        check_text(x, words[1]);
        x->failed |= xmlTextWriterWriteAttribute(x->w, BAD_CAST words[0], BAD_CAST words[1]) < 0;
    }
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
static void pci_slot(struct xml *x, const char *slot)
{
    EMPTY(x, "address", "type", "pci", "domain", "0", "bus", "0", "slot", slot, "function", "0");
}

static void write_cpus(struct xml *x, const struct cb_domain *d)
{
    char count[16], all[CB_CPUS_MAX * 5];
    snprintf(count, sizeof count, "%d", d->ncpus);
    cb_cpulist_format(d->cpus, d->ncpus, all, sizeof all);
    TEXT(x, count, "vcpu", "placement", "static", "cpuset", all);
    BEGIN(x, "cputune");
    for (int i = 0; i < d->ncpus; i++) {
        char vcpu[16], cpu[16];
        snprintf(vcpu, sizeof vcpu, "%d", i);
        snprintf(cpu, sizeof cpu, "%d", d->cpus[i]);
        EMPTY(x, "vcpupin", "vcpu", vcpu, "cpuset", cpu);
    }
    EMPTY(x, "emulatorpin", "cpuset", all);
    end(x);
    const struct accel *a = &accels[d->kvm];
    EMPTY(x, "cpu", "mode", a->cpu_mode, "check", "none", "migratable", a->cpu_migratable);
}

static void write_boot(struct xml *x, const struct cb_domain *d)
{
    BEGIN(x, "os");
    TEXT(x, "hvm", "type", "arch", "x86_64", "machine", "q35");
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

static void write_disk(struct xml *x, const struct cb_domain_disk *k)
{
    BEGIN(x, "disk", "type", "file", "device", "disk");
    EMPTY(x, "driver", "name", "qemu", "type", "raw", "cache", k->cache, "io", k->io);
    EMPTY(x, "source", "file", k->path);
    EMPTY(x, "target", "dev", k->dev, "bus", k->bus);
    TEXT(x, CB_DOMAIN_SERIAL, "serial");
    pci_slot(x, "2");
    end(x);
}

static void write_interface(struct xml *x, const struct cb_domain *d)
{
    BEGIN(x, "interface", "type", "bridge");
    EMPTY(x, "mac", "address", d->mac);
    EMPTY(x, "source", "bridge", d->bridge);
    EMPTY(x, "model", "type", "virtio");
    EMPTY(x, "driver", "name", d->vhost ? "vhost" : "qemu");
    EMPTY(x, "rom", "enabled", "no"); /* nothing boots from it; loading the ROM costs time */
    pci_slot(x, "3");
    end(x);
}

static void write_channel(struct xml *x, const char *socket)
{
    BEGIN(x, "controller", "type", "virtio-serial", "index", "0");
    pci_slot(x, "4");
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
    if (d->disk.path)
        write_disk(x, &d->disk);
    if (d->bridge)
        write_interface(x, d);
    write_channel(x, d->channel);
    write_console(x, d->console);
    /* libvirt adds both unasked; neither is part of what is measured. */
    EMPTY(x, "controller", "type", "usb", "model", "none");
    EMPTY(x, "memballoon", "model", "none");
    end(x);
}

static void write_domain(struct xml *x, const struct cb_domain *d)
{
    char kib[32];
    snprintf(kib, sizeof kib, "%" PRIu64, d->memory / 1024);
    BEGIN(x, "domain", "type", accels[d->kvm].type);
    TEXT(x, d->name, "name");
    TEXT(x, kib, "memory", "unit", "KiB");
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
