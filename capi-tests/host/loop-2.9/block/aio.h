/*
 * A tree of 2.9 to 4.2: first_bh, and event_notifier_set_handler is its own.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#define VERSION 402
#include "qemu/since_2_9.h"

#endif /* HOST_BLOCK_AIO_H */
