#include "bench/kernels/crew.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

struct member {
    struct cb_crew *crew;
    unsigned index;
    pthread_t thread;
    sem_t go;
    int failed;
    struct cb_err err;
};

struct cb_crew {
    int (*job)(void *arg, unsigned index, struct cb_err *err);
    void *arg;
    bool over;
    sem_t done;
    unsigned size; /* members that live, the caller included */
    struct member member[];
};

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) < 0 && errno == EINTR)
        ;
}

static void *work(void *arg)
{
    struct member *m = arg;
    for (;;) {
        wait_for(&m->go);
        if (m->crew->over)
            return NULL;
        m->failed = m->crew->job(m->crew->arg, m->index, &m->err);
        sem_post(&m->crew->done);
    }
}

int cb_crew_start(unsigned size, int (*job)(void *arg, unsigned index, struct cb_err *err), void *arg,
                  struct cb_crew **out, struct cb_err *err)
{
    struct cb_crew *crew = calloc(1, sizeof *crew + size * sizeof *crew->member);
    if (!crew)
        return cb_fail_sys(err, ENOMEM, "allocate");
    crew->job = job;
    crew->arg = arg;
    sem_init(&crew->done, 0, 0);
    for (crew->size = 1; crew->size < size; crew->size++) {
        struct member *m = &crew->member[crew->size];
        m->crew = crew;
        m->index = crew->size;
        sem_init(&m->go, 0, 0);
        int rc = pthread_create(&m->thread, NULL, work, m);
        if (rc) {
            cb_crew_stop(crew);
            return cb_fail_sys(err, rc, "start a thread");
        }
    }
    *out = crew;
    return 0;
}

int cb_crew_run(struct cb_crew *crew, struct cb_err *err)
{
    for (unsigned i = 1; i < crew->size; i++)
        sem_post(&crew->member[i].go);
    int failed = crew->job(crew->arg, 0, err);
    for (unsigned i = 1; i < crew->size; i++)
        wait_for(&crew->done);
    for (unsigned i = 1; i < crew->size && !failed; i++) {
        failed = crew->member[i].failed;
        if (failed)
            *err = crew->member[i].err;
    }
    return failed ? -1 : 0;
}

void cb_crew_stop(struct cb_crew *crew)
{
    if (!crew)
        return;
    crew->over = true;
    for (unsigned i = 1; i < crew->size; i++) {
        sem_post(&crew->member[i].go);
        pthread_join(crew->member[i].thread, NULL);
    }
    free(crew);
}
