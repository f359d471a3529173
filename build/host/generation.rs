//! The two generations of loops.

/// Which protocol a loop speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Generation {
    /// Up to QEMU 5.1: `aio_notify_accept` empties the event.
    Reference,
    /// QEMU 5.2 and later: the loop's own handler empties the event.
    Since5_2,
}

impl Generation {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "2.4" => Ok(Self::Reference),
            "5.2" => Ok(Self::Since5_2),
            _ => Err(format!(
                "GENERATION: expected 2.4 (loops up to QEMU 5.1) or 5.2 (5.2 and later), found \
                 {text:?}; set it to one of the two"
            )),
        }
    }

    /// As it is written in `GENERATION`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reference => "2.4",
            Self::Since5_2 => "5.2",
        }
    }
}
