#include "runners/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"

#define REQUEST_MAX 1024  /* the longest request, a veth pair, takes some 150 bytes */
#define ANSWER_MAX  32768 /* the kernel fills a dump's pieces up to this where there is room */

/* A sequence number tells answers to one request from another's; a socket here lives for one request. */
#define SEQUENCE 1

#define POLL_NS (CB_NS_PER_MS / 4) /* a request takes some 20 us */

union request {
    struct nlmsghdr head;
    char bytes[REQUEST_MAX];
};

/* What to do with the links in an answer. */
struct taker {
    void (*take)(const struct nlmsghdr *link, void *arg);
    void *arg;
};

/* --- one request, one answer ------------------------------------------------------------------------- */

/* The words that the kernel puts beside an error number, "" where there are none. */
static const char *kernel_words(const struct nlmsghdr *answer)
{
    const struct nlattr *attr;
    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS) || !(answer->nlmsg_flags & NLM_F_CAPPED))
        return "";
    mnl_attr_for_each(attr, answer, sizeof(struct nlmsgerr))
    {
        if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
            return mnl_attr_get_str(attr);
    }
    return "";
}

/* 1: that was the end of the answer. 0: there is more. -1: the kernel refused. */
static int take_message(const struct nlmsghdr *m, const struct taker *t, struct cb_err *err)
{
    if (m->nlmsg_type == NLMSG_DONE)
        return 1;
    if (m->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
        if (mnl_nlmsg_get_payload_len(m) < sizeof *e)
            return cb_fail(err, CB_ESYS, "netlink: short answer");
        const char *words = kernel_words(m);
        return e->error ? cb_fail_sys(err, -e->error, "netlink%s%s", *words ? ": " : "", words) : 1;
    }
    if (m->nlmsg_type == RTM_NEWLINK && t)
        t->take(m, t->arg);
    return 0;
}

static int take_answer(struct mnl_socket *s, const struct taker *t, struct cb_err *err)
{
    char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(s, answer, sizeof answer);
        if (got < 0)
            return cb_fail_sys(err, errno, "netlink: receive");
        int left = (int)got;
        for (const struct nlmsghdr *m = (const void *)answer; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            int end = m->nlmsg_seq == SEQUENCE ? take_message(m, t, err) : 0;
            if (end)
                return end < 0 ? -1 : 0;
        }
    }
}

static int exchange(struct mnl_socket *s, const void *bytes, size_t len, const struct taker *t,
                    struct cb_err *err)
{
    int on = 1;
    if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID))
        return cb_fail_sys(err, errno, "netlink: bind");
    /* Errors with the kernel's own words and without a copy of the request. */
    if (mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof on) ||
        mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof on))
        return cb_fail_sys(err, errno, "netlink: options");
    if (mnl_socket_sendto(s, bytes, len) < 0)
        return cb_fail_sys(err, errno, "netlink: send");
    return take_answer(s, t, err);
}

/* A socket belongs to the namespace that its thread was in when it was opened: hence one a request. */
static int ask_on(int bus, const void *bytes, size_t len, const struct taker *t, struct cb_err *err)
{
    struct mnl_socket *s = mnl_socket_open2(bus, SOCK_CLOEXEC);
    if (!s)
        return cb_fail_sys(err, errno, "netlink: open");
    int failed = exchange(s, bytes, len, t, err);
    mnl_socket_close(s);
    return failed;
}

static int ask(const union request *r, const struct taker *t, struct cb_err *err)
{
    return ask_on(NETLINK_ROUTE, r, r->head.nlmsg_len, t, err);
}

/* --- parts of requests ------------------------------------------------------------------------------- */

static void start(union request *r, uint16_t type, uint16_t flags)
{
    mnl_nlmsg_put_header(r->bytes);
    r->head.nlmsg_type = type;
    r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    r->head.nlmsg_seq = SEQUENCE;
}

static void start_link(union request *r, uint16_t type, uint16_t flags, unsigned link_flags)
{
    start(r, type, flags);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(&r->head, sizeof *link);
    link->ifi_family = AF_UNSPEC;
    link->ifi_flags = link->ifi_change = link_flags;
}

/* A name that does not fit is left out, and the kernel refuses the request. */
static void put_name(union request *r, const char *name)
{
    if (strlen(name) < IFNAMSIZ)
        mnl_attr_put_strz(&r->head, IFLA_IFNAME, name);
}

static struct nlattr *begin_kind(union request *r, const char *kind, struct nlattr **info)
{
    *info = mnl_attr_nest_start(&r->head, IFLA_LINKINFO);
    mnl_attr_put_strz(&r->head, IFLA_INFO_KIND, kind);
    return mnl_attr_nest_start(&r->head, IFLA_INFO_DATA);
}

static int index_of(const char *name, struct cb_err *err)
{
    unsigned index = if_nametoindex(name);
    return index ? (int)index : cb_fail_sys(err, errno, "link %s", name);
}

/* --- links ------------------------------------------------------------------------------------------- */

int cb_net_bridge(const char *name, struct cb_err *err)
{
    union request r;
    struct nlattr *info;
    start_link(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, IFF_UP);
    put_name(&r, name);
    struct nlattr *data = begin_kind(&r, "bridge", &info);
    mnl_attr_put_u32(&r.head, IFLA_BR_STP_STATE, 0);
    mnl_attr_put_u32(&r.head, IFLA_BR_FORWARD_DELAY, 0);
    mnl_attr_put_u8(&r.head, IFLA_BR_MCAST_SNOOPING, 0);
    mnl_attr_nest_end(&r.head, data);
    mnl_attr_nest_end(&r.head, info);
    return ask(&r, NULL, err) ? cb_wrap(err, "make bridge %s", name) : 0;
}

int cb_net_veth(const char *name, const char *bridge, const char *peer, int netns_fd, struct cb_err *err)
{
    union request r;
    struct nlattr *info;
    start_link(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, IFF_UP);
    put_name(&r, name);
    if (bridge) {
        int index = index_of(bridge, err);
        if (index < 0)
            return cb_wrap(err, "make veth %s", name);
        mnl_attr_put_u32(&r.head, IFLA_MASTER, (uint32_t)index);
    }
    struct nlattr *data = begin_kind(&r, "veth", &info);
    struct nlattr *other = mnl_attr_nest_start(&r.head, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(&r.head, sizeof(struct ifinfomsg));
    put_name(&r, peer);
    mnl_attr_put_u32(&r.head, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    mnl_attr_nest_end(&r.head, other);
    mnl_attr_nest_end(&r.head, data);
    mnl_attr_nest_end(&r.head, info);
    return ask(&r, NULL, err) ? cb_wrap(err, "make veth %s and %s", name, peer) : 0;
}

int cb_net_macvlan(const char *lower, const char *name, int netns_fd, struct cb_err *err)
{
    union request r;
    struct nlattr *info;
    int index = index_of(lower, err);
    if (index < 0)
        return cb_wrap(err, "make macvlan %s", name);
    start_link(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 0);
    put_name(&r, name);
    mnl_attr_put_u32(&r.head, IFLA_LINK, (uint32_t)index);
    mnl_attr_put_u32(&r.head, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    struct nlattr *data = begin_kind(&r, "macvlan", &info);
    mnl_attr_put_u32(&r.head, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
    mnl_attr_nest_end(&r.head, data);
    mnl_attr_nest_end(&r.head, info);
    return ask(&r, NULL, err) ? cb_wrap(err, "make macvlan %s", name) : 0;
}

int cb_net_no_offload(const char *name, struct cb_err *err)
{
    static const uint32_t off[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    CB_AUTOFD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cb_fail_sys(err, errno, "make a socket");
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        struct ethtool_value set = {.cmd = off[i], .data = 0};
        struct ifreq request = {.ifr_data = (char *)&set};
        memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
        if (ioctl(fd, SIOCETHTOOL, &request) < 0)
            return cb_fail_sys(err, errno, "turn off TSO, GSO and GRO of link %s", name);
    }
    return 0;
}

int cb_net_up(const char *name, struct cb_err *err)
{
    union request r;
    start_link(&r, RTM_NEWLINK, NLM_F_ACK, IFF_UP);
    put_name(&r, name);
    return ask(&r, NULL, err) ? cb_wrap(err, "set link %s up", name) : 0;
}

int cb_net_address(const char *name, const char *address, int prefix, int route, struct cb_err *err)
{
    union request r;
    struct in_addr ip;
    int index = index_of(name, err);
    if (index < 0)
        return -1;
    if (inet_pton(AF_INET, address, &ip) != 1)
        return cb_fail(err, CB_EUSAGE, "\"%.64s\" is not an IPv4 address", address);
    start(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(&r.head, sizeof *a);
    a->ifa_family = AF_INET;
    a->ifa_prefixlen = (uint8_t)prefix;
    a->ifa_index = (uint32_t)index;
    mnl_attr_put(&r.head, IFA_LOCAL, sizeof ip, &ip);
    mnl_attr_put(&r.head, IFA_ADDRESS, sizeof ip, &ip);
    if (!route)
        mnl_attr_put_u32(&r.head, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
    return ask(&r, NULL, err) ? cb_wrap(err, "give %s/%d to link %s", address, prefix, name) : 0;
}

int cb_net_default_route(const char *gateway, struct cb_err *err)
{
    union request r;
    struct in_addr ip;
    if (inet_pton(AF_INET, gateway, &ip) != 1)
        return cb_fail(err, CB_EUSAGE, "\"%.64s\" is not an IPv4 address", gateway);
    start(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(&r.head, sizeof *route);
    route->rtm_family = AF_INET;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_BOOT;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put(&r.head, RTA_GATEWAY, sizeof ip, &ip);
    return ask(&r, NULL, err) ? cb_wrap(err, "default route through %s", gateway) : 0;
}

int cb_net_delete(const char *name, struct cb_err *err)
{
    union request r;
    start_link(&r, RTM_DELLINK, NLM_F_ACK, 0);
    put_name(&r, name);
    if (ask(&r, NULL, err) == 0 || err->sys == ENODEV)
        return 0;
    return cb_wrap(err, "delete link %s", name);
}

/* --- address translation ----------------------------------------------------------------------------- */

#define TABLE "cbench"
#define CHAIN "postrouting"

/* What nf_tables takes all of or nothing. */
struct batch {
    char bytes[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
    size_t len; /* without the message that is being written */
    struct nlmsghdr *message;
};

static void next_message(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
    if (b->message)
        b->len += NLMSG_ALIGN(b->message->nlmsg_len);
    b->message = mnl_nlmsg_put_header(b->bytes + b->len);
    b->message->nlmsg_type = type;
    b->message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    b->message->nlmsg_seq = SEQUENCE;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(b->message, sizeof *g);
    g->nfgen_family = family;
    g->version = NFNETLINK_V0;
    g->res_id = htons(resource);
}

static void next_command(struct batch *b, uint16_t command, uint16_t flags)
{
    next_message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | command), (uint16_t)(NLM_F_CREATE | flags),
                 NFPROTO_IPV4, 0);
}

static void put_chain(struct nlmsghdr *m)
{
    mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, TABLE);
    mnl_attr_put_strz(m, NFTA_CHAIN_NAME, CHAIN);
    mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, "nat");
    struct nlattr *hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(NF_INET_POST_ROUTING));
    mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl(NF_IP_PRI_NAT_SRC));
    mnl_attr_nest_end(m, hook);
}

static void put_rule(struct nlmsghdr *m)
{
    mnl_attr_put_strz(m, NFTA_RULE_TABLE, TABLE);
    mnl_attr_put_strz(m, NFTA_RULE_CHAIN, CHAIN);
    struct nlattr *list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
    struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
    mnl_attr_put_strz(m, NFTA_EXPR_NAME, "masq");
    mnl_attr_nest_end(m, mnl_attr_nest_start(m, NFTA_EXPR_DATA));
    mnl_attr_nest_end(m, element);
    mnl_attr_nest_end(m, list);
}

int cb_net_masquerade(struct cb_err *err)
{
    struct batch b = {.len = 0};
    next_message(&b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    next_command(&b, NFT_MSG_NEWTABLE, 0);
    mnl_attr_put_strz(b.message, NFTA_TABLE_NAME, TABLE);
    next_command(&b, NFT_MSG_NEWCHAIN, 0);
    put_chain(b.message);
    next_command(&b, NFT_MSG_NEWRULE, NLM_F_APPEND | NLM_F_ACK); /* the last: its answer is the batch's */
    put_rule(b.message);
    next_message(&b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    return ask_on(NETLINK_NETFILTER, b.bytes, b.len + b.message->nlmsg_len, NULL, err)
               ? cb_wrap(err, "masquerade by nf_tables")
               : 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* An attribute of a link with at least `size` bytes of payload, NULL where it has none. */
static const struct nlattr *link_attr(const struct nlmsghdr *link, uint16_t type, size_t size)
{
    const struct nlattr *attr;
    mnl_attr_for_each(attr, link, sizeof(struct ifinfomsg))
    {
        if (mnl_attr_get_type(attr) == type && mnl_attr_get_payload_len(attr) >= size)
            return attr;
    }
    return NULL;
}

struct counters {
    struct rtnl_link_stats64 stats;
    int found;
};

static void take_counters(const struct nlmsghdr *link, void *arg)
{
    struct counters *c = arg;
    /* Kernels append fields: those that are used here were there from the start. */
    const struct nlattr *attr = link_attr(link, IFLA_STATS64, offsetof(struct rtnl_link_stats64, rx_errors));
    if (!attr)
        return;
    memcpy(&c->stats, mnl_attr_get_payload(attr), offsetof(struct rtnl_link_stats64, rx_errors));
    c->found = 1;
}

int cb_net_counters(const char *name, uint64_t *rx_bytes, uint64_t *tx_bytes, struct cb_err *err)
{
    union request r;
    struct counters c = {.found = 0};
    start_link(&r, RTM_GETLINK, NLM_F_ACK, 0);
    put_name(&r, name);
    if (ask(&r, &(struct taker){take_counters, &c}, err))
        return cb_wrap(err, "counters of link %s", name);
    if (!c.found)
        return cb_fail(err, CB_ESYS, "counters of link %s: the kernel gave none", name);
    *rx_bytes = c.stats.rx_bytes;
    *tx_bytes = c.stats.tx_bytes;
    return 0;
}

static void take_state(const struct nlmsghdr *link, void *arg)
{
    const struct nlattr *attr = link_attr(link, IFLA_OPERSTATE, 1);
    if (attr)
        *(uint8_t *)arg = mnl_attr_get_u8(attr);
}

int cb_net_await_running(const char *name, uint64_t deadline, struct cb_err *err)
{
    union request r;
    uint8_t state = IF_OPER_UNKNOWN;
    start_link(&r, RTM_GETLINK, NLM_F_ACK, 0);
    put_name(&r, name);
    for (;;) {
        if (ask(&r, &(struct taker){take_state, &state}, err))
            return cb_wrap(err, "state of link %s", name);
        if (state == IF_OPER_UP)
            return 0;
        if (!cb_deadline_remaining_ns(deadline))
            return cb_fail(err, CB_ETIMEOUT, "link %s does not come into service", name);
        cb_sleep_ns(POLL_NS);
    }
}

int cb_net_await_gone(const char *name, uint64_t deadline, struct cb_err *err)
{
    union request r;
    start_link(&r, RTM_GETLINK, NLM_F_ACK, 0);
    put_name(&r, name);
    while (ask(&r, NULL, err) == 0) {
        if (!cb_deadline_remaining_ns(deadline))
            return cb_fail(err, CB_ETIMEOUT, "link %s does not go away", name);
        cb_sleep_ns(POLL_NS);
    }
    return err->sys == ENODEV ? 0 : cb_wrap(err, "wait for the end of link %s", name);
}

static void take_name(const struct nlmsghdr *link, void *arg)
{
    const struct nlattr *attr = link_attr(link, IFLA_IFNAME, 1);
    if (attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
        cb_buf_add(arg, mnl_attr_get_str(attr), strlen(mnl_attr_get_str(attr)) + 1);
}

int cb_net_each(const char *prefix, void (*found)(const char *name, void *arg), void *arg, struct cb_err *err)
{
    union request r;
    CB_AUTOBUF struct cb_buf names = {0}; /* all first: `found` may delete what it is told of */
    start_link(&r, RTM_GETLINK, NLM_F_DUMP, 0);
    if (ask(&r, &(struct taker){take_name, &names}, err))
        return cb_wrap(err, "list links");
    if (!cb_buf_ok(&names))
        return cb_fail_sys(err, ENOMEM, "list links");
    for (size_t at = 0; at < names.len; at += strlen(names.data + at) + 1)
        if (strncmp(names.data + at, prefix, strlen(prefix)) == 0)
            found(names.data + at, arg);
    return 0;
}
