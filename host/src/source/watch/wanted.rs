//! What to watch: the directories on the way to each place and to each file that is a link, and which names in them count.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::resolve::{self, PathTarget, ResolvedPath, Step};
use crate::source::manifests::{FileId, PlaceKind, Places, is_manifest};

/// So many directories are watched at most: the kernel has 8,192 watches for all programs of a user on small machines.
/// What is behind others is looked at from time to time.
pub(super) const MAX_DIRECTORIES: usize = 256;

/// What of a directory counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DirectoryInterest {
    /// The places that it is: every manifest in it.
    pub(super) places: BTreeSet<usize>,
    /// Names on the way to somewhere else: that they come to mean something else.
    pub(super) passes: BTreeSet<OsString>,
    /// Files at the end of ways, and which manifests they are: their content, too.
    pub(super) ends: BTreeMap<OsString, BTreeSet<FileId>>,
}

/// The directories to watch, by their paths without links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) directories: BTreeMap<PathBuf, DirectoryInterest>,
    /// How many files have a part of their way in a directory beyond [`MAX_DIRECTORIES`].
    pub(super) beyond: usize,
}

impl DirectoryInterest {
    /// Whether the content of something in it counts.
    pub(super) fn is_of_content(&self) -> bool {
        !self.places.is_empty() || !self.ends.is_empty()
    }
}

impl Wanted {
    /// What these places need as they are now: the ways to them first, then the files that are links.
    pub(super) fn by(places: &Places) -> Self {
        let mut wanted = Self::default();
        let mut directories = Vec::new();
        for (at, place) in places.each() {
            let Ok(resolved) = resolve::resolve(place.path()) else { continue };
            match (place.holds(), &resolved.end) {
                (PlaceKind::StandardInput, _) => {}
                (PlaceKind::Directory | PlaceKind::Published, PathTarget::Directory(path)) => {
                    let path = path.clone();
                    wanted.pass(&resolved);
                    wanted.beyond += usize::from(wanted.directory(&path).map(|i| i.places.insert(at)).is_none());
                    directories.push((at, path));
                }
                (PlaceKind::Directory | PlaceKind::Published, PathTarget::File(_) | PathTarget::Nothing) => {
                    wanted.pass(&resolved)
                }
                (PlaceKind::File, _) => wanted.follow(&resolved, &Places::only_file(at, place)),
            }
        }
        for (at, path) in directories {
            for name in links(&path) {
                let file = FileId { place: at, name: name.to_string_lossy().into_owned() };
                wanted.follow(&resolve::resolve_in(&path, name), &file);
            }
        }
        wanted
    }

    fn directory(&mut self, path: &Path) -> Option<&mut DirectoryInterest> {
        let has_room = self.directories.len() < MAX_DIRECTORIES || self.directories.contains_key(path);
        has_room.then(|| self.directories.entry(path.to_owned()).or_default())
    }

    fn pass(&mut self, resolved: &ResolvedPath) {
        let missing = resolved.steps.iter().filter(|step| self.add(step).is_none()).count();
        self.beyond += usize::from(missing > 0);
    }

    fn add(&mut self, step: &Step) -> Option<()> {
        self.directory(&step.directory)?.passes.insert(step.name.clone());
        Some(())
    }

    fn follow(&mut self, resolved: &ResolvedPath, file: &FileId) {
        self.pass(resolved);
        if let PathTarget::File(Step { directory, name }) = &resolved.end
            && let Some(interest) = self.directory(directory)
        {
            interest.ends.entry(name.clone()).or_default().insert(file.clone());
        }
    }
}

/// The manifests of a directory that are links, by name. What cannot be listed has none: reading it says why.
fn links(directory: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.map(|entry| entry.file_name()).filter(|name| is_manifest_name(name)).collect()
}

/// Whether a name of a file is a manifest's.
pub(super) fn is_manifest_name(name: &OsStr) -> bool {
    is_manifest(&name.to_string_lossy())
}
