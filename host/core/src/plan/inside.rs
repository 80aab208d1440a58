//! Findings for a Service's owner about the networks of the cluster.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::decision::Rule;
use crate::finding::{Finding, Severity, first_of};
use crate::model::{ClusterFacts, Placement, PrivateDestinations};
use crate::net::Family;

/// Nothing of a family is translated of which no pod network is known.
pub(super) fn unknown(rule: &Rule) -> Finding {
    let (family, address) = (Family::of(rule.address()), rule.address());
    let message = format!(
        "nothing is translated to {address}, because the cluster's {family} pod networks are unknown; set \
         --pod-networks (EGRESSD_POD_NETWORKS) or --inside-networks (EGRESSD_INSIDE_NETWORKS), or give Nodes podCIDRs"
    );
    Finding::error("networks-unknown", message).about_rule(rule.id())
}

/// What is left untranslated, or is translated in doubt, since there may be pods where none is known to be.
pub(super) fn findings(facts: &ClusterFacts, rules: &[Rule]) -> Vec<Finding> {
    let families: BTreeSet<Family> = rules.iter().map(|rule| Family::of(rule.address())).collect();
    let doubts = families.into_iter().filter_map(|family| facts.doubt(family));
    doubts.chain(elsewhere(facts, rules)).collect()
}

/// Pools of Calico's or Cilium's own are in no Node's podCIDRs, and there are more pods where one is.
fn elsewhere(facts: &ClusterFacts, rules: &[Rule]) -> Option<Finding> {
    let sources: BTreeSet<IpAddr> = rules.iter().flat_map(|rule| rule.sources().iter().copied()).collect();
    let placed = sources.into_iter().map(|pod| (pod, facts.placement(pod)));
    let elsewhere: Vec<(IpAddr, PrivateDestinations)> = placed
        .filter_map(|(pod, placement)| match placement {
            Placement::Known => None,
            Placement::Elsewhere(private) => Some((pod, private)),
        })
        .collect();
    let (first, private) = *elsewhere.first()?;
    let first = first_of(first, elsewhere.len() - 1);
    Some(match private {
        PrivateDestinations::Withheld => withheld(&first),
        PrivateDestinations::AsBefore => as_before(&first),
    })
}

const OUTSIDE_POD_NETWORKS: &str = "endpoint-outside-pod-networks";
const REMEDY: &str = "add its network to --inside-networks (EGRESSD_INSIDE_NETWORKS), or set that to `none` if all \
                      other pods are in known networks";

fn withheld(first: &str) -> Finding {
    let message = format!(
        "endpoint {first} is outside of all known pod networks, so its packets to private destinations are not \
         translated, because pods may be there; {REMEDY}"
    );
    Finding::new(Severity::Warning, OUTSIDE_POD_NETWORKS, message)
}

fn as_before(first: &str) -> Finding {
    let message = format!(
        "endpoint {first} is outside of all known pod networks; as before the update, its packets to private \
         destinations are translated, even if pods are there; {REMEDY} (docs/upgrade.md)"
    );
    Finding::new(Severity::Warning, OUTSIDE_POD_NETWORKS, message)
}
