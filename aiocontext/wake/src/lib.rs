//! The loop's side of the wakeup protocol: one event write for a burst of notifications.
