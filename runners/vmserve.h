/* The half of the VM host that talks to libvirt, and the only one: runs in a process of its own and answers
 * requests over a SOCK_SEQPACKET socket, one datagram each way. Both halves are one program, so the messages
 * are plain structs. */
#ifndef CB_RUNNERS_VMSERVE_H
#define CB_RUNNERS_VMSERVE_H

#include <stdint.h>

#include "bench/base/err.h"

/* Room for a domain's XML: about 3 KB and the paths in it. */
#define CB_VM_TEXT_MAX 16384

enum cb_vm_op {
    CB_VM_OPEN,    /* not asked for: the first answer tells how opening went; text: the versions */
    CB_VM_CREATE,  /* text: XML */
    CB_VM_DESTROY, /* text: a domain's name */
    CB_VM_STATE,   /* text: a domain's name; the answer's text says why it stopped, "" while it runs */
};

struct cb_vm_request {
    uint32_t seq; /* the answer carries it: answers that come after their deadline are told apart */
    enum cb_vm_op op;
    uint64_t deadline;
    char text[CB_VM_TEXT_MAX];
};

struct cb_vm_answer {
    uint32_t seq;
    int result;
    struct cb_err err;
    char text[128];
};

struct cb_vm_server {
    const char *connect; /* libvirt URI, "" for the driver in this process */
    const char *root;    /* of the latter: its configuration, state and sockets; absolute and short */
    const char *cache;   /* directory with capability files of earlier runs */
    int netns;           /* network namespace to enter, -1 for none */
};

/* Whether libvirt's qemu driver and qemu are there: CB_EMISSING and the command that installs them. */
int cb_vm_installed(struct cb_err *err);
/* Serves until the other end closes. Never returns: it runs in a forked child. */
void cb_vm_serve(int sock, const struct cb_vm_server *s) __attribute__((noreturn));

#endif
