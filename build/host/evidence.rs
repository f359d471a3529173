//! What the headers show of a loop's generation.

use super::generation::Generation;
use super::read::Headers;

/// A sign of one generation.
pub(crate) struct Mark {
    /// Such as `AioContext.first_bh`.
    pub(crate) name: String,
    /// `FILE:LINE` of what has it.
    pub(crate) place: String,
}

/// What the headers show.
pub(crate) enum Evidence {
    /// One generation alone, by these marks.
    Of(Generation, Vec<Mark>),
    /// `bh_list` and no mark of 5.2: QEMU 5.0 and 5.1, whose protocol is still the old one.
    BhList(Mark),
    /// Nothing, or marks of both; in words.
    Open(String),
}

impl Evidence {
    pub(crate) fn of(headers: &Headers) -> Self {
        let (context, notifier) = (&headers.context, &headers.notifier);
        let field = |name: &&str| {
            let place = || context.place.clone();
            let found = context.fields.contains_key(*name);
            found.then(|| Mark { name: format!("AioContext.{name}"), place: place() })
        };
        let old: Vec<Mark> = ["first_bh", "walking_bh"].iter().filter_map(field).collect();
        let mut new = Vec::new();
        if notifier.fields.contains_key("initialized") {
            let name = "EventNotifier.initialized".to_owned();
            new.push(Mark { name, place: notifier.place.clone() });
        }
        if let Some(function) = headers.functions.get("aio_co_reschedule_self") {
            let name = "aio_co_reschedule_self".to_owned();
            new.push(Mark { name, place: function.place.clone() });
        }
        match (old.is_empty(), new.is_empty()) {
            (false, true) => Self::Of(Generation::Reference, old),
            (true, false) => Self::Of(Generation::Since5_2, new),
            (false, false) => Self::Open(format!(
                "{} is of loops up to QEMU 5.1, {} of later ones",
                names(&old),
                names(&new)
            )),
            (true, true) => match field(&"bh_list") {
                Some(mark) => Self::BhList(mark),
                None => Self::Open("the headers do not show it".to_owned()),
            },
        }
    }

    /// The generation that they show.
    pub(crate) fn generation(&self) -> Option<Generation> {
        match self {
            Self::Of(generation, _) => Some(*generation),
            Self::BhList(_) => Some(Generation::Reference),
            Self::Open(_) => None,
        }
    }

    /// In words, for the report and for the message that asks for a generation.
    pub(crate) fn words(&self, asked: Option<Generation>) -> String {
        match (self, asked) {
            (Self::Of(generation, marks), _) => {
                format!("{} points to GENERATION={}", names(marks), generation.name())
            }
            (Self::BhList(mark), _) => format!(
                "{} without EventNotifier.initialized and aio_co_reschedule_self points to \
                 GENERATION=2.4 (QEMU 5.0 and 5.1)",
                mark.name
            ),
            (Self::Open(why), Some(asked)) => {
                format!("{why}; GENERATION={} decides", asked.name())
            }
            (Self::Open(why), None) => format!(
                "{why}: if aio_notify_accept of the tree calls event_notifier_test_and_clear it is \
                 2.4, else 5.2"
            ),
        }
    }
}

fn names(marks: &[Mark]) -> String {
    marks.iter().map(|mark| &*mark.name).collect::<Vec<_>>().join(", ")
}
