/*
 * A tree of 5.0 and 5.1: bh_list, but the protocol of 2.4.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_BLOCK_AIO_H
#define HOST_BLOCK_AIO_H

#define VERSION 501
#include "qemu/since_2_9.h"

#endif /* HOST_BLOCK_AIO_H */
