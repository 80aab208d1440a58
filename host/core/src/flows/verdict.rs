//! Whether one entry contradicts the rules, and whether it goes for that.

use std::net::IpAddr;

use super::{Check, Flow, KeptFlows, Reason};

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
/// Where rules promise nothing, an entry contradicts only with an address that egressd gave the pod: any other source is
/// the pod's own or another program's.
pub fn verdict(flow: &Flow, promised: Option<IpAddr>, check: &Check, kept: &KeptFlows) -> Verdict {
    let contradicts = match promised {
        Some(address) => flow.seen_as != address,
        None => check.severing.contains(&flow.seen_as) || check.earlier.contains(&flow.seen_as),
    };
    if !contradicts {
        return Verdict::Fits;
    }
    let is_severed = check.reasons.iter().any(|reason| severs(*reason, flow, promised, check, kept));
    if is_severed { Verdict::Severed } else { Verdict::Kept }
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
