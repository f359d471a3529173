/*
 * The progress line: "12/75 files, 3.4 MB", on standard error, and only if that is a terminal.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <unistd.h>

#include "checksum.h"

bool progress_is_shown(void)
{
    static int shown = -1;

    if (shown < 0) {
        shown = isatty(STDERR_FILENO);
    }
    return shown != 0;
}

void progress_update(struct job *job)
{
    static int64_t next_time;
    int64_t now = g_get_monotonic_time();

    if (!progress_is_shown() || now < next_time) {
        return;
    }
    next_time = now + PROGRESS_MS * 1000;
    fprintf(stderr, "\r%zu/%zu files, %.1f MB ", job->taken, job->count,
            (double)__atomic_load_n(&job->bytes, __ATOMIC_RELAXED) / 1e6);
}

void progress_clear(void)
{
    if (progress_is_shown()) {
        fprintf(stderr, "\r%60s\r", "");
    }
}
