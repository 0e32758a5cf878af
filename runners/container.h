/* The parts of the container runner (container*.c) and the state that they share: what the child does, its
 * network, what is tried before. Nobody else includes this. */
#ifndef CB_RUNNERS_CONTAINER_H
#define CB_RUNNERS_CONTAINER_H

#include "runners/channels.h"
#include "runners/ns.h"
#include "runners/rootfs.h"
#include "runners/runner.h"
#include "runners/zygote.h"

struct cb_container {
    const struct cb_env *env;
    struct cb_steps steps;
    struct cb_channels channels;
    struct cb_cgroup *group;
    struct cb_zygote zygote;
    pid_t pid; /* of the namespace's pid 1; 0: not heard of */
    bool host_link;
    struct cb_rootfs rootfs;
    char dir[320]; /* the instance's directory */
    char address[16];
};

/* Has the arm's parameter this value? */
bool cb_container_is(const struct cb_arm *arm, const char *param, const char *value);
/* A network namespace of its own; a link of its own, which is born in there. */
bool cb_container_has_net(const struct cb_env *env);
bool cb_container_has_link(const struct cb_env *env);

/* CB_EMISSING and the reason where the kernel, or this machine, cannot do what the arm is made of. */
int cb_container_probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err);

/* Writes down what the child will do: c->steps. */
int cb_container_list(struct cb_container *c, struct cb_err *err);
/* The same for a further process that enters the container. */
int cb_container_list_entry(struct cb_container *c, struct cb_err *err);
/* What is executed in the end, as it is called inside. */
const char *cb_container_program(const struct cb_env *env);
/* Appends one step, whose `arg` is the container. */
void cb_container_step(struct cb_container *c, int (*run)(const struct cb_step *, struct cb_err *),
                       const char *source);
/* Step: waits until the parent lets it go. */
int cb_container_wait(const struct cb_step *s, struct cb_err *err);

/* Before the start: what the agent will be told of its network; makes the link of net=host. */
int cb_container_net_arrange(struct cb_env *env, struct cb_container *c, struct cb_err *err);
/* What the child does in its own network namespace: first, while it still has the host's /proc, and last,
 * when it has mounted; there it waits for the plug. */
void cb_container_net_hush(struct cb_container *c);
void cb_container_net_steps(struct cb_container *c);
/* The parent's part, while the child mounts: makes the link, and lets the child go on. */
int cb_container_net_plug(struct cb_container *c, struct cb_err *err);
/* Waits until the link is gone that dies with the child's namespace. */
void cb_container_net_await_gone(struct cb_container *c);
/* Takes away what does not die with the child's namespace. */
void cb_container_net_remove(struct cb_container *c);

#endif
