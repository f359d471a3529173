/*
 * A tree of 6.0 to 7.2: an EventNotifier of 12 bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#define VERSION 600
#include "qemu/since_2_9.h"

#endif /* HOST_BLOCK_AIO_H */
