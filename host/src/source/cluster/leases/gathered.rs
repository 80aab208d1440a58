//! Where Leases and the rest of the state meet: Services say which are followed, and what is reported of these is put beside
//! them.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use egressd_core::model::{Interest, NamedNode, ObjectReference};
use egressd_core::placement::Moment;
use futures_util::{StreamExt, TryStreamExt, stream};
use kube::Client;
use tokio::sync::watch;

use super::Wanted;
use super::asking::{LeaseChoice, RequestingServices};
use super::follower::once;
use super::table::{LeaseReport, LeaseTable, Names, unknown};
use crate::clock;
use crate::source::cluster::state::State;
use crate::source::cluster::trouble::ApiError;
use crate::source::handover;

/// How many Leases are asked for at once, where each is asked for once: an answer takes a few milliseconds.
const MAX_CONCURRENT: usize = 16;

/// What of the Leases concerns the state.
#[derive(Debug)]
pub(in crate::source::cluster) struct Leases {
    asking: RequestingServices,
    asked: handover::InterestReceiver,
    interest: Option<Interest>,
    /// The one that was in the last hand-over.
    handed: Option<Interest>,
    choice: LeaseChoice,
    /// Those that are followed since the last hand-over, without an answer.
    waiting: BTreeSet<ObjectReference>,
    /// The number of the choice.
    number: u64,
    wanted: watch::Sender<Arc<Names>>,
}

impl Leases {
    /// Of no Services so far, and what is to be followed from now on.
    pub(in crate::source::cluster) fn new(asked: handover::InterestReceiver) -> (Self, Wanted) {
        let (wanted, follow) = watch::channel(Arc::default());
        let (asking, choice) = (RequestingServices::default(), LeaseChoice::default());
        (
            Self { asking, asked, interest: None, handed: None, choice, waiting: BTreeSet::new(), number: 0, wanted },
            follow,
        )
    }

    /// Ends when something else is read of Services, which may ask by other names than before.
    pub(in crate::source::cluster) async fn is_asked_otherwise(&mut self) {
        match self.asked.changed().await {
            // What was asked for in between may have been the same: who asked waits for a state all the same.
            Ok(()) => self.handed = None,
            // The process ends.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether what is read of Services is something else than at the last hand-over.
    pub(in crate::source::cluster) fn is_changed(&self) -> bool {
        self.interest != self.handed
    }

    /// What is read of Services, for those who wait until Leases are chosen by it.
    pub(in crate::source::cluster) fn hand_over(&mut self) -> Option<Interest> {
        self.handed.clone_from(&self.interest);
        self.interest.clone()
    }

    /// Takes in the Services that changed since the last hand-over.
    pub(in crate::source::cluster) fn look_at(&mut self, state: &mut State) {
        let newest = self.asked.borrow_and_update().clone().unwrap_or_default();
        if self.interest.as_ref() == Some(&newest) {
            let changed = state.changed_services();
            let others = changed.filter(|key| self.asking.look_at(state.snapshot(), key, &newest)).count();
            if others == 0 {
                return;
            }
        } else {
            self.asking.look_at_all(state.snapshot(), &newest);
            self.interest = Some(newest);
        }
        let choice = self.asking.choose();
        if choice != self.choice {
            self.choose(choice, state);
        }
    }

    /// Takes in what is reported of one.
    pub(in crate::source::cluster) fn apply(
        &mut self,
        name: &ObjectReference,
        report: &LeaseReport,
        state: &mut State,
    ) {
        self.waiting.remove(name);
        if self.choice.followed.contains(name) {
            state.take_lease(name, report);
        }
    }

    /// Whether one that is to be followed was not answered yet.
    pub(in crate::source::cluster) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Waits no longer: those that were not answered may name any node.
    pub(in crate::source::cluster) fn give_up(&mut self, state: &mut State) {
        let not_read = LeaseReport::of(unknown(NamedNode::NotRead));
        mem::take(&mut self.waiting).iter().for_each(|name| state.take_lease(name, &not_read));
    }

    fn choose(&mut self, choice: LeaseChoice, state: &mut State) {
        let before = mem::replace(&mut self.choice, choice);
        let LeaseChoice { followed, beyond } = &self.choice;
        let gone = before.followed.difference(followed).chain(before.beyond.difference(beyond));
        gone.for_each(|name| state.take_lease(name, &LeaseReport::default()));
        let not_followed = LeaseReport::of(unknown(NamedNode::NotFollowed));
        beyond.difference(&before.beyond).for_each(|name| state.take_lease(name, &not_followed));
        self.waiting.retain(|name| followed.contains(name));
        self.waiting.extend(followed.difference(&before.followed).cloned());
        self.number += 1;
        let earlier = Arc::clone(&self.wanted.borrow());
        let since = |name: &ObjectReference| earlier.get(name).copied().unwrap_or(self.number);
        self.wanted.send_replace(Arc::new(followed.iter().map(|name| (name.clone(), since(name))).collect()));
    }
}

/// Puts the Leases of the Services that a state has beside them, asked for once.
///
/// # Errors
/// The first thing that cannot be read.
pub(in crate::source::cluster) async fn read(
    state: &mut State,
    client: &Client,
    server: &Arc<str>,
) -> Result<(), ApiError> {
    let (mut asking, mut table) = (RequestingServices::default(), LeaseTable::default());
    // What policies read becomes known later, and nothing is cut to it here.
    asking.look_at_all(state.snapshot(), &Interest::everything());
    let LeaseChoice { followed, beyond } = asking.choose();
    table.follow(&followed.iter().map(|name| (name.clone(), 0)).collect());
    let ask = |name: ObjectReference| async move { once(&name, client, server).await.map(|event| (name, event)) };
    let mut answers = stream::iter(followed).map(ask).buffered(MAX_CONCURRENT);
    while let Some((name, event)) = answers.try_next().await? {
        let now = Moment { steady: Default::default(), wall: clock::Moment::now().into() };
        table.record(&name, event, now).into_iter().for_each(|report| state.take_lease(&name, &report));
    }
    let not_followed = LeaseReport::of(unknown(NamedNode::NotFollowed));
    beyond.iter().for_each(|name| state.take_lease(name, &not_followed));
    Ok(())
}
