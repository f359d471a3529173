/*
 * The SHA-256 checksum of a file.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE /* O_CLOEXEC, where the compiler is strict */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "checksum.h"

enum { BUFFER_SIZE = 128 * 1024 };

/* Returns 0 or an errno. */
static int read_all(int fd, GChecksum *checksum, uint64_t *size, uint64_t *bytes_read)
{
    unsigned char buffer[BUFFER_SIZE];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
        if (n > 0) {
            g_checksum_update(checksum, buffer, n);
            *size += (uint64_t)n;
            __atomic_fetch_add(bytes_read, (uint64_t)n, __ATOMIC_RELAXED);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

void checksum_file(struct file *file, uint64_t *bytes_read)
{
    int fd = open(file->name, O_RDONLY | O_CLOEXEC);
    GChecksum *checksum;

    if (fd < 0) {
        file->error = errno;
        return;
    }
    checksum = g_checksum_new(G_CHECKSUM_SHA256);
    file->error = read_all(fd, checksum, &file->bytes, bytes_read);
    if (file->error == 0) {
        file->sha256 = g_strdup(g_checksum_get_string(checksum));
    }
    g_checksum_free(checksum);
    close(fd);
}
