/*
 * checksum: checksums files with a pool of threads that hand every result to a main loop.
 *
 * This is the library's main job in one program. The parts worth copying are own_loop.c or
 * glib_loop.c (what a loop owes to aio_notify()) and handover.c (what a worker owes to the
 * loop).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE /* getopt_long() */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checksum.h"

enum { MAX_THREADS = 1024 };

static void usage(FILE *to)
{
    fprintf(to,
            "usage: checksum [--glib] [-j THREADS] [--] FILE...\n"
            "Prints the files' SHA-256 checksums in the format of sha256sum.\n"
            "  --glib      runs under GLib's main loop instead of a loop of its own\n"
            "  -j THREADS  number of worker threads (default: one a processor, at least 2)\n");
}

_Noreturn void die(const char *what, int error)
{
    progress_clear();
    fprintf(stderr, "checksum: %s: %s\n", what, strerror(error));
    exit(1);
}

static size_t default_threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 2 ? 2 : processors > MAX_THREADS ? MAX_THREADS : (size_t)processors;
}

/* Returns 0 if the text is not a sensible number. */
static size_t parse_threads(const char *text)
{
    char *end;
    long threads = strtol(text, &end, 10);

    return *end == '\0' && threads >= 1 && threads <= MAX_THREADS ? (size_t)threads : 0;
}

/* One line as sha256sum writes it, so that "sha256sum -c" can read it. */
static void print_result(const struct file *file)
{
    const char *c;

    /* It marks names with characters that would break the line, and escapes these. */
    printf("%s%s  ", strpbrk(file->name, "\\\n") != NULL ? "\\" : "", file->sha256);
    for (c = file->name; *c != '\0'; c++) {
        if (*c == '\\' || *c == '\n') {
            printf("\\%c", *c == '\n' ? 'n' : '\\');
        } else {
            putchar(*c);
        }
    }
    putchar('\n');
}

/* Prints all results in the order of the arguments; returns how many files were read. */
static size_t print_results(const struct job *job)
{
    size_t i, good = 0;

    for (i = 0; i < job->count; i++) {
        const struct file *file = &job->files[i];

        if (file->sha256 != NULL) {
            print_result(file);
            good++;
        } else {
            fprintf(stderr, "checksum: %s: %s\n", file->name, strerror(file->error));
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        die("standard output", errno);
    }
    return good;
}

/* Runs the job on the loop and prints what came of it. Returns whether all files were read. */
static bool run(const struct loop *loop, struct job *job, size_t threads)
{
    int64_t start = g_get_monotonic_time();
    struct pool *pool;
    size_t notifies, writes, good;
    double seconds;

    job->ctx = loop->open();
    count_writes_to(job->ctx->notifier.wfd);
    pool = pool_start(job, threads);
    loop->run(job);
    /*
     * The loop has all results, but the worker of the last one may still be in aio_notify():
     * the context must live until the workers are gone.
     */
    notifies = pool_join(pool);
    writes = counted_writes();
    loop->close(job->ctx);
    seconds = (double)(g_get_monotonic_time() - start) / 1e6;

    progress_clear();
    good = print_results(job);
    fprintf(stderr, "%s: files %zu of %zu, bytes %" PRIu64 ", seconds %.3f, threads %zu\n",
            loop->name, good, job->count, job->bytes, seconds, threads);
    fprintf(stderr, "  notifies %zu, of which %zu found the loop asleep (event writes)\n",
            notifies, writes);
    fprintf(stderr, "  polls %zu, of which %zu were empty (woken, but nothing to take)\n",
            job->polls, job->empty_polls);
    return good == job->count;
}

/* Returns false if an option makes no sense or no file is named; optind is the first file. */
static bool parse_options(int argc, char **argv, const struct loop **loop, size_t *threads)
{
    static const struct option options[] = {
        {"glib", no_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "hj:", options, NULL)) != -1) {
        switch (c) {
        case 'g':
            *loop = &glib_loop;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        case 'j':
            *threads = parse_threads(optarg);
            if (*threads == 0) {
                return false;
            }
            break;
        default:
            return false;
        }
    }
    return optind < argc;
}

int main(int argc, char **argv)
{
    const struct loop *loop = &own_loop;
    size_t i, threads = default_threads();
    struct job job = {0};
    bool good;

    if (!parse_options(argc, argv, &loop, &threads)) {
        usage(stderr);
        return 2;
    }
    job.count = (size_t)(argc - optind);
    job.files = g_new0(struct file, job.count);
    for (i = 0; i < job.count; i++) {
        job.files[i].name = argv[optind + (int)i];
    }
    good = run(loop, &job, MIN(threads, job.count));
    for (i = 0; i < job.count; i++) {
        g_free(job.files[i].sha256);
    }
    g_free(job.files);
    return good ? 0 : 1;
}
