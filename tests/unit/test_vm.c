/* What the VM runner makes out of data: domain XML, cpio archives, KVM verdicts. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/xpath.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/cpio.h"
#include "runners/domxml.h"
#include "runners/kvmprobe.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- domain XML -------------------------------------------------------------------------------------- */

static const int two_cpus[] = {1, 3};

static struct cb_domain tcg_domain(void)
{
    return (struct cb_domain){
        .name = "cbench-20261124-063012-3f9a-2",
        .memory = UINT64_C(512) << 20,
        .machine = "q35",
        .cpu = "max",
        .vcpus = 1,
        .pinned = true,
        .cpus = two_cpus,
        .ncpus = 1,
        .firmware = "/usr/share/qemu/qboot.rom",
        .kernel = "/cache/vmlinux",
        .initrd = "/out/r/work/vm-initramfs.cpio",
        .cmdline = "console=ttyS0 quiet",
        .console = "/run/cbench/r/vm2.log",
        .channel = "/run/cbench/r/vm2.sock",
        .disk = {.path = "/out/r/work/vm-scratch.img",
                 .bus = "virtio",
                 .dev = "vda",
                 .cache = "none",
                 .io = "native"},
        .nic = {.model = "virtio", .bridge = "cbr0", .mac = "52:54:00:cb:00:02", .queues = 1}};
}

static struct cb_domain kvm_domain(void)
{
    struct cb_domain d = tcg_domain();
    d.kvm = true;
    d.cpu = "host";
    d.vcpus = d.ncpus = 2;
    d.nic.vhost = true;
    d.firmware = NULL;
    d.disk.path = NULL;
    return d;
}

static void expect_golden(const struct cb_domain *d, const char *name)
{
    struct cb_err err = {0};
    CB_AUTOBUF struct cb_buf got = {0};
    CB_AUTOBUF struct cb_buf want = {0};
    CU_ASSERT_EQUAL_FATAL(cb_domain_xml(d, &got, &err), 0);
    int dir = open(CB_TEST_DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (getenv("CB_WRITE_GOLDEN"))
        cb_replace_file(dir, name, got.data, got.len, 0644, &err);
    CU_ASSERT_EQUAL_FATAL(cb_read_file(dir, name, 65536, &want, &err), 0);
    close(dir);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&got), cb_buf_str(&want));
}

/* A virtio-scsi disk served by a thread of its own, memory in huge pages, queues for two unpinned vCPUs. */
static struct cb_domain scsi_domain(void)
{
    struct cb_domain d = kvm_domain();
    d.pinned = false;
    d.hugepages = true;
    d.disk = tcg_domain().disk;
    d.disk.bus = "scsi";
    d.disk.dev = "sda";
    d.disk.iothread = true;
    d.nic.queues = 2;
    return d;
}

/* What is emulated: an old chipset with its own disks and card, and more vCPUs than CPUs. */
static struct cb_domain old_domain(void)
{
    struct cb_domain d = tcg_domain();
    d.machine = "pc";
    d.cpu = "qemu64";
    d.vcpus = 2;
    d.disk.bus = "sata";
    d.disk.dev = "sda";
    d.disk.cache = "writeback";
    d.disk.io = "threads";
    d.nic.model = "e1000";
    return d;
}

/* No disk but a directory of the host, and no bridge. */
static struct cb_domain share_domain(void)
{
    struct cb_domain d = tcg_domain();
    d.disk = (struct cb_domain_disk){.path = NULL};
    d.nic.bridge = NULL;
    d.share = (struct cb_domain_share){.type = "virtiofs", .path = "/out/r/work/vm-share"};
    return d;
}

static const struct {
    const char *golden;
    struct cb_domain (*make)(void);
} domains[] = {
    {"domain-tcg.xml", tcg_domain}, {"domain-kvm.xml", kvm_domain},     {"domain-scsi.xml", scsi_domain},
    {"domain-old.xml", old_domain}, {"domain-share.xml", share_domain},
};

static void xml_is_golden(void)
{
    for (size_t i = 0; i < COUNT(domains); i++) {
        struct cb_domain d = domains[i].make();
        expect_golden(&d, domains[i].golden);
    }
}

static void quiet(void *ctx, const char *fmt, ...)
{
    (void)ctx;
    (void)fmt;
}

/* libvirt's own schema has the last word on what a domain is. */
static void xml_fits_the_schema(void)
{
    static const char schema[] = "/usr/share/libvirt/schemas/domain.rng";
    if (access(schema, R_OK) < 0) {
        printf("(skipped: no %s) ", schema);
        return;
    }
    xmlSetGenericErrorFunc(NULL, quiet);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewParserCtxt(schema);
    xmlRelaxNG *rng = xmlRelaxNGParse(parser);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rng);
    for (size_t i = 0; i < COUNT(domains); i++) {
        struct cb_err err = {0};
        CB_AUTOBUF struct cb_buf xml = {0};
        struct cb_domain d = domains[i].make();
        CU_ASSERT_EQUAL_FATAL(cb_domain_xml(&d, &xml, &err), 0);
        xmlDoc *doc = xmlParseMemory(xml.data, (int)xml.len);
        xmlRelaxNGValidCtxt *valid = xmlRelaxNGNewValidCtxt(rng);
        CU_ASSERT_EQUAL(xmlRelaxNGValidateDoc(valid, doc), 0);
        xmlRelaxNGFreeValidCtxt(valid);
        xmlFreeDoc(doc);
    }
    xmlRelaxNGFree(rng);
    xmlRelaxNGFreeParserCtxt(parser);
}

static void expect_xpath(xmlDoc *doc, const char *path, const char *want)
{
    xmlXPathContext *c = xmlXPathNewContext(doc);
    xmlXPathObject *o = xmlXPathEvalExpression(BAD_CAST path, c);
    xmlChar *got = xmlXPathCastToString(o);
    CU_ASSERT_STRING_EQUAL((const char *)got, want);
    xmlFree(got);
    xmlXPathFreeObject(o);
    xmlXPathFreeContext(c);
}

/* Whatever a name holds, a parser reads the same name back, and nothing else. */
static void xml_escapes(void)
{
    static const char hostile[] = "/a'b\"c<d>&amp;]]>/ü --><domain type='kvm'/>";
    struct cb_err err = {0};
    CB_AUTOBUF struct cb_buf xml = {0};
    struct cb_domain d = tcg_domain();
    d.name = d.kernel = d.initrd = d.cmdline = d.console = d.channel = d.disk.path = d.nic.bridge = hostile;
    CU_ASSERT_EQUAL_FATAL(cb_domain_xml(&d, &xml, &err), 0);
    xmlDoc *doc = xmlParseMemory(xml.data, (int)xml.len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
    static const char *const paths[] = {"/domain/name",
                                        "/domain/os/kernel",
                                        "/domain/os/initrd",
                                        "/domain/os/cmdline",
                                        "/domain/devices/serial/source/@path",
                                        "/domain/devices/channel/source/@path",
                                        "/domain/devices/disk/source/@file",
                                        "/domain/devices/interface/source/@bridge"};
    for (size_t i = 0; i < COUNT(paths); i++)
        expect_xpath(doc, paths[i], hostile);
    expect_xpath(doc, "count(//domain)", "1");
    xmlFreeDoc(doc);
}

static void xml_refuses(void)
{
    static const char *const bad[] = {"a\x01", "a\nb", "a\x7f", "\xff\xfe", "\xc3"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct cb_err err = {0};
        CB_AUTOBUF struct cb_buf xml = {0};
        struct cb_domain d = tcg_domain();
        d.disk.path = bad[i];
        CU_ASSERT_EQUAL(cb_domain_xml(&d, &xml, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    }
}

/* ---- cpio -------------------------------------------------------------------------------------------- */

static void cpio_is_golden(void)
{
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_cpio c = {.out = &out};
    static const char want[] = "070701"
                               "00000001" /* inode */
                               "000081A4" /* a regular file, 0644 */
                               "0000000000000000"
                               "00000001" /* links */
                               "00000000" /* time */
                               "00000005" /* size */
                               "00000000000000000000000000000000"
                               "00000004" /* name and its NUL */
                               "00000000"
                               "a/b\0\0\0" /* 110 bytes of header: the name ends at 114, padded to 116 */
                               "hello\0\0\0";
    cb_cpio_file(&c, "a/b", 0644, "hello", 5);
    CU_ASSERT_EQUAL_FATAL(out.len, sizeof want - 1);
    CU_ASSERT_EQUAL(memcmp(out.data, want, out.len), 0);
}

struct member {
    const char *path;
    mode_t mode;
    const char *bytes;
};

static void cpio_reads_back(void)
{
    static const struct member want[] = {
        {"dev", S_IFDIR | 0755, ""},          {"dev/console", S_IFCHR | 0600, ""},
        {"init", S_IFREG | 0755, "12345678"}, {"modules/a.ko", S_IFREG | 0644, "x"},
        {"empty", S_IFREG | 0644, ""},
    };
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_cpio c = {.out = &out};
    struct archive_entry *e;
    cb_cpio_dir(&c, "dev", 0755);
    cb_cpio_chardev(&c, "dev/console", 0600, 5, 1);
    cb_cpio_file(&c, "init", 0755, "12345678", 8);
    cb_cpio_file(&c, "modules/a.ko", 0644, "x", 1);
    cb_cpio_file(&c, "empty", 0644, "", 0);
    cb_cpio_end(&c);
    CU_ASSERT_TRUE(cb_buf_ok(&out));
    CU_ASSERT_EQUAL(out.len % 4, 0);
    struct archive *a = archive_read_new();
    archive_read_support_format_cpio(a);
    CU_ASSERT_EQUAL_FATAL(archive_read_open_memory(a, out.data, out.len), ARCHIVE_OK);
    for (size_t i = 0; i < COUNT(want); i++) {
        char bytes[16] = "";
        CU_ASSERT_EQUAL_FATAL(archive_read_next_header(a, &e), ARCHIVE_OK);
        CU_ASSERT_STRING_EQUAL(archive_entry_pathname(e), want[i].path);
        CU_ASSERT_EQUAL(archive_entry_mode(e), want[i].mode);
        CU_ASSERT_EQUAL(archive_entry_uid(e), 0);
        if (S_ISCHR(want[i].mode))
            CU_ASSERT_EQUAL(archive_entry_rdev(e), makedev(5, 1));
        CU_ASSERT_EQUAL(archive_read_data(a, bytes, sizeof bytes), (la_ssize_t)strlen(want[i].bytes));
        CU_ASSERT_STRING_EQUAL(bytes, want[i].bytes);
    }
    CU_ASSERT_EQUAL(archive_read_next_header(a, &e), ARCHIVE_EOF);
    archive_read_free(a);
}

/* ---- KVM --------------------------------------------------------------------------------------------- */

/* Recorded: a bare machine, QEMU's emulated SVM, a paravirtual KVM that emulates ring 0, and failures. */
static void kvm_verdicts(void)
{
    static const struct {
        struct cb_kvm_measurement m;
        enum cb_kvm_class kvm;
        bool usable;
        const char *reason;
    } rows[] = {
        {{.loop_ns = 412, .iterations = 1000, .extensions = true}, CB_KVM_HARDWARE, true, "0.41 ns"},
        {{.loop_ns = 16600, .iterations = 1000, .extensions = true, .hypervisor = true},
         CB_KVM_NESTED,
         true,
         "16.60 ns"},
        {{.loop_ns = 506, .iterations = 1000, .extensions = true, .hypervisor = true},
         CB_KVM_NESTED,
         true,
         "0.51 ns"},
        {{.loop_ns = 1200000, .iterations = 1000, .hypervisor = true}, CB_KVM_PARAVIRTUAL, false, "1200 ns"},
        {{.loop_ns = 1200000, .iterations = 1000, .hypervisor = true, .extensions = true},
         CB_KVM_PARAVIRTUAL,
         false,
         "emulates"},
        {{.loop_ns = 500, .iterations = 1000, .hypervisor = true}, CB_KVM_PARAVIRTUAL, true, "0.50 ns"},
        {{.loop_ns = 100000, .iterations = 1000, .extensions = true}, CB_KVM_HARDWARE, true, "100"},
        {{.loop_ns = 100001, .iterations = 1000, .extensions = true}, CB_KVM_PARAVIRTUAL, false, "limit"},
        {{.extensions = true}, CB_KVM_HARDWARE, true, "opens"}, /* where there is nothing to time */
        {{.failed = "open /dev/kvm", .sys = ENOENT}, CB_KVM_NONE, false, "No such file"},
        {{.failed = "open /dev/kvm", .sys = EACCES, .extensions = true}, CB_KVM_NONE, false, "denied"},
        {{.failed = "run a guest", .sys = ETIMEDOUT, .loop_ns = 400, .iterations = 1000},
         CB_KVM_NONE,
         false,
         "timed out"},
        {{.failed = "KVM_RUN"}, CB_KVM_NONE, false, "KVM_RUN"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cb_kvm_verdict v;
        cb_kvm_classify(&rows[i].m, &v);
        CU_ASSERT_EQUAL(v.kvm, rows[i].kvm);
        CU_ASSERT_EQUAL(v.usable, rows[i].usable);
        CU_ASSERT_PTR_NOT_NULL(strstr(v.reason, rows[i].reason));
    }
}

static void kvm_exits_have_a_cost(void)
{
    struct cb_kvm_verdict v;
    cb_kvm_classify(
        &(struct cb_kvm_measurement){
            .loop_ns = 412, .iterations = 1000, .exits_ns = 240000, .exits = 200, .extensions = true},
        &v);
    CU_ASSERT_DOUBLE_EQUAL(v.exit_ns, 1200, 1e-9);
    cb_kvm_classify(&(struct cb_kvm_measurement){.failed = "KVM_RUN"}, &v);
    CU_ASSERT_DOUBLE_EQUAL(v.exit_ns, 0, 1e-9);
}

/* Whatever this machine is, measuring it ends and says something. */
static void kvm_measures(void)
{
    struct cb_kvm_measurement m;
    struct cb_kvm_verdict v;
    cb_kvm_measure(UINT64_C(2000000000), &m);
    cb_kvm_classify(&m, &v);
    printf("(%s: %s) ", cb_kvm_class_name(v.kvm), v.reason);
    CU_ASSERT_EQUAL(v.kvm == CB_KVM_NONE, m.failed[0] != '\0');
    CU_ASSERT_TRUE(v.reason[0] != '\0');
}

const struct cb_suite cb_suite = {"vm",
                                  {{"domain XML is golden", xml_is_golden},
                                   {"domain XML fits libvirt's schema", xml_fits_the_schema},
                                   {"domain XML escapes hostile names", xml_escapes},
                                   {"domain XML refuses what XML cannot hold", xml_refuses},
                                   {"cpio entry is golden", cpio_is_golden},
                                   {"cpio archive reads back", cpio_reads_back},
                                   {"KVM verdicts from recorded measurements", kvm_verdicts},
                                   {"KVM exits have a cost", kvm_exits_have_a_cost},
                                   {"KVM is measured in bounded time", kvm_measures},
                                   CU_TEST_INFO_NULL}};
