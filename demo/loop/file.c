/*
 * Reading files. All of it may block, and runs in the thread pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"

ssize_t file_open(struct file *file, int root, const char *path)
{
    struct stat status;

    file->offset = 0;
    file->size = 0;
    /* Nothing above the folder. */
    if (path[0] == '/' || strstr(path, "..") != NULL) {
        file->fd = -1;
        return -EACCES;
    }
    file->fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file->fd < 0) {
        return -errno;
    }
    if (fstat(file->fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        return -EACCES;
    }
    file->size = status.st_size;
    return file_read(file);
}

ssize_t file_read(struct file *file)
{
    ssize_t n;

    do {
        n = pread(file->fd, file->block, sizeof(file->block), file->offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    file->offset += n;
    return n;
}

void file_close(struct file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}
