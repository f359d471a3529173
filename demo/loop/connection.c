/*
 * A connection: it waits for a request, has the file read, writes the response, and so on,
 * until the client hangs up or is idle for too long.
 *
 * All of it runs in the worker's loop, but for the work of the thread pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

struct connection {
    struct worker *worker;
    int fd;
    QEMUBH *take_over;
    QEMUTimer *idle;
    struct connection *next, **link;

    /* What has been read, a request or more. */
    char input[4096];
    size_t input_size;

    struct request request;
    struct file file;
    bool reading;  /* the thread pool has the file */
    bool answered; /* the header of the response has been made */

    /* What is to be written: a header, then the file's block. */
    char header[256];
    size_t header_size, block_size, written;
};

static void on_readable(void *opaque);
static void on_writable(void *opaque);
static void on_idle(void *opaque);
static void next_request(struct connection *connection);

static void close_connection(struct connection *connection)
{
    aio_set_fd_handler(connection->worker->loop.ctx, connection->fd, NULL, NULL, NULL);
    close(connection->fd);
    timer_free(connection->idle);
    file_close(&connection->file);
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    free(connection);
}

/* Which of the socket's events are of interest now. */
static void wait_for(struct connection *connection, bool readable, bool writable)
{
    aio_set_fd_handler(connection->worker->loop.ctx, connection->fd,
                       readable ? on_readable : NULL, writable ? on_writable : NULL,
                       connection);
}

/* Writes what can be written. Returns false if the connection is gone. */
static bool write_some(struct connection *connection)
{
    size_t total = connection->header_size + connection->block_size;

    while (connection->written < total) {
        bool in_header = connection->written < connection->header_size;
        const char *from =
            in_header ? connection->header + connection->written
                      : connection->file.block + connection->written - connection->header_size;
        size_t size = in_header ? connection->header_size - connection->written
                                : total - connection->written;
        int more = in_header && connection->block_size > 0 ? MSG_MORE : 0;
        ssize_t n = send(connection->fd, from, size, MSG_NOSIGNAL | more);

        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            close_connection(connection);
            return false;
        }
        connection->written += n > 0 ? (size_t)n : 0;
        connection->worker->counts.bytes += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* In the thread pool. */
static int read_block(void *opaque)
{
    struct connection *connection = opaque;

    if (connection->file.fd < 0) {
        return (int)file_open(&connection->file, connection->worker->root,
                              connection->request.path);
    }
    return (int)file_read(&connection->file);
}

static void block_is_read(void *opaque, int result);

static void start_reading(struct connection *connection)
{
    AioContext *ctx = connection->worker->loop.ctx;

    connection->reading = true;
    wait_for(connection, false, false);
    /* It must not time out under the thread pool's hands. */
    timer_del(connection->idle);
    thread_pool_submit_aio(aio_get_thread_pool(ctx), read_block, connection, block_is_read,
                           connection);
}

/* Goes on where the socket or the file has kept us. */
static void go_on(struct connection *connection)
{
    if (!write_some(connection)) {
        return;
    }
    timer_mod(connection->idle,
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + connection->worker->idle_ms);
    if (connection->written < connection->header_size + connection->block_size) {
        wait_for(connection, false, true);
        return;
    }
    connection->written = connection->header_size = connection->block_size = 0;
    if (connection->file.fd >= 0 && connection->file.offset < connection->file.size) {
        start_reading(connection);
        return;
    }
    file_close(&connection->file);
    if (!connection->request.keep_alive) {
        close_connection(connection);
        return;
    }
    next_request(connection);
}

/* Back in the loop: the thread pool's result. */
static void block_is_read(void *opaque, int result)
{
    struct connection *connection = opaque;

    connection->reading = false;
    /* A file that has become shorter ends the connection: the client was told another size. */
    if (connection->worker->loop.stopped || (connection->answered && result <= 0)) {
        close_connection(connection);
        return;
    }
    if (!connection->answered) {
        const char *line = result >= 0         ? "200 OK"
                           : result == -EACCES ? "403 Forbidden"
                                               : "404 Not Found";
        int n = snprintf(connection->header, sizeof(connection->header),
                         "HTTP/1.1 %s\r\nContent-Length: %lld\r\nConnection: %s\r\n\r\n", line,
                         result >= 0 ? (long long)connection->file.size : 0LL,
                         connection->request.keep_alive ? "keep-alive" : "close");

        connection->header_size = (size_t)n;
        connection->answered = true;
    }
    connection->block_size = result >= 0 ? (size_t)result : 0;
    go_on(connection);
}

/* Starts the request that is in the input, or waits for one. */
static void next_request(struct connection *connection)
{
    ssize_t size =
        request_parse(&connection->request, connection->input, connection->input_size);

    if (size < 0 || (size == 0 && connection->input_size == sizeof(connection->input))) {
        close_connection(connection);
        return;
    }
    if (size == 0) {
        wait_for(connection, true, false);
        return;
    }
    connection->input_size -= (size_t)size;
    memmove(connection->input, connection->input + size, connection->input_size);
    connection->answered = false;
    connection->worker->counts.requests++;
    start_reading(connection);
}

static void on_readable(void *opaque)
{
    struct connection *connection = opaque;
    ssize_t n = recv(connection->fd, connection->input + connection->input_size,
                     sizeof(connection->input) - connection->input_size, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        close_connection(connection);
        return;
    }
    connection->input_size += (size_t)n;
    next_request(connection);
}

static void on_writable(void *opaque)
{
    go_on(opaque);
}

static void on_idle(void *opaque)
{
    struct connection *connection = opaque;

    connection->worker->counts.timeouts++;
    close_connection(connection);
}

/* The bottom half: from here on the connection is the worker's. */
static void take_over(void *opaque)
{
    struct connection *connection = opaque;
    struct worker *worker = connection->worker;

    qemu_bh_delete(connection->take_over);
    connection->idle =
        aio_timer_new(worker->loop.ctx, QEMU_CLOCK_REALTIME, SCALE_MS, on_idle, connection);
    timer_mod(connection->idle, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + worker->idle_ms);
    connection->next = worker->first;
    connection->link = &worker->first;
    if (worker->first != NULL) {
        worker->first->link = &connection->next;
    }
    worker->first = connection;
    worker->counts.connections++;
    wait_for(connection, true, false);
}

void connection_hand_over(struct worker *worker, int fd)
{
    struct connection *connection = malloc(sizeof(*connection));

    if (connection == NULL) {
        close(fd);
        return;
    }
    connection->worker = worker;
    connection->fd = fd;
    connection->input_size = 0;
    connection->file.fd = -1;
    connection->reading = false;
    connection->header_size = connection->block_size = connection->written = 0;
    connection->take_over = aio_bh_new(worker->loop.ctx, take_over, connection);
    qemu_bh_schedule(connection->take_over);
}

void connections_close(struct worker *worker)
{
    struct connection *connection, *next;
    bool reading = true;

    /* Those that the thread pool has are closed by its completion. */
    while (reading) {
        reading = false;
        for (connection = worker->first; connection != NULL; connection = next) {
            next = connection->next;
            if (connection->reading) {
                reading = true;
            } else {
                close_connection(connection);
            }
        }
        if (reading) {
            aio_poll(worker->loop.ctx, true);
        }
    }
}
