//! Messages on standard error, fit for signal handlers: no allocation, no lock, one `write` each.

use core::fmt::{self, Write};

use crate::descriptor;
use crate::error::preserving_errno;

/// A line that is built on the stack; what does not fit is cut off.
struct Line {
    text: [u8; 512],
    used: usize,
}

impl Line {
    fn rest(&mut self) -> &mut [u8] {
        // The last byte is kept for the newline.
        let end = self.text.len() - 1;
        self.text.get_mut(self.used..end).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let n = s.len().min(self.rest().len());
        for (to, from) in self.rest().iter_mut().zip(s.bytes()) {
            *to = from;
        }
        self.used += n;
        Ok(())
    }
}

/// Writes the message as one line to standard error; see [`super::Library::log`].
pub(super) fn write(message: fmt::Arguments<'_>) {
    let mut line = Line { text: [0; 512], used: 0 };
    let _ = line.write_fmt(message);
    let end = line.used;
    if let Some(byte) = line.text.get_mut(end) {
        *byte = b'\n';
    }
    let text = line.text.get(..=end).unwrap_or_default();
    preserving_errno(|| descriptor::write_some(libc::STDERR_FILENO, text));
}
