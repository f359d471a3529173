//! Whose each component of the whole loop is: the library's, the program's as a whole, or half of each,
//! in which case two halves do not know of each other.

use std::collections::BTreeSet;

use crate::image::{Function, Image};
use crate::library::Library;
use crate::needed::{self, Bindings};

/// Where a file has what the library has as well.
pub(crate) struct Place<'a> {
    pub(crate) image: &'a Image<'a>,
    /// The definitions that are not the library's, and those that are.
    pub(crate) own: &'a [&'a Function],
    pub(crate) theirs: &'a [&'a Function],
    /// What all object files of the command line define.
    pub(crate) together: &'a BTreeSet<String>,
    /// Nothing for an object file.
    pub(crate) bindings: Option<&'a Bindings>,
    /// Whether it is a program that takes nothing from the shared library, and whose other libraries
    /// are all known: what it lacks then runs nowhere.
    pub(crate) is_closed: bool,
}

/// A component of which a file has a part.
pub(crate) struct Half {
    pub(crate) component: String,
    pub(crate) own: BTreeSet<String>,
    pub(crate) missing: BTreeSet<String>,
}

/// A component that a program has as its own, but that the library does not see.
pub(crate) struct Hidden {
    pub(crate) component: String,
    pub(crate) functions: BTreeSet<String>,
}

#[derive(Default)]
pub(crate) struct Components {
    /// The program's as a whole.
    pub(crate) own: BTreeSet<String>,
    pub(crate) halves: Vec<Half>,
    pub(crate) hidden: Vec<Hidden>,
    /// Those of the program's own beside which there is code of this project.
    pub(crate) unrecognized: Vec<String>,
    /// Of which there is no code at all in a closed program.
    absent: BTreeSet<String>,
}

impl Components {
    pub(crate) fn of(place: &Place<'_>, library: &Library) -> Self {
        let mut result = Self::default();
        let exported = needed::exports(&place.image.file);
        let names = |functions: &[&Function]| -> BTreeSet<String> {
            functions.iter().map(|function| function.stem().to_owned()).collect()
        };
        let (own, theirs) = (names(place.own), names(place.theirs));
        // In another library that the program needs before ours, unless the program's own comes first.
        let elsewhere: BTreeSet<String> = place
            .bindings
            .into_iter()
            .flat_map(|bindings| bindings.foreign())
            .filter(|name| !exported.contains(*name))
            .cloned()
            .collect();
        for (name, functions) in &library.components {
            let here: BTreeSet<String> = functions.intersection(&own).cloned().collect();
            let mut has = &here | &(functions & &elsewhere);
            let all = match place.bindings {
                None => functions & place.together,
                Some(_) => has.clone(),
            };
            let missing = functions - &all;
            let linked_in = !functions.is_disjoint(&theirs);
            if has.is_empty() {
                if place.is_closed && !linked_in {
                    result.absent.insert(name.clone());
                }
                continue;
            }
            let is_whole = missing.is_empty() || (place.is_closed && !linked_in);
            if !is_whole {
                let component = name.clone();
                result.halves.push(Half { component, own: has, missing });
                continue;
            }
            if place.bindings.is_some_and(|bindings| bindings.needs_ours) {
                has = &here - &exported;
                if !has.is_empty() {
                    let component = name.clone();
                    result.hidden.push(Hidden { component, functions: has });
                    continue;
                }
            }
            // The Rust functions of a component have the name of its package in theirs.
            let package = format!("aiocontext_{}", name.replace('-', "_"));
            let is_ours = |function: &Function| function.name.contains(&package);
            if place.bindings.is_some() && place.image.functions.iter().any(is_ours) {
                result.unrecognized.push(name.clone());
            }
            result.own.insert(name.clone());
        }
        result
    }

    /// Whether a function may be the program's own: its component is, or is named already.
    pub(crate) fn allows(&self, function: &str, library: &Library) -> bool {
        let Some(component) = library.component(function) else { return false };
        let named = self.hidden.iter().map(|hidden| &hidden.component);
        named.chain(&self.own).chain(&self.absent).any(|name| name == component)
            || self.halves.iter().any(|half| half.own.contains(function))
    }
}
