//! THE loop. It owns `applied`, which moves on success alone; nothing else does, so there are no locks.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use egressd_core::diff::{Batch, Changes, diff};
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::ServiceKey;
use egressd_core::pipeline::{Pipeline, Round, Settings};
use egressd_core::ruleset::{Ruleset, TableNames};
use egressd_core::status::{ServiceStatus, State};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::addresses::Addresses;
use crate::evaluator::Evaluator;
use crate::nft::{self, KernelThread};
use crate::source::handover::{Taker, Update};
use crate::state::StateDir;

/// How long to wait for an earlier egressd to let go of the tables: the kernel frees them with its last socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look meanwhile.
const LOOK: Duration = Duration::from_millis(100);
/// How long to wait after a failed commit, at first; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// What the loop works with.
#[derive(Debug)]
pub struct Daemon {
    pipeline: Pipeline,
    evaluator: Evaluator,
    kernel: KernelThread,
    tables: TableNames,
    state: StateDir,
    /// What the kernel holds, as far as we know.
    applied: Ruleset,
    statuses: BTreeMap<ServiceKey, ServiceStatus>,
    findings: Vec<Finding>,
    /// When and after how long to try again what failed.
    retry: Option<(Instant, Duration)>,
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commit {
    InForce,
    Refused,
}

impl Daemon {
    /// Takes over what an earlier process left in the kernel, as it is.
    ///
    /// # Errors
    /// When the kernel cannot be read, or a table of our name is not ours (P10).
    pub async fn adopt(
        settings: Settings,
        state: StateDir,
        evaluator: Evaluator,
        kernel: KernelThread,
    ) -> Result<Self> {
        let tables = settings.tables.clone();
        adopt_patiently(&kernel, &tables).await.context("cannot take over the tables")?;
        let pipeline = Pipeline::new(settings, state.accepted());
        let (applied, statuses, findings) = Default::default();
        let mut daemon = Self { pipeline, evaluator, kernel, tables, state, applied, statuses, findings, retry: None };
        daemon.read_back().await.context("cannot take over the tables")?;
        Ok(daemon)
    }

    /// Follows the source and the node's addresses until told to stop. The rules stay in force.
    ///
    /// # Errors
    /// When a thread that everything depends on is gone.
    pub async fn run(mut self, source: Taker, mut addresses: Addresses, stop: impl Future<Output = ()>) -> Result<()> {
        tokio::pin!(stop);
        self.pipeline.hold(addresses.now());
        // Before the first update there are no Services, and a round would take all rules away (P6).
        let mut begun = false;
        loop {
            tokio::select! {
                update = source.take() => {
                    self.take(update).await?;
                    begun = true;
                }
                held = addresses.changed(), if begun => self.pipeline.hold(held?),
                () = until(self.retry) => {}
                () = &mut stop => {
                    info!("stopping; the rules stay in force");
                    return Ok(());
                }
            }
            let round = self.pipeline.round();
            if self.commit(&round).await == Commit::InForce {
                self.report(round);
            }
        }
    }

    /// Asks the policies about everything that changed.
    async fn take(&mut self, update: Update) -> Result<()> {
        let mut questions = self.pipeline.update(&update.snapshot, &update.keys);
        while !questions.is_empty() {
            let views = questions.iter().map(|question| question.view.clone()).collect();
            let verdicts = self.evaluator.evaluate(self.pipeline.context(), views).await?;
            questions = self.pipeline.answer(questions.into_iter().zip(verdicts).collect());
        }
        self.state.remember(self.pipeline.accepted());
        Ok(())
    }

    /// Carries out what differs. After a failure the kernel is read again, and the difference tried again later.
    async fn commit(&mut self, round: &Round) -> Commit {
        if let Some(fatal) = &round.fatal {
            error!(code = fatal.code, "the plan is not carried out, everything stays as it is: {}", fatal.message);
            return Commit::Refused;
        }
        let changes = diff(&self.applied, &round.ruleset);
        match self.carry_out(changes).await {
            Ok(()) => {
                self.applied.clone_from(&round.ruleset);
                self.retry = None;
                Commit::InForce
            }
            Err(failure) => {
                self.failed(failure).await;
                Commit::Refused
            }
        }
    }

    async fn carry_out(&self, changes: Changes) -> Result<(), nft::Error> {
        for batch in changes.batches {
            self.kernel.commit(batch).await?;
        }
        Ok(())
    }

    async fn failed(&mut self, failure: nft::Error) {
        let wait = self.retry.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).min(LAST_RETRY));
        self.retry = Some((Instant::now() + wait, wait));
        warn!(error = chain(&failure), retry_in = ?wait, "a change is not in force yet");
        if let Err(error) = self.read_back().await {
            warn!(error = chain(&error), "what is in force is unknown");
        }
    }

    /// Learns what is in force, and removes what nobody of us put there.
    async fn read_back(&mut self) -> Result<(), nft::Error> {
        let readback = self.kernel.read(self.tables.clone()).await?;
        let changes: Vec<_> = readback.foreign.iter().flat_map(|foreign| foreign.removal.clone()).collect();
        for foreign in &readback.foreign {
            warn!(object = foreign.what, "somebody else put this into a table of egressd");
        }
        if !changes.is_empty() {
            self.kernel.commit(Batch { changes }).await?;
        }
        self.applied = readback.ruleset;
        Ok(())
    }

    /// One line for every Service whose status changed.
    fn report(&mut self, round: Round) {
        for finding in round.findings.iter().filter(|finding| !self.findings.contains(finding)) {
            log_finding("the node", finding);
        }
        let gone = self.statuses.iter().filter(|(key, _)| !round.statuses.contains_key(key));
        for (key, _) in gone.filter(|(_, status)| status.state != State::Off) {
            info!(service = %key, "gone");
        }
        for (key, status) in round.statuses.iter().filter(|(key, status)| self.statuses.get(key) != Some(status)) {
            let before = self.statuses.get(key);
            if status.state != State::Off || before.is_some() {
                log_status(key, status);
            }
            let old = before.map_or(&[][..], |status| &status.findings);
            status.findings.iter().filter(|finding| !old.contains(finding)).for_each(|f| log_finding(key, f));
        }
        self.statuses = round.statuses;
        self.findings = round.findings;
    }
}

/// Waits while another process owns the tables: most likely our predecessor, on its way out.
async fn adopt_patiently(kernel: &KernelThread, tables: &TableNames) -> Result<(), nft::Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match kernel.adopt(tables.clone()).await {
            Err(nft::Error::Owned { .. }) if Instant::now() < deadline => sleep(LOOK).await,
            other => return other,
        }
    }
}

async fn until(retry: Option<(Instant, Duration)>) {
    match retry {
        Some((at, _)) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn log_status(service: &ServiceKey, status: &ServiceStatus) {
    let list = |addresses: &[std::net::IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (addresses, endpoints) = (list(&status.addresses), list(&status.endpoints));
    info!(%service, state = %status.state, addresses, endpoints, "changed");
}

fn log_finding(about: impl std::fmt::Display, finding: &Finding) {
    match finding.severity {
        Severity::Info => info!(%about, code = finding.code, "{}", finding.message),
        Severity::Warning | Severity::Error => warn!(%about, code = finding.code, "{}", finding.message),
    }
}

/// An error with all its causes, in one line.
fn chain(error: &nft::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}
