//! A tunnel that gets other marks. While the tables change, packets with marks of both kinds are under way, and a rule for
//! one kind may catch packets of the other: what has none of the old bit may have the new one.
//!
//! What refuses such packets is there for both kinds from the first operation to the last. A rule that lets others than
//! its own pass, or leads them elsewhere, goes before the first packet has a new mark, and comes after the last one with an
//! old mark. Between, what it is for is refused.

use std::collections::BTreeSet;

use super::{RoutingRule, RuleAction};
use crate::net::{Family, GatewayIndex, TunnelMarks};

/// Whether a rule lets a packet pass, or leads it somewhere, that has a mark of these other rules and none of its own.
pub(super) fn misleading(others: &BTreeSet<RoutingRule>) -> impl Fn(&RoutingRule) -> bool {
    let marks: BTreeSet<(Family, TunnelMarks)> = others.iter().filter_map(marks).collect();
    move |rule| {
        let of_family = marks.iter().filter(|(family, _)| *family == rule.family);
        of_family.filter(|(_, marks)| is_of_others(rule, *marks)).any(|(_, marks)| catches(rule, *marks))
    }
}

/// The marks that a rule is for, where it names all of their bits.
fn marks(rule: &RoutingRule) -> Option<(Family, TunnelMarks)> {
    TunnelMarks::new(rule.packets.mask).ok().map(|marks| (rule.family, marks))
}

fn is_of_others(rule: &RoutingRule, marks: TunnelMarks) -> bool {
    let own = [0, marks.bit().mask(), marks.mask()];
    !own.contains(&rule.packets.mask)
}

fn catches(rule: &RoutingRule, marks: TunnelMarks) -> bool {
    match rule.action {
        RuleAction::Nop | RuleAction::Unreachable => false,
        RuleAction::Goto | RuleAction::Lookup(_) => {
            tunnelled(marks).any(|mark| mark & rule.packets.mask == rule.packets.mark)
        }
    }
}

/// What packets are marked with that are not simply to leave here.
fn tunnelled(marks: TunnelMarks) -> impl Iterator<Item = u32> {
    let gateways = GatewayIndex::all();
    gateways.map(move |gateway| marks.to(gateway)).chain([marks.nowhere(), marks.home(), marks.arrived()])
}
