/* Can this machine's KVM run a guest's kernel at the speed of the CPU? That /dev/kvm opens says little: some
 * hypervisors offer one that emulates all kernel code, a thousand times slower. So a tiny guest is timed. */
#ifndef CB_RUNNERS_KVMPROBE_H
#define CB_RUNNERS_KVMPROBE_H

#include <stdbool.h>
#include <stdint.h>

enum cb_kvm_class {
    CB_KVM_NONE,
    CB_KVM_HARDWARE,
    CB_KVM_NESTED,      /* this host is a guest itself, with virtualisation extensions */
    CB_KVM_PARAVIRTUAL, /* a KVM without them */
};

/* What was seen; all zero but `hypervisor` and `extensions` where a step failed. */
struct cb_kvm_measurement {
    char failed[48];  /* the step that failed, "open /dev/kvm"; "" when the guest ran */
    int sys;          /* its errno; ETIMEDOUT when the guest did not end */
    uint64_t loop_ns; /* the fastest of a few passes; 0 where there is nothing to time (not x86-64) */
    uint32_t iterations;
    uint64_t exits_ns; /* likewise, of a loop that leaves the guest by CPUID each time */
    uint32_t exits;
    bool hypervisor; /* CPUID says that a hypervisor is underneath */
    bool extensions; /* CPUID has VMX or SVM */
};

struct cb_kvm_verdict {
    enum cb_kvm_class kvm;
    bool usable;
    double exit_ns;   /* what leaving the guest and entering it again takes; 0 where it was not measured */
    char reason[160]; /* one line, also when usable */
};

/* Runs the guest in a child of its own that is killed after `timeout_ns`. */
void cb_kvm_measure(uint64_t timeout_ns, struct cb_kvm_measurement *m);
/* Pure. */
void cb_kvm_classify(const struct cb_kvm_measurement *m, struct cb_kvm_verdict *v);
/* "none", "kvm-hardware", "kvm-nested", "kvm-paravirtual". */
const char *cb_kvm_class_name(enum cb_kvm_class c);

#endif
