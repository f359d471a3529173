/*
 * What the demo's files share.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "block/aio.h"

/* A file to checksum. A worker fills it in; from the handover on it is the loop's. */
struct file {
    const char *name;
    uint64_t bytes;
    char *sha256; /* in hexadecimal, NULL if the file could not be read */
    int error;    /* the errno then */
    struct file *next_done;
};

/* What there is to do, and how far it is. Members marked "atomic" belong to all threads. */
struct job {
    AioContext *ctx; /* the loop that takes the results */
    struct file *files;
    size_t count;
    size_t next;        /* atomic: the first file that no worker has begun */
    struct file *done;  /* atomic: handed over and not yet taken */
    uint64_t bytes;     /* atomic: read so far */
    size_t taken;       /* the loop's: how many results it has */
    size_t polls;       /* the loop's: how often its poll has returned */
    size_t empty_polls; /* the loop's: woken by a notification, with no result to take */
};

/* A main loop. Both kinds do the same, and owe the same to aio_notify(). */
struct loop {
    const char *name;
    AioContext *(*open)(void);
    void (*run)(struct job *job); /* returns when all results are taken */
    void (*close)(AioContext *ctx);
};

extern const struct loop own_loop;  /* own_loop.c: poll and nothing else */
extern const struct loop glib_loop; /* glib_loop.c: a GSource under g_main_loop_run() */

/* handover.c: results on their way from the workers to the loop */
void hand_over(struct job *job, struct file *file);
bool has_results(struct job *job);
size_t take_results(struct job *job);

/* pool.c: the worker threads */
struct pool;
struct pool *pool_start(struct job *job, size_t threads);
size_t pool_join(struct pool *pool); /* returns how often the workers have notified */

/* sha256.c: the work itself */
void checksum_file(struct file *file, uint64_t *bytes_read);

/* progress.c: a line that is rewritten while the loop runs, on a terminal only */
enum { PROGRESS_MS = 100 };
bool progress_is_shown(void);
void progress_update(struct job *job);
void progress_clear(void);

/* count_writes.c: how many system calls the notifications cost */
void count_writes_to(int fd);
size_t counted_writes(void);

/* checksum.c: says why, and ends the program */
_Noreturn void die(const char *what, int error);

#endif /* CHECKSUM_H */
