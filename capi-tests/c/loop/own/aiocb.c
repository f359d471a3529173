/*
 * A program's own requests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "own.h"

__thread int own_quiet;

struct own_call own_calls[] = {
    {"qemu_aio_get", 0},
    {"qemu_aio_unref", 0},
    {NULL, 0},
};

void *qemu_aio_get(const AIOCBInfo *aiocb_info, BlockDriverState *bs, BlockCompletionFunc *cb,
                   void *opaque)
{
    BlockAIOCB *acb = own_alloc(aiocb_info->aiocb_size);

    OWN_CALLED();
    acb->aiocb_info = aiocb_info;
    acb->bs = bs;
    acb->cb = cb;
    acb->opaque = opaque;
    acb->refcnt = 1;
    return acb;
}

void qemu_aio_ref(void *p)
{
    ((BlockAIOCB *)p)->refcnt++;
}

void qemu_aio_unref(void *p)
{
    OWN_CALLED();
    if (--((BlockAIOCB *)p)->refcnt == 0) {
        free(p);
    }
}
