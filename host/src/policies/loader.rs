//! Loads policies on a thread of its own, beside those in force: the loop goes on with the old ones meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;
use std::{io, thread};

use egressd_core::model::{PolicyMark, PolicyObject};

use super::latest::{self, latest_channel};
use super::library::{Library, Loaded, Step};
use crate::clock;

/// How long what is loaded waits for what comes with it, so that all Services go over once. What takes longer comes
/// beside it.
const BATCH_TIME: Duration = Duration::from_secs(1);

/// The handle. When it is dropped the thread ends, after the policies at hand.
#[derive(Debug)]
pub struct Loader {
    wanted: Sender<WantedPolicies>,
    loaded: latest::Receiver,
    /// Names under which an earlier process may have had something in force.
    lost: BTreeSet<String>,
    /// What is wanted already, to send nothing twice.
    asked: Option<BTreeMap<String, Arc<PolicyObject>>>,
}

/// The thread is gone, which is a bug of egressd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot load policies: their thread has ended")]
pub struct LoaderGone;

impl Loader {
    /// Starts the thread, which owns the library from here on.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(library: Library) -> io::Result<Self> {
        let (wanted, requests) = mpsc::channel();
        let (done, loaded) = latest_channel();
        thread::Builder::new().name("policy-loader".to_owned()).spawn(move || load_all(library, &requests, &done))?;
        Ok(Self { wanted, loaded, lost: BTreeSet::new(), asked: None })
    }

    /// It is unknown what an earlier process had in force under these names, from the next request on: Services do not go
    /// on without what cannot be loaded of them.
    pub fn lose<'a>(&mut self, names: impl IntoIterator<Item = &'a String>) {
        self.lost.extend(names.into_iter().cloned());
    }

    /// Sets the wanted policies; the result comes from [`Loader::next`]. The same policies twice are one request.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn want<'a>(&mut self, objects: impl IntoIterator<Item = &'a Arc<PolicyObject>>) -> Result<(), LoaderGone> {
        let objects: BTreeMap<_, _> = objects.into_iter().map(|o| (o.name.clone(), unmarked(o))).collect();
        if self.asked.as_ref() == Some(&objects) {
            return Ok(());
        }
        let wanted = WantedPolicies { objects: objects.values().cloned().collect(), lost: self.lost.clone() };
        self.wanted.send(wanted).map_err(|_| LoaderGone)?;
        self.asked = Some(objects);
        Ok(())
    }

    /// What is in force now: at first what an earlier process had, or everything; then what came beside it.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn next(&mut self) -> Result<Loaded, LoaderGone> {
        self.loaded.next().await.map_err(|latest::Ended| LoaderGone)
    }
}

/// Without what is written beside the policy: a new status is no other policy.
fn unmarked(object: &Arc<PolicyObject>) -> Arc<PolicyObject> {
    if object.mark == PolicyMark::default() {
        return Arc::clone(object);
    }
    Arc::new(PolicyObject { mark: PolicyMark::default(), ..(**object).clone() })
}

/// The policies that should be loaded, and names of which it is unknown what was in force.
#[derive(Debug)]
struct WantedPolicies {
    objects: Vec<Arc<PolicyObject>>,
    lost: BTreeSet<String>,
}

struct HandleDropped;

fn load_all(mut library: Library, requests: &Receiver<WantedPolicies>, done: &latest::Sender) {
    while let Ok(wanted) = wait(requests, library.next_try()) {
        if let Some(wanted) = wanted {
            take(&mut library, wanted);
        }
        if load(&mut library, requests, done).is_err() {
            return;
        }
    }
}

fn take(library: &mut Library, WantedPolicies { objects, lost }: WantedPolicies) {
    library.lose(lost);
    library.want(objects);
}

/// The next request; none when it is time to try again what failed.
fn wait(requests: &Receiver<WantedPolicies>, pause: Option<Duration>) -> Result<Option<WantedPolicies>, HandleDropped> {
    let Some(pause) = pause else { return requests.recv().map(Some).map_err(|_| HandleDropped) };
    match requests.recv_timeout(pause) {
        Ok(wanted) => Ok(Some(wanted)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(HandleDropped),
    }
}

/// Everything that is due. A request that comes meanwhile replaces it.
fn load(
    library: &mut Library,
    requests: &Receiver<WantedPolicies>,
    done: &latest::Sender,
) -> Result<(), HandleDropped> {
    let mut since = clock::now();
    loop {
        if let Some(newer) = newest(requests)? {
            take(library, newer);
        }
        if library.step() == Step::Nothing {
            done.send(library.loaded());
            return Ok(());
        }
        let due = if library.has_begun() {
            library.is_changed() && clock::since(since) >= BATCH_TIME
        } else {
            library.may_begin()
        };
        if due {
            done.send(library.loaded());
            since = clock::now();
        }
    }
}

fn newest(requests: &Receiver<WantedPolicies>) -> Result<Option<WantedPolicies>, HandleDropped> {
    let mut newest = None;
    loop {
        match requests.try_recv() {
            Ok(wanted) => newest = Some(wanted),
            Err(TryRecvError::Empty) => return Ok(newest),
            Err(TryRecvError::Disconnected) => return Err(HandleDropped),
        }
    }
}

/// The end of the thread, for tests that say themselves what is loaded.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct LoaderControl {
    /// Keeps requests from failing.
    _requests: Receiver<WantedPolicies>,
    done: latest::Sender,
}

#[cfg(test)]
impl LoaderControl {
    /// Hands over what is loaded.
    pub(crate) fn load(&self, loaded: Loaded) {
        self.done.send(loaded);
    }
}

#[cfg(test)]
impl Loader {
    /// Without a thread and a sandbox.
    pub(crate) fn controlled() -> (Self, LoaderControl) {
        let (wanted, _requests) = mpsc::channel();
        let (done, loaded) = latest_channel();
        (Self { wanted, loaded, lost: BTreeSet::new(), asked: None }, LoaderControl { _requests, done })
    }
}
