//! The backstop of the guard: where other programs may write to egressd's tables, policies of the kernel's IPsec block the
//! packets of guarded pods for as long as the tables are lost.
//!
//! It is never wider than the guard: a pod's policy comes after the commit with its guard, and goes before it. So a change
//! that fails here costs no packet, and is tried again. Beside policies of other programs there is none, since the kernel
//! takes the first that matches, and a packet of their tunnels could match one of ours.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use egressd_core::compile::{self, XfrmStamp};
use egressd_core::diff::{Common, Scope};
use egressd_core::effect::Effect;
use egressd_core::finding::{Finding, first_of};
use egressd_core::net::MarkBit;
use egressd_core::node::{Part as _, Xfrm, XfrmChange, XfrmPolicy, XfrmRule, XfrmVerb};
use tracing::info;

use super::Daemon;
use crate::clock::{self, Instant};
use crate::errors::with_causes;
use crate::kernel::nft::Writers;
use crate::kernel::xfrm::{Error, XfrmThread};
use crate::state_channel::notices::Notices;

/// How long to wait after a failure, at first; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How often policies are read that should not change: others may add some, or delete egressd's.
pub(super) const READ_INTERVAL: Duration = Duration::from_mins(1);
/// What notices are about.
const TOPIC: &str = "the backstop of the guard";

/// egressd's policies, as far as it knows them.
#[derive(Debug)]
pub(super) struct Backstop {
    kernel: XfrmThread,
    stamp: XfrmStamp,
    notices: Notices,
    /// None where it is unknown.
    applied: Option<BTreeSet<XfrmPolicy>>,
    way: Way,
    need: Need,
    /// Who may write to the tables, as far as that is known.
    writers: Option<Writers>,
    /// When to look again, and how long that was waited for.
    next: Option<(Instant, Duration)>,
}

/// What the policies are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// There are guarded pods, and other programs may write to the tables.
    Guarded,
    Nothing,
}

/// What is in the way of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Clear,
    /// Policies of other programs, as a message names them.
    InUse(String),
    /// The kernel has no xfrm.
    Unsupported,
}

impl Backstop {
    /// With what an earlier process left.
    pub(super) async fn adopt(kernel: XfrmThread, stamp: XfrmStamp, notices: Notices) -> Self {
        let applied = match kernel.read(stamp.maker).await {
            Ok(readback) => Some(readback.state),
            Err(Error::Unsupported) => Some(BTreeSet::new()),
            Err(_) => None,
        };
        Self { kernel, stamp, notices, applied, way: Way::Clear, need: Need::Nothing, writers: None, next: None }
    }

    /// What the tables are to mark packets with: before the first policy, and until the last one is gone.
    pub(super) fn marks(&self) -> Option<MarkBit> {
        let is_in_force = self.applied.as_ref().is_none_or(|applied| !applied.is_empty());
        let is_coming = self.need == Need::Guarded && self.way == Way::Clear;
        (is_in_force || is_coming).then_some(self.stamp.bit)
    }

    /// When to look again.
    fn due(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    fn is_due(&self) -> bool {
        self.due().is_some_and(|at| at <= clock::now())
    }

    /// What has to go before these pods lose their guard.
    pub(super) fn release(&self, pods: &BTreeSet<IpAddr>) -> Vec<Effect<XfrmChange>> {
        let is_released = |policy: &&XfrmPolicy| match policy.rule {
            XfrmRule::Inside(_) => false,
            XfrmRule::Pod(pod) => pods.contains(&pod),
        };
        let applied = self.applied.iter().flatten();
        Xfrm::diff(&applied.filter(is_released).copied().collect(), &BTreeSet::new())
    }

    /// Makes a change. Where that fails, the next look finds out what there is.
    pub(super) async fn commit(&mut self, change: XfrmChange) {
        let done = self.kernel.commit(change.clone()).await;
        match (done, &mut self.applied) {
            (Ok(()), Some(applied)) => take(applied, &change),
            (Ok(()), None) => {}
            (Err(error), _) => self.failed(&error, Need::Guarded),
        }
    }

    /// Makes the policies follow the tables: those for `guarded`, or none where none are needed.
    pub(super) async fn follow(&mut self, guarded: Option<compile::Backstop>) {
        let need = if guarded.is_some() { Need::Guarded } else { Need::Nothing };
        if need == Need::Nothing && self.applied.as_ref().is_some_and(BTreeSet::is_empty) {
            self.next = None;
            self.notices.note(TOPIC, None);
            self.need = need;
            return;
        }
        match self.reconcile(guarded.unwrap_or_default()).await {
            Ok(()) => self.followed(need),
            Err(error) => self.failed(&error, need),
        }
        self.need = need;
    }

    async fn reconcile(&mut self, guarded: compile::Backstop) -> Result<(), Error> {
        let is_due = self.is_due();
        let applied = match self.applied.take() {
            Some(applied) if !is_due && self.next.is_some() => applied,
            Some(_) | None => self.read().await?,
        };
        let desired = if self.way == Way::Clear { guarded.policies(self.stamp) } else { BTreeSet::new() };
        for effect in Xfrm::diff(&applied, &desired) {
            self.kernel.commit(effect.change).await?;
        }
        if applied != desired {
            info!(policies = desired.len(), "the IPsec policies for guarded pods changed");
        }
        self.applied = Some(desired);
        Ok(())
    }

    async fn read(&mut self) -> Result<BTreeSet<XfrmPolicy>, Error> {
        let readback = self.kernel.read(self.stamp.maker).await?;
        let mut foreign = readback.foreign.into_iter().map(|foreign| foreign.what);
        self.way = foreign.next().map_or(Way::Clear, |first| Way::InUse(first_of(first, foreign.count())));
        Ok(readback.state)
    }

    fn followed(&mut self, need: Need) {
        self.next = match need {
            Need::Guarded => Some((clock::now() + READ_INTERVAL, Duration::ZERO)),
            Need::Nothing => None,
        };
        let found = match &self.way {
            Way::InUse(policies) if need == Need::Guarded => Some(ipsec_in_use(policies)),
            Way::InUse(_) | Way::Clear | Way::Unsupported => None,
        };
        self.notices.note(TOPIC, found);
    }

    /// Where nothing is needed, only what an earlier process left can be in the way; a system that forbids to read it
    /// forbade to write it.
    fn failed(&mut self, error: &Error, need: Need) {
        // A kernel without xfrm has no policies.
        let is_unsupported = matches!(error, Error::Unsupported);
        self.applied = is_unsupported.then(BTreeSet::new);
        self.way = if is_unsupported { Way::Unsupported } else { Way::Clear };
        let wait = self.next.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).clamp(FIRST_RETRY, READ_INTERVAL));
        self.next = Some((clock::now() + wait, wait));
        self.notices.note(TOPIC, (need == Need::Guarded).then(|| missing_backstop(error)));
    }
}

fn take(applied: &mut BTreeSet<XfrmPolicy>, change: &XfrmChange) {
    match change.verb {
        XfrmVerb::Add => applied.extend(&change.policies),
        XfrmVerb::Delete => applied.retain(|policy| !change.policies.contains(policy)),
    }
}

const WITHOUT: &str = "packets of guarded pods are not stopped while the tables of egressd are lost";

impl Daemon {
    /// Makes the backstop follow the guard that is in force. Where the tables have to mark packets before, they do so from
    /// the next round on, and what is there follows that.
    pub(super) async fn follow_guard(&mut self) {
        let guarded = self.guarded_in_shared_tables().await;
        self.backstop.follow(guarded).await;
        if self.pipeline.mark_guarded(self.backstop.marks()) {
            self.applied.add_outstanding(Scope::Pods(BTreeSet::new(), Common::Changed));
            self.again = Some(clock::now());
        }
    }

    /// When policies are to be looked at. Not while what is in force is in doubt: the tables may be lost, and then what is there
    /// is what blocks.
    pub(super) fn backstop_due(&self) -> Option<Instant> {
        self.backstop.due().filter(|_| self.is_at_rest())
    }

    pub(super) async fn check_backstop(&mut self) {
        self.observers.state_channel.busy();
        self.follow_guard().await;
    }

    /// None where no other program can take the guard away.
    async fn guarded_in_shared_tables(&mut self) -> Option<compile::Backstop> {
        if !compile::is_guarding(self.applied.ruleset()) {
            return None;
        }
        match self.writers().await {
            Some(Writers::Us) => None,
            Some(Writers::Everybody) | None => Some(compile::Backstop::of(self.applied.ruleset())),
        }
    }

    /// Asked once where it is egressd alone, which lasts as long as the process, and else with each look: beside busy
    /// programs the answer takes long.
    pub(super) async fn writers(&mut self) -> Option<Writers> {
        if self.backstop.writers.is_none() || self.backstop.is_due() {
            let tables = self.tables.clone();
            self.backstop.writers = self.kernel.ask(move |kernel| kernel.writers(&tables)).await.ok();
        }
        self.backstop.writers
    }
}

/// What is reported while other programs have policies.
pub fn ipsec_in_use(policies: &str) -> Finding {
    let message = format!(
        "{WITHOUT}, because another program uses IPsec policies on this node: {policies}; use Linux 6.9 or later, where no \
         other program can change the tables (docs/fail-closed.md)"
    );
    Finding::warning("ipsec-in-use", message)
}

/// What is reported while the kernel does not take the policies.
pub fn missing_backstop(error: &Error) -> Finding {
    let why = with_causes(error);
    let message = format!("{WITHOUT}: {why}; retrying (docs/fail-closed.md)");
    Finding::warning("backstop-missing", message)
}

#[cfg(test)]
#[path = "backstop_tests.rs"]
mod tests;
