/*
 * A tree of 5.2: aio_co_reschedule_self, and still an EventNotifier of 8 bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#define VERSION 502
#include "qemu/since_2_9.h"

#endif /* HOST_BLOCK_AIO_H */
