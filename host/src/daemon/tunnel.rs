//! The tunnel to other nodes: its device, rules and routes follow the plan, beside the tables.
//!
//! It comes with the change of the tables that needs it, in the order of phases, and goes with the one that needs it no more.
//! Whatever of it is missing, tables and rules refuse what was to go through it. So a change that fails here holds up no
//! other one: it is tried again. On a node without a tunnel it is read once, when nothing
//! else is to be done.

use std::time::Duration;

use egressd_core::compile::{TunnelSetup, tunnel_state};
use egressd_core::effect::{Effect, Phase};
use egressd_core::finding::{Finding, first_of};
use egressd_core::node::{Part as _, Tunnel, TunnelChange, TunnelMaker, TunnelState};
use egressd_core::plan::TunnelPlan;
use tracing::{debug, info};

use super::Daemon;
use crate::clock::{self, Instant};
use crate::errors::with_causes;
use crate::kernel::tunnel::{Error, TunnelThread};
use crate::state_channel::notices::Notices;

/// How long to wait after a failure, at first; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How often a tunnel is read that should not change.
pub(super) const READ_INTERVAL: Duration = Duration::from_mins(1);
/// How often it is tried where none is wanted: all that can be there is what an earlier process left.
const LEFT_INTERVAL: Duration = Duration::from_mins(10);
/// What notices are about.
const TOPIC: &str = "the tunnel to other nodes";

/// The tunnel, as far as it is known.
#[derive(Debug)]
pub(super) struct TunnelLink {
    kernel: TunnelThread,
    maker: TunnelMaker,
    notices: Notices,
    desired: TunnelState,
    /// None where it is unknown.
    applied: Option<TunnelState>,
    /// What other programs have among its rules and routes, as it was read last.
    others: Vec<String>,
    /// When to look again, and how long that was waited for.
    next: Option<(Instant, Duration)>,
}

/// Which of the changes are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Those that are to be made before the last slice of a change of the tables.
    BeforeTheLastSlice,
    All,
}

impl TunnelLink {
    /// What an earlier process left is read later: it has as many tables as gateways, and the guard waits for nothing.
    pub(super) fn new(kernel: TunnelThread, maker: TunnelMaker, notices: Notices) -> Self {
        let next = Some((clock::now(), Duration::ZERO));
        Self { kernel, maker, notices, desired: TunnelState::default(), applied: None, others: Vec::new(), next }
    }

    /// Takes in the tunnel of a plan.
    #[cfg_attr(not(test), expect(dead_code, reason = "no plan of the pipeline has a tunnel yet"))]
    pub(super) fn want(&mut self, plan: Option<&TunnelPlan>, setup: TunnelSetup) {
        let desired = tunnel_state(plan, setup);
        // What was read where none was wanted may be of another egressd.
        if self.desired == TunnelState::default() && desired != self.desired {
            self.applied = None;
            self.next = None;
        }
        self.desired = desired;
    }

    fn is_wanted(&self) -> bool {
        self.desired != TunnelState::default()
    }

    /// Whether nothing is there, and nothing is to be.
    fn is_at_rest(&self) -> bool {
        !self.is_wanted() && self.applied.as_ref() == Some(&self.desired)
    }

    fn is_due(&self) -> bool {
        self.next.is_none_or(|(at, _)| at <= clock::now())
    }

    /// When to look again.
    fn due(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    /// What leads from what is there to what is to be; nothing while that is not known, and not to be read yet.
    pub(super) async fn changes(&mut self, due: Due) -> Vec<Effect<TunnelChange>> {
        if self.applied.is_none() && self.is_wanted() {
            self.look().await;
        }
        let Some(applied) = self.applied.as_ref().filter(|applied| **applied != self.desired) else {
            return Vec::new();
        };
        let mut effects = Tunnel::diff(applied, &self.desired);
        match due {
            Due::BeforeTheLastSlice => effects.retain(|effect| effect.phase < Phase::Break),
            Due::All => {}
        }
        effects
    }

    /// Makes a change. After one that fails no other is made until it was read again: those lean on it.
    pub(super) async fn commit(&mut self, change: TunnelChange) {
        let Some(mut applied) = self.applied.take() else { return };
        match self.kernel.commit(change.clone()).await {
            Ok(()) => {
                applied.take(&change);
                self.applied = Some(applied);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Takes in what is there, if that is to be read by now.
    pub(super) async fn look(&mut self) {
        if !self.is_due() {
            return;
        }
        match self.read().await {
            Ok(()) => {}
            // There is none of ours.
            Err(Error::Theirs) if !self.is_wanted() => self.applied = Some(TunnelState::default()),
            Err(error) => self.failed(&error),
        }
    }

    /// What is there, without what other programs put into its tables.
    async fn read(&mut self) -> Result<(), Error> {
        let readback = self.kernel.read(self.maker).await?;
        self.others.clear();
        for foreign in readback.foreign {
            match foreign.removal.filter(|_| self.is_wanted()) {
                Some(removal) => self.kernel.commit(removal).await?,
                None => self.others.push(foreign.what),
            }
        }
        self.applied = Some(readback.state);
        Ok(())
    }

    /// It is as it is to be, as far as it is known.
    fn followed(&mut self) {
        if self.applied.as_ref() != Some(&self.desired) {
            return;
        }
        // Changes do not put off the next look.
        let planned = self.next.filter(|(at, wait)| wait.is_zero() && *at > clock::now());
        let next = planned.unwrap_or_else(|| (clock::now() + READ_INTERVAL, Duration::ZERO));
        self.next = self.is_wanted().then_some(next);
        let mut others = self.others.iter().filter(|_| self.is_wanted()).cloned();
        let first = others.next();
        let found = first.map(|first| disturbed_tunnel(&first_of(first, others.count())));
        self.notices.note(TOPIC, found);
    }

    /// Where none is wanted, only what an earlier process left can be there, and no table sends anything into it.
    fn failed(&mut self, error: &Error) {
        self.applied = None;
        debug!("{TOPIC}: {}", with_causes(error));
        let doubled = self.next.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).clamp(FIRST_RETRY, READ_INTERVAL));
        let wait = if self.is_wanted() { doubled } else { LEFT_INTERVAL };
        self.next = Some((clock::now() + wait, wait));
        self.notices.note(TOPIC, self.is_wanted().then(|| missing_tunnel(error)));
    }
}

impl Daemon {
    /// Makes the tunnel what the tables in force need, and no more.
    pub(super) async fn follow_tunnel(&mut self) {
        if self.tunnel.is_at_rest() && self.tunnel.next.is_none() {
            return;
        }
        let tunnel = self.tunnel.changes(Due::All).await;
        if !tunnel.is_empty() {
            info!(changes = tunnel.len(), "the tunnel to other nodes changes");
        }
        for effect in tunnel {
            self.tunnel.commit(effect.change).await;
        }
        self.tunnel.followed();
    }

    /// When the tunnel is to be looked at; not while something else is to be done.
    pub(super) fn tunnel_due(&self) -> Option<Instant> {
        self.tunnel.due().filter(|_| self.is_at_rest())
    }

    /// Looks whether the tunnel is as it is to be, and makes it so.
    pub(super) async fn check_tunnel(&mut self) {
        self.observers.state_channel.busy();
        self.tunnel.look().await;
        self.follow_tunnel().await;
    }
}

const REFUSED: &str = "packets that are to leave by another node are refused";

/// What is reported while the tunnel is not as it is to be.
pub fn missing_tunnel(error: &Error) -> Finding {
    let why = with_causes(error);
    Finding::warning("tunnel-missing", format!("{REFUSED}, or go there as before the last change: {why}; retrying"))
}

/// What is reported of other programs that have something among what is the tunnel's.
pub fn disturbed_tunnel(what: &str) -> Finding {
    Finding::warning("tunnel-disturbed", format!("another program is in the way of the tunnel to other nodes: {what}"))
}

#[cfg(test)]
#[path = "tunnel_tests.rs"]
mod tests;
