#include "runners/kvmprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <linux/kvm.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/err.h"
#include "bench/base/proc.h"

/* Hardware takes 0.3 to 1 ns an iteration, KVM on an emulated SVM 16, a KVM that emulates kernel code 1200.
 */
#define LIMIT_NS 100.0

/* ---- the guest --------------------------------------------------------------------------------------- */

struct probe {
    int kvm, vm, vcpu;
    struct kvm_run *run;
    struct cb_kvm_measurement *m;
};

static int fail(struct probe *p, const char *step)
{
    p->m->sys = errno;
    snprintf(p->m->failed, sizeof p->m->failed, "%s", step);
    return -1;
}

static int open_kvm(struct probe *p)
{
    p->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    return p->kvm < 0 ? fail(p, "open /dev/kvm") : 0;
}

#ifdef __x86_64__

#define ITERATIONS 1000
/* Hardware takes 1 us each, KVM on an emulated SVM 36. */
#define EXIT_COUNT 200
/* The first one pays for page faults of the guest's memory, others for what else the CPU does. */
#define PASSES 20

/* The guest's memory. Real mode would be simpler, but a KVM without hardware may emulate that one only. */
enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, LOOP = 0x4000, EXITS = 0x5000, MEMORY = 0x10000 };

/* What a kernel does most of the time. */
static const unsigned char loop_code[] = {
    0xb9,
    ITERATIONS & 0xff,
    ITERATIONS >> 8,
    0,
    0, /* mov ecx, ITERATIONS */
    0xff,
    0xc9, /* again: dec ecx */
    0x75,
    0xfc, /* jnz again */
    0xe6,
    0x80, /* out 0x80, al: back to the host */
    0xf4, /* hlt */
};

/* Each pass leaves the guest once: no hardware lets CPUID through. */
static const unsigned char exits_code[] = {
    0xbe,
    EXIT_COUNT & 0xff,
    EXIT_COUNT >> 8,
    0,
    0, /* mov esi, EXIT_COUNT */
    0x31,
    0xc0, /* again: xor eax, eax */
    0x0f,
    0xa2, /* cpuid */
    0xff,
    0xce, /* dec esi */
    0x75,
    0xf8, /* jnz again */
    0xe6,
    0x80, /* out 0x80, al */
    0xf4, /* hlt */
};

static void put_entry(unsigned char *memory, unsigned table, uint64_t entry)
{
    memcpy(memory + table, &entry, sizeof entry);
}

static int make_memory(struct probe *p)
{
    const uint64_t present_writable = 3, large_page = 1 << 7;
    unsigned char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return fail(p, "map the guest's memory");
    put_entry(memory, PML4, PDPT | present_writable);
    put_entry(memory, PDPT, PD | present_writable);
    put_entry(memory, PD, 0 | large_page | present_writable); /* address 0 and up, as it is */
    memcpy(memory + LOOP, loop_code, sizeof loop_code);
    memcpy(memory + EXITS, exits_code, sizeof exits_code);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY,
                                                 .userspace_addr = (uint64_t)(uintptr_t)memory};
    return ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? fail(p, "KVM_SET_USER_MEMORY_REGION") : 0;
}

/* The guest may use what the host supports: without long mode in its CPUID it could not be in it. */
static int set_cpuid(struct probe *p)
{
    enum { ENTRIES = 256 };
    CB_AUTOFREE struct kvm_cpuid2 *c = calloc(1, sizeof *c + ENTRIES * sizeof c->entries[0]);
    if (!c)
        return fail(p, "allocate");
    c->nent = ENTRIES;
    if (ioctl(p->kvm, KVM_GET_SUPPORTED_CPUID, c) < 0)
        return fail(p, "KVM_GET_SUPPORTED_CPUID");
    return ioctl(p->vcpu, KVM_SET_CPUID2, c) < 0 ? fail(p, "KVM_SET_CPUID2") : 0;
}

/* Straight into 64-bit mode at privilege level 0, where a kernel runs. */
static int enter_long_mode(struct probe *p)
{
    const uint64_t pe = 1, pg = UINT64_C(1) << 31, et = 1 << 4, ne = 1 << 5, pae = 1 << 5;
    const uint64_t lme = 1 << 8, lma = 1 << 10;
    const struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
    struct kvm_segment text = data;
    struct kvm_sregs s;
    if (ioctl(p->vcpu, KVM_GET_SREGS, &s) < 0)
        return fail(p, "KVM_GET_SREGS");
    text.selector = 8;
    text.type = 11;
    text.db = 0;
    text.l = 1;
    s.cs = text;
    s.ds = s.es = s.fs = s.gs = s.ss = data;
    s.cr0 = pe | et | ne | pg;
    s.cr3 = PML4;
    s.cr4 = pae;
    s.efer = lme | lma;
    return ioctl(p->vcpu, KVM_SET_SREGS, &s) < 0 ? fail(p, "KVM_SET_SREGS") : 0;
}

static int make_vcpu(struct probe *p)
{
    p->vm = ioctl(p->kvm, KVM_CREATE_VM, 0);
    if (p->vm < 0)
        return fail(p, "KVM_CREATE_VM");
    if (make_memory(p) < 0)
        return -1;
    p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
    if (p->vcpu < 0)
        return fail(p, "KVM_CREATE_VCPU");
    int size = ioctl(p->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < (int)sizeof *p->run)
        return fail(p, "KVM_GET_VCPU_MMAP_SIZE");
    p->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
    if (p->run == MAP_FAILED)
        return fail(p, "map the vCPU");
    return set_cpuid(p) < 0 || enter_long_mode(p) < 0 ? -1 : 0;
}

static int time_pass(struct probe *p, unsigned code, uint64_t *ns)
{
    const struct kvm_regs regs = {.rip = code, .rflags = 2};
    if (ioctl(p->vcpu, KVM_SET_REGS, &regs) < 0)
        return fail(p, "KVM_SET_REGS");
    uint64_t begin = cb_now_ns();
    if (ioctl(p->vcpu, KVM_RUN, 0) < 0)
        return fail(p, "KVM_RUN");
    *ns = cb_now_ns() - begin;
    errno = 0;
    return p->run->exit_reason == KVM_EXIT_IO ? 0 : fail(p, "run a guest in long mode");
}

/* The fastest of a few passes; false when one failed. */
static bool time_passes(struct probe *p, unsigned code, uint64_t *best)
{
    uint64_t ns;
    for (int i = 0; i < PASSES; i++) {
        if (time_pass(p, code, &ns) < 0)
            return false;
        if (i == 0 || ns < *best)
            *best = ns;
    }
    return true;
}

static void run_guest(struct cb_kvm_measurement *m)
{
    struct probe p = {.m = m};
    if (open_kvm(&p) < 0 || make_vcpu(&p) < 0 || !time_passes(&p, LOOP, &m->loop_ns))
        return;
    m->iterations = ITERATIONS;
    if (time_passes(&p, EXITS, &m->exits_ns))
        m->exits = EXIT_COUNT;
}

static void read_cpuid(struct cb_kvm_measurement *m)
{
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        m->hypervisor = c >> 31 & 1;
        m->extensions = c >> 5 & 1; /* VMX */
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d))
        m->extensions |= c >> 2 & 1; /* SVM */
}

#else /* elsewhere a KVM always has hardware under it: that it opens is all that is asked */

static void run_guest(struct cb_kvm_measurement *m)
{
    struct probe p = {.m = m};
    open_kvm(&p);
}

static void read_cpuid(struct cb_kvm_measurement *m)
{
    m->extensions = true;
}

#endif

/* ---- around it --------------------------------------------------------------------------------------- */

static void run_child(int out)
{
    struct cb_kvm_measurement m = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_guest(&m);
    ssize_t n = write(out, &m, sizeof m); /* below PIPE_BUF: all or nothing */
    _exit(n == (ssize_t)sizeof m ? 0 : 1);
}

static void receive(int in, uint64_t deadline, struct cb_kvm_measurement *m)
{
    struct pollfd p = {.fd = in, .events = POLLIN};
    int n;
    while ((n = poll(&p, 1, cb_deadline_poll_ms(deadline))) < 0 && errno == EINTR)
        ;
    if (n > 0 && read(in, m, sizeof *m) == (ssize_t)sizeof *m)
        return;
    *m = (struct cb_kvm_measurement){.failed = "run a guest", .sys = n == 0 ? ETIMEDOUT : EIO};
}

void cb_kvm_measure(uint64_t timeout_ns, struct cb_kvm_measurement *m)
{
    int ends[2];
    *m = (struct cb_kvm_measurement){.failed = "start the probe"};
    if (pipe2(ends, O_CLOEXEC) < 0) {
        m->sys = errno;
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        run_child(ends[1]);
    close(ends[1]);
    if (pid > 0)
        receive(ends[0], cb_deadline_in(timeout_ns), m);
    else
        m->sys = errno;
    close(ends[0]);
    cb_kill_wait(pid);
    read_cpuid(m);
}

static enum cb_kvm_class class_of(const struct cb_kvm_measurement *m, bool slow)
{
    if (slow || !m->extensions)
        return CB_KVM_PARAVIRTUAL;
    return m->hypervisor ? CB_KVM_NESTED : CB_KVM_HARDWARE;
}

void cb_kvm_classify(const struct cb_kvm_measurement *m, struct cb_kvm_verdict *v)
{
    double each = m->iterations ? (double)m->loop_ns / m->iterations : 0;
    *v = (struct cb_kvm_verdict){.kvm = CB_KVM_NONE};
    v->exit_ns = m->exits ? (double)m->exits_ns / m->exits : 0;
    if (m->failed[0]) {
        snprintf(v->reason, sizeof v->reason, "no KVM: %s%s%s", m->failed, m->sys ? ": " : "",
                 m->sys ? strerror(m->sys) : "");
        return;
    }
    v->usable = each <= LIMIT_NS;
    v->kvm = class_of(m, !v->usable);
    if (!v->usable)
        snprintf(v->reason, sizeof v->reason,
                 "KVM here emulates kernel code: %.0f ns a loop iteration, %.0f is the limit", each,
                 LIMIT_NS);
    else if (m->iterations)
        snprintf(v->reason, sizeof v->reason, "KVM runs kernel code at %.2f ns a loop iteration", each);
    else
        snprintf(v->reason, sizeof v->reason, "/dev/kvm opens");
}

const char *cb_kvm_class_name(enum cb_kvm_class c)
{
    static const char *const names[] = {[CB_KVM_NONE] = "none",
                                        [CB_KVM_HARDWARE] = "kvm-hardware",
                                        [CB_KVM_NESTED] = "kvm-nested",
                                        [CB_KVM_PARAVIRTUAL] = "kvm-paravirtual"};
    return names[c];
}
