//! What the state directory and the kernel say together about what was before: read and remembered once, before the loop
//! begins.

use egressd_core::finding::Finding;
use egressd_core::model::PrivateDestinations;
use egressd_core::net::{AddressRange, private_destinations as private_networks};
use egressd_core::pipeline::Pipeline;
use egressd_core::ruleset::{Ruleset, Table, TableFamily};
use tracing::warn;

use crate::state::{KnownNetworks, StateDir};
use crate::state_channel::StateChannel;

/// Goes on with the earlier decision about private destinations, and with what the kernel has where nothing else is left of
/// what was accepted (P6).
pub(super) fn inherit(pipeline: &mut Pipeline, state: &mut StateDir, applied: &Ruleset, state_channel: &StateChannel) {
    let translated = || private_destinations(applied);
    let unasked = || state.is_of_an_earlier_release().then(translated).unwrap_or_default();
    let known = state.networks().cloned().unwrap_or_else(|| KnownNetworks { private: unasked(), own_pods: Vec::new() });
    pipeline.went_on_with(known.private);
    pipeline.had_pod_networks(known.own_pods);
    // At once: what is written below looks like an earlier release's without it.
    state.remember_networks(&networks(pipeline));
    if state.is_bare() && translates(applied) {
        pipeline.lost_memory();
        state.lose();
        let lost = lost_memory();
        warn!(code = %lost.code, "{}", lost.message);
        state_channel.left([state.findings(), vec![lost]].concat());
    }
}

/// What is to be remembered of networks.
pub(super) fn networks(pipeline: &Pipeline) -> KnownNetworks {
    KnownNetworks { private: pipeline.private_destinations(), own_pods: pipeline.own_pod_networks().to_vec() }
}

/// The decision about private destinations by rules that are in force, where no release remembered a decision about that:
/// releases that decided nothing translated to them, and sets that have them are of one that does not.
fn private_destinations(applied: &Ruleset) -> PrivateDestinations {
    let withholds = |(family, table): (&TableFamily, &Table)| {
        let is_inside = |range: &AddressRange| table.sets.values().any(|set| set.contains(range.first()));
        family.addresses().is_some_and(|family| private_networks(family).iter().all(is_inside))
    };
    let mut in_force = applied.tables.iter().filter(|(_, table)| has_elements(table)).peekable();
    if in_force.peek().is_some() && !in_force.any(withholds) {
        PrivateDestinations::AsBefore
    } else {
        PrivateDestinations::Withheld
    }
}

/// Whether rules are in force that translate something.
fn translates(applied: &Ruleset) -> bool {
    applied.tables.values().any(has_elements)
}

/// What is reported where rules are in force and nothing says what they follow from.
pub fn lost_memory() -> Finding {
    let message = "rules are in force, but the state directory has no record of the accepted configuration: it was \
                   lost, or --state-dir was changed; the rules of Services with invalid annotations stay in force until their annotations are valid \
                   (docs/upgrade.md)";
    Finding::warning("state-lost", message)
}

fn has_elements(table: &Table) -> bool {
    table.maps.values().any(|map| !map.elements.is_empty())
}
