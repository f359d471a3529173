/*
 * A program's EventNotifier: 8 bytes, or 12 with HAVE_INITIALIZED.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_QEMU_EVENT_NOTIFIER_H
#define HOST_QEMU_EVENT_NOTIFIER_H

#include <stdbool.h>

typedef struct EventNotifier {
    int rfd;
    int wfd;
#ifdef HAVE_INITIALIZED
    bool initialized;
#endif
} EventNotifier;

typedef void EventNotifierHandler(EventNotifier *e);

int event_notifier_init(EventNotifier *e, int active);
void event_notifier_init_fd(EventNotifier *e, int fd);
void event_notifier_cleanup(EventNotifier *e);
int event_notifier_set(EventNotifier *e);
int event_notifier_test_and_clear(EventNotifier *e);
#ifdef HAVE_GET_WFD
int event_notifier_get_fd(const EventNotifier *e);
int event_notifier_get_wfd(const EventNotifier *e);
#else
int event_notifier_get_fd(EventNotifier *e);
#endif
#ifdef OWN_SET_HANDLER
void event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler);
#else
int event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler);
#endif

#endif /* HOST_QEMU_EVENT_NOTIFIER_H */
