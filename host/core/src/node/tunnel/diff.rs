//! What differs between two states of a tunnel, in an order in which no packet leaves that should not.

use std::mem;

use super::{
    RouteKind, RoutingRule, RuleAction, TunnelChange, TunnelDevice, TunnelOperation, TunnelRoute, TunnelState, remark,
};
use crate::effect::{Effect, Phase};

/// How many operations a change has at most: about 150 bytes each, far below what a netlink socket takes.
const MOST: usize = 1_000;

/// What becomes of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeviceChange {
    None,
    Create(TunnelDevice),
    Set(TunnelDevice),
    /// Deleted and created: the kernel changes neither kind nor port of one.
    Replace(TunnelDevice),
    Delete,
}

/// Whether routes that lead over the device are still there when it has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OldRoutes {
    Stay,
    /// They went with the device.
    Gone,
}

pub(super) fn diff(applied: &TunnelState, desired: &TunnelState) -> Vec<Effect<TunnelChange>> {
    let device = DeviceChange::between(applied.device, desired.device);
    let old = device.old_routes();
    let come: Vec<RoutingRule> = desired.rules.difference(&applied.rules).copied().collect();
    let mut go: Vec<RoutingRule> = applied.rules.difference(&desired.rules).copied().collect();
    go.reverse();
    // Rules for other marks than those of the other side, which would catch some of these.
    let (late, come): (Vec<_>, Vec<_>) = come.into_iter().partition(remark::misleading(&applied.rules));
    let (early, go): (Vec<_>, Vec<_>) = go.into_iter().partition(remark::misleading(&desired.rules));
    let (late_lookups, late_others): (Vec<_>, Vec<_>) = late.into_iter().partition(|rule| leads(*rule));
    let (new_lookups, new_others): (Vec<_>, Vec<_>) = come.into_iter().partition(|rule| leads(*rule));
    let (old_lookups, old_others): (Vec<_>, Vec<_>) = go.into_iter().partition(|rule| leads(*rule));
    let mut effects = Effects::default();
    effects.add(Phase::Arm, new_others.into_iter().map(TunnelOperation::AddRule));
    effects.add(Phase::Arm, early.into_iter().map(TunnelOperation::DeleteRule));
    effects.add(Phase::Arm, routes(applied, desired, OldRoutes::Stay).filter(refuses));
    effects.add(Phase::Make, device.made());
    effects.add(Phase::Make, routes(applied, desired, old).filter(|operation| !refuses(operation)));
    effects.add(Phase::Make, new_lookups.into_iter().map(TunnelOperation::AddRule));
    effects.add(Phase::Break, old_lookups.into_iter().map(TunnelOperation::DeleteRule));
    effects.add(Phase::Break, late_lookups.into_iter().map(TunnelOperation::AddRule));
    effects.add(Phase::Break, gone(applied, desired).filter(|route| is_left(*route, old)).map(delete));
    effects.add(Phase::Break, device.taken_away());
    effects.add(Phase::Disarm, late_others.into_iter().map(TunnelOperation::AddRule));
    effects.add(Phase::Disarm, gone(applied, desired).filter(|route| !is_encapsulated(route.kind)).map(delete));
    effects.add(Phase::Disarm, old_others.into_iter().map(TunnelOperation::DeleteRule));
    effects.0
}

/// Effects, as they are found.
#[derive(Default)]
struct Effects(Vec<Effect<TunnelChange>>);

impl Effects {
    fn add(&mut self, phase: Phase, operations: impl IntoIterator<Item = TunnelOperation>) {
        let mut change: Vec<TunnelOperation> = Vec::new();
        for operation in operations {
            let is_full = change.len() == MOST || change.last().is_some_and(|last| !is_of_a_kind(*last, operation));
            if is_full {
                self.0.push(Effect { phase, change: TunnelChange { operations: mem::take(&mut change) } });
            }
            change.push(operation);
        }
        if !change.is_empty() {
            self.0.push(Effect { phase, change: TunnelChange { operations: change } });
        }
    }
}

/// Whether two operations may be in one change, of which the kernel may make any part: rules lean on those of other
/// actions.
fn is_of_a_kind(one: TunnelOperation, other: TunnelOperation) -> bool {
    let action = |operation| match operation {
        TunnelOperation::AddRule(rule) | TunnelOperation::DeleteRule(rule) => Some(mem::discriminant(&rule.action)),
        TunnelOperation::AddRoute(_)
        | TunnelOperation::ReplaceRoute(_)
        | TunnelOperation::DeleteRoute(_)
        | TunnelOperation::CreateDevice(_)
        | TunnelOperation::SetDevice(_)
        | TunnelOperation::DeleteDevice => None,
    };
    action(one) == action(other)
}

impl DeviceChange {
    fn between(applied: Option<TunnelDevice>, desired: Option<TunnelDevice>) -> Self {
        match (applied, desired) {
            (None, None) => Self::None,
            (None, Some(desired)) => Self::Create(desired),
            (Some(_), None) => Self::Delete,
            (Some(applied), Some(desired)) if applied == desired => Self::None,
            (Some(applied), Some(desired)) if applied.kind == desired.kind && applied.port == desired.port => {
                Self::Set(desired)
            }
            (Some(_), Some(desired)) => Self::Replace(desired),
        }
    }

    fn old_routes(self) -> OldRoutes {
        match self {
            Self::None | Self::Create(_) | Self::Set(_) => OldRoutes::Stay,
            Self::Replace(_) | Self::Delete => OldRoutes::Gone,
        }
    }

    fn made(self) -> Vec<TunnelOperation> {
        match self {
            Self::None | Self::Delete => Vec::new(),
            Self::Create(device) => vec![TunnelOperation::CreateDevice(device)],
            Self::Set(device) => vec![TunnelOperation::SetDevice(device)],
            Self::Replace(device) => vec![TunnelOperation::DeleteDevice, TunnelOperation::CreateDevice(device)],
        }
    }

    fn taken_away(self) -> Option<TunnelOperation> {
        match self {
            Self::None | Self::Create(_) | Self::Set(_) | Self::Replace(_) => None,
            Self::Delete => Some(TunnelOperation::DeleteDevice),
        }
    }
}

/// What makes the desired routes out of those that are there.
fn routes(applied: &TunnelState, desired: &TunnelState, old: OldRoutes) -> impl Iterator<Item = TunnelOperation> {
    desired.routes.iter().filter_map(move |(place, kind)| {
        let route = TunnelRoute { place: *place, kind: *kind };
        let there = applied.routes.get(place).filter(|there| old == OldRoutes::Stay || !is_encapsulated(**there));
        match there {
            None => Some(TunnelOperation::AddRoute(route)),
            Some(there) if there == kind => None,
            Some(_) => Some(TunnelOperation::ReplaceRoute(route)),
        }
    })
}

/// Whether it makes a route that refuses.
fn refuses(operation: &TunnelOperation) -> bool {
    match operation {
        TunnelOperation::AddRoute(route) | TunnelOperation::ReplaceRoute(route) => !is_encapsulated(route.kind),
        TunnelOperation::AddRule(_)
        | TunnelOperation::DeleteRule(_)
        | TunnelOperation::DeleteRoute(_)
        | TunnelOperation::CreateDevice(_)
        | TunnelOperation::SetDevice(_)
        | TunnelOperation::DeleteDevice => false,
    }
}

/// Routes whose places are to be empty.
fn gone(applied: &TunnelState, desired: &TunnelState) -> impl Iterator<Item = TunnelRoute> {
    let gone = applied.routes.iter().filter(|(place, _)| !desired.routes.contains_key(place));
    gone.map(|(place, kind)| TunnelRoute { place: *place, kind: *kind })
}

fn delete(route: TunnelRoute) -> TunnelOperation {
    TunnelOperation::DeleteRoute(route.place)
}

/// Whether it leads into the tunnel, and does not go with the device.
fn is_left(route: TunnelRoute, old: OldRoutes) -> bool {
    is_encapsulated(route.kind) && old == OldRoutes::Stay
}

/// Whether a rule leads packets to a gateway or a pod; the others refuse, or let pass what is not the tunnel's.
fn leads(rule: RoutingRule) -> bool {
    match rule.action {
        RuleAction::Lookup(_) => true,
        RuleAction::Nop | RuleAction::Goto | RuleAction::Unreachable => false,
    }
}

fn is_encapsulated(kind: RouteKind) -> bool {
    match kind {
        RouteKind::Encapsulated { .. } => true,
        RouteKind::Unreachable => false,
    }
}
