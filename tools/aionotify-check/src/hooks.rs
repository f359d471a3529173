//! Whose the functions are that the library calls of a program that has them. It refers to them weakly:
//! one that is missing, or hidden, is replaced by a default without a word.

use std::collections::BTreeSet;

use object::{Object, ObjectSymbol};

use crate::debug::Debug;
use crate::image::Image;
use crate::library::Library;
use crate::needed::{self, Bindings};

#[derive(Default, Debug)]
pub(crate) struct Hooks {
    pub(crate) program: Vec<String>,
    pub(crate) default: Vec<String>,
    /// Defined in the program where the library does not see it.
    pub(crate) hidden: Vec<String>,
}

impl Hooks {
    /// Those of a program that calls the library.
    pub(crate) fn read(
        image: &Image<'_>,
        debug: &Debug,
        library: &Library,
        bindings: &Bindings,
    ) -> Self {
        let mut hooks = Self::default();
        let exported = needed::exports(&image.file);
        let mut defined = BTreeSet::new();
        for symbol in image.symbols().symbols().filter(ObjectSymbol::is_definition) {
            let Ok(name) = symbol.name() else { continue };
            // A hidden one is local once it is linked, as a static one is, which is none.
            if library.hooks.contains(name) && (!symbol.is_local() || debug.external.contains(name))
            {
                defined.insert(name.to_owned());
            }
        }
        for hook in &library.hooks {
            let is_seen = match bindings.needs_ours {
                true => exported.contains(hook) || bindings.hooks.contains(hook),
                false => defined.contains(hook),
            };
            let list = match (is_seen, defined.contains(hook)) {
                (true, _) => &mut hooks.program,
                (false, true) => &mut hooks.hidden,
                (false, false) => &mut hooks.default,
            };
            list.push(hook.clone());
        }
        hooks
    }

    /// A line, for a program that has hooks at all.
    pub(crate) fn line(&self) -> Option<String> {
        let mut parts = Vec::new();
        for (whose, names) in
            [("the program's", &self.program), ("hidden", &self.hidden), ("default", &self.default)]
        {
            if !names.is_empty() {
                parts.push(format!("{whose}: {}", names.join(" ")));
            }
        }
        (!parts.is_empty()).then(|| format!("hooks {}", parts.join("; ")))
    }
}
