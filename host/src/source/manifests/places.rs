//! All places of manifests together, in the order in which they were given.

use std::collections::BTreeSet;
use std::mem;
use std::path::PathBuf;

use egressd_core::finding::Finding;
use egressd_core::model::{ChangeKey, Snapshot};

use super::gathered::Gathered;
use super::{Error, Naming, POLICIES, Place, PlaceKind};
use crate::errors::with_causes;
use crate::source::handover::Update;
use crate::state::Sources;

/// A place as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceArgument {
    /// A directory or a file.
    Path(PathBuf),
    /// What another command prints.
    StandardInput,
    /// A directory in which the nodes of this machine publish themselves.
    Published(PathBuf),
}

/// One file of one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    /// The number of the place in the order given, from 0.
    pub place: usize,
    /// Its name there.
    pub name: String,
}

/// All places, and what was read from them.
#[derive(Debug)]
pub struct Places {
    places: Vec<Place>,
    policies: String,
    /// The last content of all files together, and what of that is wrong.
    gathered: Option<Box<(Snapshot, Vec<Finding>)>>,
}

impl Places {
    /// Places of which nothing was read yet. Endpoints without a node are on `node`; policies are taken from [`POLICIES`].
    pub fn new(given: Vec<PlaceArgument>, node: &str) -> Self {
        let others = given.iter().filter(|given| !matches!(given, PlaceArgument::Published(_))).count();
        let naming = if others > 1 { Naming::Whole } else { Naming::Short };
        let place = |given| match given {
            PlaceArgument::Path(path) => Place::new(path, node, naming),
            PlaceArgument::StandardInput => Place::standard_input(node),
            PlaceArgument::Published(path) => Place::published(path, node),
        };
        Self { places: given.into_iter().map(place).collect(), policies: POLICIES.to_owned(), gathered: None }
    }

    pub fn one(path: impl Into<PathBuf>, node: &str) -> Self {
        Self::new(vec![PlaceArgument::Path(path.into())], node)
    }

    /// The same with policies from another namespace.
    #[must_use]
    pub fn with_policies_of(self, namespace: impl Into<String>) -> Self {
        Self { policies: namespace.into(), ..self }
    }

    /// The same with what an earlier process left, and will be left to the next one.
    #[must_use]
    pub fn remembering(self, sources: &Sources) -> Self {
        let places = self.places.into_iter().map(|place| place.remembering(sources.clone()));
        Self { places: places.collect(), ..self }
    }

    /// Leaves to the next process what one manifest says; whether there are more of which that changed.
    pub fn remember(&mut self) -> bool {
        self.places.iter_mut().any(Place::remember)
    }

    /// Reads everything for the first time.
    ///
    /// # Errors
    /// When one of the places cannot be read: begin with all of it or not at all.
    pub fn read(&mut self) -> Result<Update, Error> {
        let mut keys = BTreeSet::new();
        for place in &mut self.places {
            keys.extend(place.refresh(&BTreeSet::new())?);
        }
        Ok(self.update(keys, vec![]))
    }

    /// Reads what changed, and everything in `touched` in any case. Of a place that cannot be read everything stays.
    pub fn scan(&mut self, touched: &BTreeSet<FileId>) -> Update {
        let (mut keys, mut away) = (BTreeSet::new(), Vec::new());
        for (at, place) in self.places.iter_mut().enumerate() {
            let here = touched.iter().filter(|file| file.place == at);
            match place.refresh(&here.map(|file| file.name.clone()).collect()) {
                Ok(changed) => keys.extend(changed),
                Err(error) => away.push(self::away(&error)),
            }
        }
        self.update(keys, away)
    }

    /// Whether a file may be written right now, so that one looks again soon.
    pub fn is_unsettled(&self) -> bool {
        self.places.iter().any(|place| !place.unsettled.is_empty())
    }

    /// Every file that was read.
    pub fn files(&self) -> BTreeSet<FileId> {
        let of_place =
            |(at, place): (usize, &Place)| place.files.keys().map(move |name| (at, name.clone())).collect::<Vec<_>>();
        let files = self.places.iter().enumerate().flat_map(of_place);
        files.map(|(place, name)| FileId { place, name }).collect()
    }

    /// Each place, in the order given.
    pub(in crate::source) fn each(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.places.iter().enumerate()
    }

    /// The file that is a place of its own.
    pub(in crate::source) fn only_file(at: usize, place: &Place) -> FileId {
        FileId { place: at, name: place.only_name() }
    }

    /// Everything that all files say together. Without a key nothing that they say is new.
    fn update(&mut self, keys: BTreeSet<ChangeKey>, away: Vec<Finding>) -> Update {
        let gathered = match self.gathered.take().map(|known| *known) {
            Some(known) if keys.is_empty() => known,
            Some((known, _)) => {
                let (snapshot, doubled) = self.gather();
                (sharing(snapshot, known), doubled)
            }
            None => self.gather(),
        };
        let (snapshot, doubled) = gathered.clone();
        self.gathered = Some(Box::new(gathered));
        let faults = self.places.iter().flat_map(|place| place.faults(&self.policies));
        Update {
            snapshot,
            keys,
            findings: away.into_iter().chain(faults).chain(doubled).collect(),
            ..Update::default()
        }
    }

    /// What two files say, the first place says, and in it the first by name.
    fn gather(&self) -> (Snapshot, Vec<Finding>) {
        let mut gathered = Gathered::with_policies_of(&self.policies);
        self.places.iter().for_each(|place| place.gather(&mut gathered));
        self.places.iter().for_each(|place| place.lose(&mut gathered));
        if self.places.iter().any(|place| place.holds() == PlaceKind::Published) {
            gathered.follow_egress_nodes();
        }
        gathered.finish()
    }
}

/// The same with the memory of what was known before, as far as it says the same: others hold that until they have taken what
/// is new.
fn sharing(mut new: Snapshot, mut known: Snapshot) -> Snapshot {
    let gone: Vec<_> = known.services.keys().filter(|key| !new.services.contains_key(*key)).cloned().collect();
    gone.iter().for_each(|key| drop(known.services.remove(key)));
    let gone: Vec<_> = known.slices.keys().filter(|key| !new.slices.contains_key(*key)).cloned().collect();
    gone.iter().for_each(|key| drop(known.slices.remove(key)));
    for (key, service) in mem::take(&mut new.services) {
        if known.services.get(&key) != Some(&service) {
            known.services.insert(key, service);
        }
    }
    for (key, slices) in mem::take(&mut new.slices) {
        if known.slices.get(&key) != Some(&slices) {
            known.slices.insert(key, slices);
        }
    }
    Snapshot { services: known.services, slices: known.slices, ..new }
}

fn away(error: &Error) -> Finding {
    let message = format!("{}; its objects stay in force until it can be read again", with_causes(error));
    Finding::error("manifests-unreachable", message)
}
