/*
 * A tree of 8.2: one more field before notify_me.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#define VERSION 802
#include "qemu/since_2_9.h"

#endif /* HOST_BLOCK_AIO_H */
