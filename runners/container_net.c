/* The container's network: a link of its own into the run's network, or the host's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/container.h"
#include "runners/hostlink.h"
#include "runners/netlink.h"

#define DEVICE "eth0"
/* The kernel takes network namespaces down in a work queue, some grace periods of RCU later: 10 to 60 ms. */
#define NETNS_DEADLINE_NS (2 * CB_NS_PER_S)

bool cb_container_has_net(const struct cb_env *env)
{
    return !cb_container_is(env->arm, "net", "host");
}

bool cb_container_has_link(const struct cb_env *env)
{
    return cb_container_has_net(env) && !cb_container_is(env->arm, "net", "none") && env->site->fabric;
}

static bool is_translated(const struct cb_env *env)
{
    return cb_container_is(env->arm, "net", "nat");
}

static bool is_without_offload(const struct cb_env *env)
{
    return cb_container_is(env->arm, "offload", "off");
}

/* --- steps of the child ------------------------------------------------------------------------------ */

/* Before there is a link: IPv6 would solicit routers and probe for duplicate addresses while we measure.
 * Where this cannot be written (a kernel without IPv6, a read-only /proc/sys) the links work all the same. */
static int step_no_ipv6(const struct cb_step *s, struct cb_err *err)
{
    struct cb_err ignored;
    (void)s;
    (void)err;
    cb_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", &ignored);
    return 0;
}

static int step_link_up(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_up(s->source, err);
}

static int step_address(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_address(DEVICE, s->source, CB_FABRIC_PREFIX, 1, err);
}

static int step_default_route(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_default_route(s->source, err);
}

static int step_no_offload(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_no_offload(s->source, err);
}

void cb_container_net_hush(struct cb_container *c)
{
    if (cb_container_has_net(c->env))
        cb_container_step(c, step_no_ipv6, NULL);
}

void cb_container_net_steps(struct cb_container *c)
{
    if (!cb_container_has_net(c->env))
        return;
    cb_container_step(c, step_link_up, "lo");
    if (!cb_container_has_link(c->env))
        return;
    cb_container_step(c, cb_container_wait, NULL); /* for the parent's plug */
    cb_container_step(c, step_address, c->address);
    if (is_without_offload(c->env))
        cb_container_step(c, step_no_offload, DEVICE);
    cb_container_step(c, step_link_up, DEVICE);
    if (is_translated(c->env))
        cb_container_step(c, step_default_route, cb_fabric_gateway(c->env->site->fabric));
}

/* --- the parent -------------------------------------------------------------------------------------- */

static int plug_into(const struct cb_env *env, int netns, struct cb_err *err)
{
    struct cb_fabric *f = env->site->fabric;
    int (*make)(struct cb_fabric *, unsigned, const char *, int, struct cb_err *) =
        is_translated(env)                            ? cb_fabric_plug_nat
        : cb_container_is(env->arm, "net", "macvlan") ? cb_fabric_plug_macvlan
                                                      : cb_fabric_plug;
    return make(f, env->slot, DEVICE, netns, err) ||
                   (is_without_offload(env) && cb_fabric_no_offload(f, env->slot, err))
               ? -1
               : 0;
}

int cb_container_net_plug(struct cb_container *c, struct cb_err *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)c->pid);
    CB_AUTOFD int netns = open(path, O_RDONLY | O_CLOEXEC);
    int cause = errno;
    if (netns < 0) /* a dead child has no namespace: what it died of says more */
        return cb_channels_let_go(&c->channels, err) < 0 ? -1 : cb_fail_sys(err, cause, "open %s", path);
    if (plug_into(c->env, netns, err) < 0)
        return -1;
    return cb_channels_let_go(&c->channels, err);
}

/* The link of net=host is the harness's, as the host arm's is: made before the start. */
static int make_host_link(struct cb_env *env, struct cb_container *c, struct cb_err *err)
{
    if (cb_hostlink_make(env->site, env->slot, env->wire.device, err) < 0) {
        env->wire.device[0] = '\0';
        cb_env_fact(env, "network", "none: %s", err->msg);
        return err->code == CB_EMISSING ? 0 : -1;
    }
    c->host_link = true;
    cb_env_fact(env, "network", "veth %s, the host's network", env->wire.device);
    if (!is_without_offload(env))
        return 0;
    return cb_net_no_offload(env->wire.device, err) || cb_fabric_no_offload(env->site->fabric, env->slot, err)
               ? -1
               : 0;
}

static void name_link(struct cb_env *env, const char *address)
{
    if (cb_container_has_link(env)) {
        snprintf(env->wire.device, sizeof env->wire.device, DEVICE);
        if (is_translated(env))
            cb_env_fact(env, "network", "veth " DEVICE ", %s, masqueraded by nf_tables", address);
        else
            cb_env_fact(env, "network", "%s " DEVICE, cb_arm_value(env->arm, "net"));
    } else if (cb_container_has_net(env)) {
        cb_env_fact(env, "network", "none: %s",
                    cb_container_is(env->arm, "net", "none") ? "net=none" : env->site->fabric_reason);
    }
}

int cb_container_net_arrange(struct cb_env *env, struct cb_container *c, struct cb_err *err)
{
    (is_translated(env) ? cb_fabric_inner_address : cb_fabric_address)(env->slot, c->address);
    if (!cb_container_has_net(env) && make_host_link(env, c, err) < 0)
        return -1;
    if (is_translated(env) && env->site->fabric && cb_fabric_router(env->site->fabric, err) < 0)
        return -1;
    name_link(env, c->address);
    if (!env->wire.device[0])
        return 0;
    cb_env_fact(env, "offload", is_without_offload(env) ? "TSO, GSO and GRO off" : "the kernel's defaults");
    snprintf(env->wire.peer, sizeof env->wire.peer, "%s", cb_fabric_peer(env->site->fabric));
    return 0;
}

void cb_container_net_await_gone(struct cb_container *c)
{
    struct cb_fabric *f = c->env->site->fabric;
    struct cb_err ignored; /* a link that stays is the run's, and ends with it */
    if (!cb_container_has_link(c->env))
        return;
    if (cb_container_is(c->env->arm, "net", "macvlan")) /* what it lies on has no end in there */
        cb_fabric_unplug(f, c->env->slot);
    cb_fabric_await_gone(f, c->env->slot, cb_deadline_in(NETNS_DEADLINE_NS), &ignored);
}

void cb_container_net_remove(struct cb_container *c)
{
    if (c->host_link)
        cb_hostlink_remove(c->env->site, c->env->slot);
}
