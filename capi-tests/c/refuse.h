/*
 * Makes the kernel refuse system calls, as a container's seccomp profile does. This cannot be
 * undone and affects only the calling process: for children of a test.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef REFUSE_H
#define REFUSE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "check.h"

static inline void refuse_install(struct sock_filter *filter, size_t length)
{
    struct sock_fprog program = {(unsigned short)length, filter};

    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The kernel answers the system call with the error from now on. */
static inline void refuse(long system_call, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)system_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    refuse_install(filter, sizeof(filter) / sizeof(filter[0]));
}

/* Where the low half of a system call's argument is. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define REFUSE_ARGUMENT(number) offsetof(struct seccomp_data, args[number])
#else
#define REFUSE_ARGUMENT(number) (offsetof(struct seccomp_data, args[number]) + 4)
#endif

/* The same for calls with this value as their second argument, such as epoll_ctl's operation.
 */
static inline void refuse_second(long system_call, int second, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)system_call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, REFUSE_ARGUMENT(1)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)second, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    refuse_install(filter, sizeof(filter) / sizeof(filter[0]));
}

#endif /* REFUSE_H */
