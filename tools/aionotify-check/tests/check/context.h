/*
 * An AioContext that is laid out as libaionotify's, for programs that declare the functions
 * themselves. Each macro that may be defined before makes it another.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifdef __aarch64__
#define AT_NOTIFY_ME 244
#define AT_NOTIFIED 308
#elif defined(__i386__)
#define AT_NOTIFY_ME 156
#define AT_NOTIFIED 192
#else
#define AT_NOTIFY_ME 236
#define AT_NOTIFIED 292
#endif

#ifndef MORE
#define MORE 0
#endif

typedef struct EventNotifier {
    int rfd, wfd;
#ifdef INITIALIZED
    _Bool initialized;
#endif
} EventNotifier;

typedef struct AioContext {
    char before[AT_NOTIFY_ME];
    unsigned notify_me;
#ifdef MARK_2_4
    char first_bh[AT_NOTIFIED - AT_NOTIFY_ME - 4];
#else
    char between[AT_NOTIFIED - AT_NOTIFY_ME - 4 + MORE];
#endif
    _Bool notified;
    EventNotifier notifier;
} AioContext;
