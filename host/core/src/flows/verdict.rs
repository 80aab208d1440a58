//! Whether one entry contradicts the rules, and whether it goes for that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Check, Flow, KeptFlows, Reason, Zone};

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as the rules in force would make it, or nothing of egressd's.
    Fits,
    /// It contradicts them, and stays.
    Kept,
    /// It contradicts them, and is deleted.
    Severed,
}

/// What becomes of an entry whose first packet would be translated to `promised` now.
///
/// What has a source that is neither egressd's, the pod's nor this node's is translated by another program, before egressd
/// or in spite of it, and would be again. An untranslated entry of another zone is that program's way to a switch or a router.
///
/// Where rules promise nothing, an entry contradicts only with an address that egressd gave the pod: any other source is
/// the pod's own or another program's.
pub fn verdict(flow: &Flow, promised: Option<IpAddr>, check: &Check, known: Known<'_>) -> Verdict {
    let contradicts = match promised {
        Some(address) => flow.seen_as != address && !is_of_others(flow, check, known.nodes),
        None => check.severing.contains(&flow.seen_as) || check.earlier.contains(&flow.seen_as),
    };
    if !contradicts {
        return Verdict::Fits;
    }
    let is_severed = check.reasons.iter().any(|reason| severs(*reason, flow, promised, check, known.kept));
    if is_severed { Verdict::Severed } else { Verdict::Kept }
}

/// What is known of connections beside the rules.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub kept: &'a KeptFlows,
    /// The addresses of this node, which masquerading gives.
    pub nodes: &'a BTreeSet<IpAddr>,
}

fn is_of_others(flow: &Flow, check: &Check, nodes: &BTreeSet<IpAddr>) -> bool {
    let is_own = [&check.severing, &check.now, &check.earlier].iter().any(|own| own.contains(&flow.seen_as));
    let is_untranslated = flow.seen_as == flow.source;
    match flow.zone {
        Zone::Default => !is_own && !is_untranslated && !nodes.contains(&flow.seen_as),
        Zone::Other => !is_own && !nodes.contains(&flow.seen_as),
    }
}

fn severs(reason: Reason, flow: &Flow, promised: Option<IpAddr>, check: &Check, kept: &KeptFlows) -> bool {
    let began_by_rules = check.earlier.contains(&flow.seen_as);
    match (reason, promised) {
        (Reason::Asked, promised) => {
            check.severing.contains(&flow.seen_as) || promised.is_some_and(|address| check.severing.contains(&address))
        }
        (Reason::Guarded, promised) => promised.is_some() && !check.now.contains(&flow.seen_as),
        (Reason::New, promised) => promised.is_some() && !began_by_rules,
        (Reason::Gap, promised) => promised.is_some() && !began_by_rules && kept.began_later(flow),
        (Reason::Census, _) => false,
    }
}
