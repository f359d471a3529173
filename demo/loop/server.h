/*
 * A small HTTP file server on loopback, on AioContexts.
 *
 * One context accepts connections and hands each to one of several workers, which are contexts
 * with a thread each: a bottom half takes it over. A worker waits for requests with descriptor
 * handlers, has a timer for each connection that is idle, and lets its thread pool read the
 * files.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "block/aio.h"
#include "block/thread-pool.h"

/* What is counted; each worker counts for itself. */
struct counts {
    unsigned long connections, requests, timeouts;
    unsigned long long bytes;
};

/* A context that runs in some thread. */
struct loop {
    AioContext *ctx;
    GMainLoop *glib; /* NULL: aio_poll() */
    QEMUBH *stop_bh;
    bool stopped;
};

void loop_open(struct loop *loop, bool glib);
void loop_run(struct loop *loop);
/* Ends loop_run(). Any thread and signal handlers. */
void loop_stop(struct loop *loop);
void loop_close(struct loop *loop);

struct worker {
    struct loop loop;
    int root;    /* the folder that is served */
    int idle_ms; /* after so long without a request a connection is closed */
    struct connection *first;
    struct counts counts;
};

/* Hands a connected socket to a worker. Any thread. */
void connection_hand_over(struct worker *worker, int fd);
/* Closes all connections of a worker whose loop has ended. */
void connections_close(struct worker *worker);

enum { BLOCK_SIZE = 64 * 1024 };

/* A file that is being read, a block at a time. */
struct file {
    int fd; /* -1: not open */
    off_t size, offset;
    char block[BLOCK_SIZE];
};

/* Opens a file below a folder and reads the first block. Returns bytes read or -errno. Blocks.
 */
ssize_t file_open(struct file *file, int root, const char *path);
/* Reads the next block. Returns bytes read or -errno. Blocks. */
ssize_t file_read(struct file *file);
void file_close(struct file *file);

/* A request's line and headers. */
struct request {
    char path[256];
    bool keep_alive;
};

/* Returns the length of the request at the start of text, 0 if it is not complete, -1 if bad.
 */
ssize_t request_parse(struct request *request, const char *text, size_t size);

#endif /* SERVER_H */
