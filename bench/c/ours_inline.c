/*
 * The installed library, with the fast paths in the program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define AIONOTIFY_INLINE

#include "aio_loop.h"

AIO_LOOP(peer_ours_inline, aio_notify, aio_notify_accept, event_notifier_init,
         event_notifier_cleanup);
