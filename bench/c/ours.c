/*
 * The installed library.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "aio_loop.h"

AIO_LOOP(peer_ours, aio_notify, aio_notify_accept, event_notifier_init, event_notifier_cleanup);
