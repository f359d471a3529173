//! Debugging information in files of its own (`-gsplit-dwarf`): `.dwo` files, or a `FILE.dwp` of all.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use gimli::{AttributeValue, Dwarf, DwarfPackage, Reader as _, Unit, UnitType};
use object::Object;

use crate::debug::Debug;
use crate::image::Image;
use crate::names::Names;
use crate::sections::{endian, load, Reader, Unreadable};

pub(crate) struct Split<'a> {
    /// The file whose units are described elsewhere.
    path: &'a Path,
    package: Option<DwarfPackage<Reader>>,
    /// Why there is no package although there is a file, in words.
    unreadable: Option<String>,
}

impl<'a> Split<'a> {
    /// What is beside the file.
    pub(crate) fn beside(path: &'a Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".dwp");
        let (package, unreadable) = match std::fs::read(&name).ok().map(|data| package(&data)) {
            None => (None, None),
            Some(Ok(package)) => (Some(package), None),
            Some(Err(Unreadable(e))) => {
                (None, Some(format!("{} cannot be read: {e}", Path::new(&name).display())))
            }
        };
        Self { path, package, unreadable }
    }

    /// Reads the description of a unit.
    pub(crate) fn read(
        &self,
        debug: &mut Debug,
        image: &Image<'_>,
        (parent, skeleton): (&Dwarf<Reader>, &Unit<Reader>),
        name: AttributeValue<Reader>,
    ) -> Result<(), Unreadable> {
        let name = parent.attr_string(skeleton, name)?;
        let name = String::from_utf8_lossy(&name.to_slice()?).into_owned();
        if let (Some(package), Some(id)) = (&self.package, skeleton.dwo_id) {
            if let Some(dwarf) = package.find_cu(id, parent)? {
                return read_dwo(debug, image, &dwarf, skeleton, &name);
            }
        }
        let folder = match &skeleton.comp_dir {
            Some(folder) => {
                PathBuf::from(String::from_utf8_lossy(&folder.to_slice()?).into_owned())
            }
            None => PathBuf::new(),
        };
        // Where it was compiled, or else beside the file.
        let beside = self.path.parent().unwrap_or(Path::new("")).join(&name);
        let found =
            [folder.join(&name), beside].into_iter().find_map(|file| std::fs::read(file).ok());
        let Some(data) = found else {
            let package = self.unreadable.as_ref().map(|e| format!("; {e}")).unwrap_or_default();
            debug.unreadable.push(format!(
                "the debugging information of a unit is in {name}, which is not there{package}"
            ));
            return Ok(());
        };
        let mut read = || {
            let dwo = Image::parse(&data)?;
            let mut dwarf = Dwarf::load(|id| load(&dwo, id.dwo_name()))?;
            dwarf.make_dwo(parent);
            read_dwo(debug, image, &dwarf, skeleton, &name)
        };
        read().map_err(|Unreadable(e)| Unreadable(format!("{name}: {e}")))
    }
}

fn package(data: &[u8]) -> Result<DwarfPackage<Reader>, Unreadable> {
    let image = Image::parse(data)?;
    if image.file.section_by_name(".debug_info.dwo").is_none() {
        return Err("it holds no debugging information".to_owned().into());
    }
    let empty = Reader::new(Rc::from([]), endian(&image));
    DwarfPackage::load(|id| load(&image, id.dwo_name()), empty)
}

fn read_dwo(
    debug: &mut Debug,
    image: &Image<'_>,
    dwarf: &Dwarf<Reader>,
    skeleton: &Unit<Reader>,
    name: &str,
) -> Result<(), Unreadable> {
    let mut units = dwarf.units();
    let mut found = false;
    while let Some(header) = units.next()? {
        let mut unit = dwarf.unit(header)?;
        if matches!(unit.header.type_(), UnitType::Type { .. } | UnitType::SplitType { .. }) {
            debug.read_shapes(dwarf, &unit)?;
            continue;
        }
        if unit.dwo_id != skeleton.dwo_id {
            continue;
        }
        found = true;
        unit.copy_relocated_attributes(skeleton);
        // A unit of this kind refers to no other.
        debug.read_unit(image, dwarf, &unit, &mut Names::new(&[]))?;
    }
    if !found {
        debug
            .unreadable
            .push(format!("the debugging information of a unit is in {name}, of another build"));
    }
    debug.read_types(dwarf)
}
