/*
 * The protocol that the library replaces.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "aio_loop.h"
#include "reference.h"

AIO_LOOP(peer_reference, reference_notify, reference_accept, reference_init, reference_cleanup);
