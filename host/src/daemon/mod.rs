//! THE loop. It owns `applied`, which moves on success alone; nothing else does, so there are no locks.

mod alive;
mod announced;
mod arming;
mod asking;
mod auditing;
mod backstop;
mod beside;
mod carry;
mod checking;
mod connections;
mod drift;
pub mod evaluator;
pub mod heap;
mod inherit;
mod log;
mod reading;
mod relayout;
mod severing;
mod showing;
mod takeover;
mod threads;
mod tidying;
mod tunnel;

use std::future::{Future, ready};
use std::time::Duration;

use anyhow::{Context, Result};
pub use auditing::disagreed;
use auditing::{Auditing, IdleTask};
use backstop::Backstop;
pub use backstop::{ipsec_in_use, missing_backstop};
use carry::Remainder;
use checking::Checking;
use connections::ConnectionFacts;
use drift::Drift;
pub use drift::replaced;
use egressd_core::compile::XfrmStamp;
use egressd_core::diff::Applied;
use egressd_core::flows::translated;
use egressd_core::in_force::AppliedRound;
use egressd_core::node::{Certainty, TunnelMaker, XfrmMaker};
use egressd_core::pipeline::{Pipeline, QuestionQueue, Settings, Step};
use egressd_core::ruleset::{Name, TableFamily, TableNames};
pub use inherit::lost_memory;
use reading::Reading;
use relayout::TableCopy;
use severing::Severing;
pub use severing::flows_not_checked;
pub use takeover::{newer_layout, uncertain, unless};
pub use threads::{Observers, Threads};
use tokio::time::sleep_until;
use tracing::info;
use tunnel::TunnelLink;
pub use tunnel::{disturbed_tunnel, missing_tunnel};

use crate::clock::{self, Instant, Moment};
use crate::daemon::evaluator::Evaluator;
use crate::kernel::addresses::{Addresses, NodeInterfaces};
use crate::kernel::nft::{KernelThread, Notifications};
use crate::pod_wait::{AnnouncedPods, PodWait};
use crate::policies::{Loaded, Loader, wanted};
use crate::source::handover::{SnapshotReceiver, Update};
use crate::state::{StateDir, StateThread};

/// What could not be done where a start fails.
const TAKEOVER: &str = "cannot take over the tables";

/// What the loop works with.
#[derive(Debug)]
pub struct Daemon {
    pipeline: Pipeline,
    evaluator: Evaluator,
    kernel: KernelThread,
    tables: TableNames,
    state: StateThread,
    /// What the kernel holds, as far as we know.
    applied: Applied,
    applied_state: AppliedState,
    loader: Loader,
    reading: Reading,
    /// What is in force, and which Services are behind.
    in_force: AppliedRound,
    first_round: FirstRound,
    /// Tables to replace with the first commit (`egress_clean`).
    to_replace: Vec<(TableFamily, Name)>,
    /// What translates until all is in force, where the tables had another layout.
    copy: Option<TableCopy>,
    observers: Observers,
    /// When and after how long to try again what the kernel refused.
    retry: Option<(Instant, Duration)>,
    /// What is left of a large change.
    remainder: Option<Remainder>,
    /// What is to be asked, in turn.
    turns: QuestionQueue,
    /// When this process began: what the pipeline's times count from.
    since: Instant,
    /// When to ask again about what could not be answered.
    again: Option<Instant>,
    auditing: Auditing,
    checking: Checking,
    drift: Drift,
    notifications: Notifications,
    backstop: Backstop,
    tunnel: TunnelLink,
    severing: Severing,
    connections: ConnectionFacts,
    /// When the next sign of life is due.
    next_sign: Instant,
    announced: AnnouncedPods,
    /// The announced pods that are waited for.
    waiting: Vec<PodWait>,
}

/// What to do at the start with tables that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Take them over as they are (P6).
    Adopt,
    /// Replace them with the first commit, whoever made them (`egress_clean`).
    Replace,
}

/// Whether `applied` is what the kernel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AppliedState {
    Current,
    /// It was, but another program may have changed it since: it is read before anything else is done.
    Doubted,
    /// After a failure of ours: the same.
    Unknown,
}

/// Whether a first round is in force, with which later ones are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstRound {
    Pending,
    InForce,
}

/// What the loop does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextStep {
    /// Work out what follows from what is new.
    Round,
    /// Go on with what was worked out.
    Slice,
    /// Nothing: what came changes no rule.
    Wait,
    /// Do what has time until there is nothing else to do.
    Idle(IdleTask),
}

impl Daemon {
    /// Takes over what an earlier process left in the kernel, as it is, or prepares to replace it. Waits while that is a
    /// newer egressd's.
    ///
    /// # Errors
    /// When the kernel cannot be read, or a table of our name is not ours (P10).
    pub async fn take_over(
        settings: Settings,
        mut state: StateDir,
        Threads { kernel, notifications, xfrm, tunnel, flows, loader, evaluator }: Threads,
        start: Start,
        observers: Observers,
    ) -> Result<Self> {
        let tables = settings.tables.clone();
        let stamp = XfrmStamp { maker: XfrmMaker::of(&tables), bit: settings.mark };
        let backstop = Backstop::adopt(xfrm, stamp, observers.notices.clone()).await;
        let tunnel = TunnelLink::new(tunnel, TunnelMaker::of(&tables), observers.notices.clone());
        let reading = Reading::new(&settings.prefix);
        let on_change = settings.on_change;
        let mut pipeline = Pipeline::new(settings, state.accepted()).recalling(state.drafts()).knowing(state.memory());
        pipeline.mark_guarded(backstop.marks());
        observers.state_channel.left(state.findings());
        let to_replace = takeover::begin(&kernel, &tables, start, &observers.state_channel).await.context(TAKEOVER)?;
        let held = takeover::held(&kernel, &tables, &to_replace, &observers.state_channel).await.context(TAKEOVER)?;
        let drafts = state.drafts();
        let remembered = drafts.iter().map(|(uid, draft)| (uid, &**draft));
        let connections = ConnectionFacts::begin(&held.ruleset, remembered, on_change);
        inherit::inherit(&mut pipeline, &mut state, &held.ruleset, &observers.state_channel);
        let left = Some(translated(&held.ruleset)).filter(|pods| !pods.is_empty());
        // What is replaced is not read, so it is unknown which pods it translates.
        let sign = state.take_sign_of_life().filter(|_| to_replace.is_empty());
        pipeline.resume(sign, left, Moment::now().into());
        let layout =
            relayout::begin(&kernel, &tables, &held.ruleset, &observers.state_channel).await.context(TAKEOVER)?;
        let replaces = !layout.to_replace.is_empty();
        let to_replace = if replaces { layout.to_replace } else { to_replace };
        let applied = if replaces { Applied::default() } else { Applied::of(held.ruleset) };
        let applied_state = if to_replace.is_empty() { AppliedState::Current } else { AppliedState::Unknown };
        // What is written from here on follows from what was read before.
        let state = StateThread::start(state).context("cannot start the thread that writes the state directory")?;
        let since = clock::now();
        let severing = Severing::begin(flows, observers.notices.clone(), observers.metrics.clone(), since);
        let daemon = Self {
            pipeline,
            evaluator,
            kernel,
            tables,
            state,
            applied,
            applied_state,
            loader,
            reading,
            in_force: AppliedRound::default(),
            first_round: FirstRound::Pending,
            to_replace,
            copy: layout.copy,
            observers,
            retry: None,
            remainder: None,
            turns: QuestionQueue::default(),
            since,
            again: None,
            auditing: Auditing::begin(since),
            checking: Checking::begin(held.certainty, since),
            drift: Drift::begin(since),
            notifications,
            backstop,
            tunnel,
            severing,
            connections,
            next_sign: since,
            announced: AnnouncedPods::none(),
            waiting: Vec::new(),
        };
        daemon.show_certainty(Certainty::Settled);
        Ok(daemon)
    }

    /// Follows the source and the node's addresses until asked to stop. The rules stay in force, and what is to be remembered
    /// is written.
    ///
    /// # Errors
    /// When a thread that everything depends on is gone.
    pub async fn run(
        mut self,
        source: SnapshotReceiver,
        mut addresses: Addresses,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let ended = self.follow(&source, &mut addresses, stop).await;
        self.end(ended).await
    }

    async fn end(mut self, ended: Result<()>) -> Result<()> {
        self.observers.state_channel.busy();
        self.leave_sign();
        self.state.finish().await;
        ended
    }

    async fn follow(
        &mut self,
        source: &SnapshotReceiver,
        addresses: &mut Addresses,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        tokio::pin!(stop);
        self.set_interfaces(addresses.now());
        tokio::select! {
            begun = self.begin(source) => begun?,
            () = &mut stop => return Ok(()),
        }
        self.run_loop(NextStep::Round, source, addresses, stop).await
    }

    async fn run_loop(
        &mut self,
        mut next: NextStep,
        source: &SnapshotReceiver,
        addresses: &mut Addresses,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        tokio::pin!(stop);
        loop {
            self.take_step(next).await?;
            self.observers.state_channel.idle();
            next = NextStep::Round;
            let (idle, sign) = (self.idle_due(), self.sign_due());
            // What is newer comes before what waits: it is asked in turn with it, and carried out with the next slice.
            tokio::select! {
                biased;
                () = &mut stop => {
                    info!("stopping; the rules stay in force");
                    return Ok(());
                }
                update = source.next() => self.apply_update(&update, source)?,
                loaded = self.loader.next() => self.apply_policies(loaded?, source)?,
                known = addresses.changed() => self.set_interfaces(known?),
                come = self.announced.next() => self.take_announced(come),
                () = at(self.retry.map(|(at, _)| at)) => {}
                () = at(self.again) => self.ask_again(),
                news = self.notifications.changed(), if self.drift.listens() => self.notice(&news),
                () = at(self.drift.due()) => self.drift_due(),
                () = at(sign) => next = self.leave_sign(),
                turn = self.severing.turn(), if self.remainder.is_none() => next = self.take_turn(turn),
                () = ready(()), if !self.turns.is_empty() => {}
                () = ready(()), if self.remainder.is_some() => next = NextStep::Slice,
                () = at(idle.map(|(at, _)| at)) => next = idle.map_or(next, |(_, what)| NextStep::Idle(what)),
            }
            if next == NextStep::Round {
                self.ask().await?;
            }
        }
    }

    async fn take_step(&mut self, next: NextStep) -> Result<()> {
        match next {
            NextStep::Round => self.round().await?,
            NextStep::Slice => self.commit_next_slice().await,
            NextStep::Idle(what) => self.idle(what).await?,
            NextStep::Wait => {}
        }
        self.answer_announced();
        Ok(())
    }

    /// Works out what follows from the newest state, and carries it out.
    async fn round(&mut self) -> Result<()> {
        let step = self.work_out().await?;
        self.start_commit(step).await;
        Ok(())
    }

    async fn work_out(&mut self) -> Result<Step> {
        self.observers.state_channel.busy();
        let begun = clock::now();
        let mut step = self.pipeline.step();
        self.observers.metrics.round(clock::since(begun));
        if self.find_foreign_tables().await {
            step = step.and(self.pipeline.step());
        }
        let (accepted, drafts) = self.pipeline.take_news();
        self.state.remember(accepted, drafts);
        self.state.remember_networks(inherit::networks(&self.pipeline));
        self.queue(std::mem::take(&mut step.further));
        self.schedule_retry();
        // What was accepted is on the disk before it is in force (P4).
        self.state.settled().await?;
        Ok(step)
    }

    /// Switches to other policies as soon as all that they read is there.
    fn apply_policies(&mut self, loaded: Loaded, source: &SnapshotReceiver) -> Result<()> {
        match self.reading.load(loaded, source) {
            Some(loaded) => self.replace_policies(loaded),
            None => Ok(()),
        }
    }

    /// Replaces the chain as a whole, and asks it about every Service.
    fn replace_policies(&mut self, loaded: Loaded) -> Result<()> {
        let Loaded { chain, reports, valid, findings } = loaded;
        self.observers.state_channel.policies(reports, findings);
        self.state.remember_policies(&valid);
        if let Some(chain) = chain {
            let questions = self.pipeline.ask_all(chain.interest());
            self.evaluator.swap(chain)?;
            self.queue(questions);
        }
        Ok(())
    }

    /// The newest state of this node's interfaces. A Service with several addresses may change to another of them.
    fn set_interfaces(&mut self, known: NodeInterfaces) {
        let NodeInterfaces { held, connected } = known;
        self.severing.set_nodes(held.keys().copied().collect());
        let mut questions = self.pipeline.set_local_addresses(held);
        questions.extend(self.pipeline.connect(connected));
        self.queue(questions);
    }

    /// Queues a question for each subject that changed.
    fn apply_update(&mut self, update: &Update, source: &SnapshotReceiver) -> Result<()> {
        self.loader.want(wanted(&update.snapshot, self.state.policies()).values())?;
        let questions = self.pipeline.update(&update.snapshot, &update.keys);
        self.queue(questions);
        match self.reading.take(update, source) {
            Some(loaded) => self.replace_policies(loaded),
            None => Ok(()),
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod daemon_tests;
#[cfg(test)]
mod remembering_tests;
