/*
 * The functions of reference.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BENCH_REFERENCE_H
#define BENCH_REFERENCE_H

#include "block/aio.h"

void reference_notify(AioContext *ctx);
void reference_accept(AioContext *ctx);
int reference_init(EventNotifier *e, int active);
void reference_cleanup(EventNotifier *e);
int reference_set(EventNotifier *e);
int reference_test_and_clear(EventNotifier *e);

#endif
