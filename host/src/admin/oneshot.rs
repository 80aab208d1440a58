//! The pipeline once: what `plan` shows, and how far the kernel is from it, which `diff` shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::Chain;
use egressd_core::compile::{compile, keep};
use egressd_core::decision::Draft;
use egressd_core::diff::Changes;
use egressd_core::effect::{Effect, Phase};
use egressd_core::finding::Finding;
use egressd_core::model::{ChangeKey, Labels, PrivateDestinations, Snapshot, Uid};
use egressd_core::net::MarkBit;
use egressd_core::node::{NodeChanges, NodeState};
use egressd_core::owner::LocalAddresses;
use egressd_core::pipeline::{Pipeline, Question, RestoredState, Round, Settings};
use egressd_core::ruleset::{Ruleset, TableNames, marks};
use egressd_core::whose::MAX_POD_WAIT;
use ipnet::IpNet;

use crate::kernel::addresses;
use crate::kernel::nft::{Readback, removal};
use crate::policies::{self, Library, Objects, PolicyReport};
use crate::source::handover::Update;

/// Everything there is to show.
#[derive(Debug)]
pub struct Report {
    pub snapshot: Snapshot,
    pub round: Round,
    /// What is wrong with the source, and with the policies in them.
    pub source_findings: Vec<Finding>,
    /// The result of each policy.
    pub policies: Vec<PolicyReport>,
}

/// What `run` would know beside its source.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What it would remember (P4).
    pub accepted: BTreeMap<Uid, Arc<Labels>>,
    /// And the last good drafts (P6).
    pub drafts: BTreeMap<Uid, Arc<Draft>>,
    /// And whether that is all.
    pub memory: RestoredState,
    /// What it would make of private destinations.
    pub private: PrivateDestinations,
    /// The networks of this node's pods, as its Node listed them last.
    pub own_pods: Vec<IpNet>,
    /// The policies that were in force last.
    pub policies: Objects,
    /// What is known of this node's interfaces.
    pub interfaces: addresses::NodeInterfaces,
}

/// Works out what follows from what a source read.
pub fn plan(update: Update, settings: Settings, known: Known, library: &mut Library) -> Report {
    let loaded = library.update(policies::wanted(&update.snapshot, &known.policies).into_values());
    let chain = library.chain();
    let mut keys = update.keys;
    keys.insert(ChangeKey::Cluster);
    let mut pipeline = Pipeline::new(settings, known.accepted).recalling(known.drafts).knowing(known.memory);
    drop(pipeline.set_local_addresses(known.interfaces.held));
    pipeline.connect(known.interfaces.connected);
    pipeline.went_on_with(known.private);
    pipeline.had_pod_networks(known.own_pods);
    drop(pipeline.ask_all(chain.interest()));
    let questions = pipeline.update(&update.snapshot, &keys);
    drop(ask(&mut pipeline, &chain, questions));
    // What is read here is read together, so whatever waits for its pod would wait for ever.
    pipeline.next_try(Duration::ZERO);
    let waited = pipeline.ask_waited(MAX_POD_WAIT);
    let mut round = ask(&mut pipeline, &chain, waited);
    while !round.further.is_empty() {
        round = ask(&mut pipeline, &chain, round.further);
    }
    let mut source_findings = update.findings;
    source_findings.extend(policies::findings(&loaded.reports));
    Report { snapshot: update.snapshot, round, source_findings, policies: loaded.reports }
}

/// Asks until there is nothing more to ask; what follows.
pub(crate) fn ask(pipeline: &mut Pipeline, chain: &Chain, mut questions: Vec<Question>) -> Round {
    while !questions.is_empty() {
        let context = pipeline.context();
        let answers = questions.into_iter().map(|question| {
            let verdict = chain.evaluate(&context, &question.view);
            (question, verdict)
        });
        questions = pipeline.answer(answers.collect());
    }
    pipeline.round()
}

/// Lets the ruleset mark packets where the tables that the kernel holds do: that depends on the kernel, and on what other
/// programs use.
pub fn mark_as_held(round: &mut Round, held: &Ruleset, tables: TableNames, bit: MarkBit) {
    if marks(held) {
        round.ruleset = compile(&round.plan, &TableNames { marks: Some(bit), ..tables });
    }
}

/// What `run` would do to a node, in order: first what removes things that egressd never makes. `addresses` are those that its
/// interfaces have.
pub fn difference(readback: &Readback, addresses: &LocalAddresses, round: &Round) -> Changes {
    let mut desired = NodeState { nft: round.ruleset.clone(), ..NodeState::default() };
    keep(&mut desired.nft, &readback.state, &round.kept);
    let applied = NodeState { nft: readback.state.clone(), addresses: addresses.clone(), ..NodeState::default() };
    // Policies follow from what is in force.
    let NodeChanges { nft: mut changes, .. } = applied.changes(&desired);
    if let Some(change) = removal(readback) {
        // In no phase's way, and before all of them.
        changes.effects.insert(0, Effect { phase: Phase::Arm, change });
    }
    changes
}
