/*
 * The little of HTTP that a server of files needs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server.h"

/* Whether one of the header lines is "name: value", whatever the case. */
static bool has_header(const char *lines, const char *end, const char *name, const char *value)
{
    size_t name_size = strlen(name), value_size = strlen(value);
    const char *line;

    for (line = lines; line < end;
         line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1) {
        const char *text = line + name_size;

        if (line + name_size + 1 >= end) {
            return false;
        }
        if (strncasecmp(line, name, name_size) == 0 && *text == ':') {
            for (text++; text < end && *text == ' '; text++) {
            }
            return text + value_size < end && strncasecmp(text, value, value_size) == 0;
        }
    }
    return false;
}

ssize_t request_parse(struct request *request, const char *text, size_t size)
{
    const char *end = memmem(text, size, "\r\n\r\n", 4), *line_end, *path_end;
    size_t length;
    bool http_1_1;

    if (end == NULL) {
        return 0;
    }
    end += 4;
    line_end = memmem(text, size, "\r\n", 2);
    if (strncmp(text, "GET /", 5) != 0) {
        return -1;
    }
    path_end = memchr(text + 5, ' ', (size_t)(line_end - text) - 5);
    if (path_end == NULL) {
        return -1;
    }
    length = (size_t)(path_end - text) - 5;
    if (length >= sizeof(request->path) || line_end - path_end != strlen(" HTTP/1.x")) {
        return -1;
    }
    memcpy(request->path, text + 5, length);
    request->path[length] = '\0';
    http_1_1 = line_end[-1] == '1';
    request->keep_alive = http_1_1 ? !has_header(line_end + 2, end, "Connection", "close")
                                   : has_header(line_end + 2, end, "Connection", "keep-alive");
    return end - text;
}
