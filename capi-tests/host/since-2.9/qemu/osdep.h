/*
 * What each source of the tree includes first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_QEMU_OSDEP_H
#define HOST_QEMU_OSDEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#endif /* HOST_QEMU_OSDEP_H */
