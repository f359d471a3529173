//! The columns of the table.

use crate::peer::{Functions, Peer};

extern "C" {
    static peer_ours: Functions;
    static peer_ours_inline: Functions;
    static peer_ours_foreign: Functions;
    static peer_reference: Functions;
    static peer_eventfd: Functions;
}

#[cfg(feature = "peers")]
extern "C" {
    static peer_libuv: Functions;
    static peer_libev: Functions;
    static peer_libevent: Functions;
    static peer_glib: Functions;
}

/// All columns, ours first.
pub fn peers() -> Vec<Peer> {
    let peer = |name, functions, library| Peer { name, functions, library, wants_thread: false };
    // SAFETY: constants of the C files, which nobody writes to.
    let own = unsafe { [&peer_ours, &peer_ours_inline, &peer_reference, &peer_eventfd] };
    #[allow(unused_mut)]
    let mut peers = vec![
        peer("ours", own[0], "libaionotify.so"),
        peer("ours inline", own[1], "libaionotify.so"),
        peer("C reference", own[2], "libreference.so"),
        peer("eventfd", own[3], ""),
    ];
    #[cfg(feature = "peers")]
    {
        // SAFETY: as above.
        let theirs = unsafe { [&peer_libuv, &peer_libev, &peer_libevent, &peer_glib] };
        peers.extend([
            peer("libuv", theirs[0], "libuv.so"),
            Peer { wants_thread: true, ..peer("libev", theirs[1], "libev.so") },
            Peer { wants_thread: true, ..peer("libevent", theirs[2], "libevent_core") },
            peer("GLib", theirs[3], "libglib-2.0.so"),
            peer("mio", &crate::crates::MIO, ""),
            peer("polling", &crate::crates::POLLING, ""),
        ]);
    }
    peers
}

/// The column with this heading.
pub fn named(name: &str) -> Option<Peer> {
    peers().into_iter().find(|peer| peer.name == name)
}

/// libaiocontext under a loop of the program's own; no column of the table.
pub fn foreign() -> Peer {
    // SAFETY: a constant of the C file, which nobody writes to.
    let functions = unsafe { &peer_ours_foreign };
    Peer { name: "ours, foreign loop", functions, library: "libaiocontext.so", wants_thread: false }
}
