/*
 * server [--glib] [--workers N] [--idle MS] FOLDER: serves the files below FOLDER on a port of
 * the loopback interface, which it prints, until SIGTERM or SIGINT; then prints what it has
 * done.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

enum { MAX_WORKERS = 16 };

static struct worker workers[MAX_WORKERS];
static int worker_count = 1;
static struct loop acceptor;

static void die(const char *what)
{
    fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The acceptor's handler: each connection goes to the next worker. */
static void on_connection(void *opaque)
{
    int listener = *(int *)opaque, fd, on = 1;
    static int next;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        connection_hand_over(&workers[next], fd);
        next = (next + 1) % worker_count;
    }
}

/* Scheduling a bottom half is all that it takes, and allowed in a signal handler. */
static void on_signal(int signal_number)
{
    (void)signal_number;
    loop_stop(&acceptor);
}

static int listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        die("cannot listen");
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void *run_worker(void *opaque)
{
    struct worker *worker = opaque;

    loop_run(&worker->loop);
    connections_close(worker);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"glib", no_argument, NULL, 'g'},
        {"workers", required_argument, NULL, 'w'},
        {"idle", required_argument, NULL, 'i'},
        {NULL, 0, NULL, 0},
    };
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t threads[MAX_WORKERS];
    struct counts total = {0, 0, 0, 0};
    int option, root, listener, idle_ms = 5000, i;
    bool glib = false;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'g') {
            glib = true;
        } else if (option == 'w') {
            worker_count = atoi(optarg);
        } else if (option == 'i') {
            idle_ms = atoi(optarg);
        } else {
            return 2;
        }
    }
    if (optind + 1 != argc || worker_count < 1 || worker_count > MAX_WORKERS || idle_ms < 1) {
        fprintf(stderr, "usage: server [--glib] [--workers N] [--idle MS] FOLDER\n");
        return 2;
    }
    root = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        die(argv[optind]);
    }

    init_clocks();
    loop_open(&acceptor, glib);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    for (i = 0; i < worker_count; i++) {
        workers[i].root = root;
        workers[i].idle_ms = idle_ms;
        loop_open(&workers[i].loop, glib);
        if (pthread_create(&threads[i], NULL, run_worker, &workers[i]) != 0) {
            die("cannot start a thread");
        }
    }
    listener = listen_on_loopback();
    aio_set_fd_handler(acceptor.ctx, listener, on_connection, NULL, &listener);
    loop_run(&acceptor);

    aio_set_fd_handler(acceptor.ctx, listener, NULL, NULL, NULL);
    close(listener);
    for (i = 0; i < worker_count; i++) {
        loop_stop(&workers[i].loop);
        pthread_join(threads[i], NULL);
        total.connections += workers[i].counts.connections;
        total.requests += workers[i].counts.requests;
        total.timeouts += workers[i].counts.timeouts;
        total.bytes += workers[i].counts.bytes;
        loop_close(&workers[i].loop);
    }
    loop_close(&acceptor);
    close(root);
    printf("connections %lu, requests %lu, timeouts %lu, MB %.1f\n", total.connections,
           total.requests, total.timeouts, (double)total.bytes / 1e6);
    return 0;
}
