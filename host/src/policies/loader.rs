//! Loads policies on a thread of its own, beside those in force: the loop goes on with the old ones meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvError, RecvTimeoutError, Sender};
use std::{io, thread};

use egressd_core::model::{PolicyMark, PolicyObject};
use tokio::sync::mpsc as channel;

use super::library::{Library, Loaded};

/// The handle. When it is dropped the thread ends, after the policies at hand.
#[derive(Debug)]
pub struct Loader {
    wanted: Sender<Vec<Arc<PolicyObject>>>,
    loaded: channel::UnboundedReceiver<Loaded>,
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
        let (wanted, wishes) = mpsc::channel();
        let (done, loaded) = channel::unbounded_channel();
        thread::Builder::new().name("policy-loader".to_owned()).spawn(move || load_all(library, &wishes, &done))?;
        Ok(Self { wanted, loaded, asked: None })
    }

    /// Says what there should be; what comes of it comes from [`Loader::next`]. The same wish twice is one.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn want<'a>(&mut self, objects: impl IntoIterator<Item = &'a Arc<PolicyObject>>) -> Result<(), LoaderGone> {
        let objects: BTreeMap<_, _> = objects.into_iter().map(|o| (o.name.clone(), unmarked(o))).collect();
        if self.asked.as_ref() == Some(&objects) {
            return Ok(());
        }
        self.wanted.send(objects.values().cloned().collect()).map_err(|_| LoaderGone)?;
        self.asked = Some(objects);
        Ok(())
    }

    /// What came of the newest wish that is through.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn next(&mut self) -> Result<Loaded, LoaderGone> {
        self.loaded.recv().await.ok_or(LoaderGone)
    }
}

/// Without what is written beside the policy: a new status is no other policy.
fn unmarked(object: &Arc<PolicyObject>) -> Arc<PolicyObject> {
    if object.mark == PolicyMark::default() {
        return Arc::clone(object);
    }
    Arc::new(PolicyObject { mark: PolicyMark::default(), ..(**object).clone() })
}

fn load_all(mut library: Library, wishes: &Receiver<Vec<Arc<PolicyObject>>>, done: &channel::UnboundedSender<Loaded>) {
    let mut newest = Vec::new();
    loop {
        let wish = if let Some(pause) = library.next_try() {
            match wishes.recv_timeout(pause) {
                Ok(wish) => Some(wish),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match wishes.recv() {
                Ok(wish) => Some(wish),
                Err(RecvError) => return,
            }
        };
        // Whatever was wished meanwhile replaces it.
        newest = wishes.try_iter().last().or(wish).unwrap_or(newest);
        if done.send(library.update(newest.iter().cloned())).is_err() {
            return;
        }
    }
}
