/*
 * What a program's own component and the program that uses it share.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef OWN_H
#define OWN_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/aio.h"
#include "block/thread-pool.h"

/* A function of the component that the library must call, and how often it was called. */
struct own_call {
    const char *name;
    unsigned long count;
};

/* Ends with a NULL name. */
extern struct own_call own_calls[];

/* Set by the program around calls of its own, which do not count. */
extern __thread int own_quiet;

/* Counts a call of the function that it is in. */
static inline void own_called(const char *function)
{
    struct own_call *call;

    for (call = own_calls; call->name != NULL; call++) {
        if (!own_quiet && strcmp(call->name, function) == 0) {
            __atomic_add_fetch(&call->count, 1, __ATOMIC_RELAXED);
        }
    }
}

#define OWN_CALLED() own_called(__func__)

static inline void *own_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

#endif /* OWN_H */
