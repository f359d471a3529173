/*
 * As large as a GSource, so that these trees need no GLib.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_QEMU_SOURCE_H
#define HOST_QEMU_SOURCE_H

typedef struct GSource {
    void *pointers[3];
    unsigned ref_count;
    void *context;
    int priority;
    unsigned flags;
    unsigned source_id;
    void *more[5];
} GSource;

typedef void IOHandler(void *opaque);

#endif /* HOST_QEMU_SOURCE_H */
