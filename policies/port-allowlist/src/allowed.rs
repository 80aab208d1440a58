//! What one namespace may ask for: the entries that select it, put together.

use std::fmt;

use egressd_policy_sdk::{PortRange, Subject};

use crate::settings::{Settings, WithoutPorts};

/// What a namespace may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Anything.
    Everything,
    /// These ports: merged, so that a range over two neighbours is inside one of them.
    Ports(Vec<PortRange>),
}

impl Allowed {
    /// For the namespace of a Service.
    pub(crate) fn of(settings: &Settings, subject: &Subject) -> Self {
        let mut ports = Vec::new();
        let selects = |entry: &&crate::settings::Entry| {
            entry.namespaces.selects(&subject.namespace.name, &subject.namespace.labels)
        };
        for entry in settings.allow.iter().filter(selects) {
            match entry.without_ports {
                WithoutPorts::Allow => return Self::Everything,
                WithoutPorts::Deny => ports.extend(&entry.ports),
            }
        }
        Self::Ports(merged(ports))
    }

    /// Whether all of these ports may be asked for.
    pub(crate) fn contains(&self, asked: PortRange) -> bool {
        match self {
            Self::Everything => true,
            Self::Ports(ports) => ports.iter().any(|range| range.contains(asked)),
        }
    }
}

/// As a sentence goes on after "may ask for".
impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Ports(ports) if ports.is_empty() => f.write_str("no port at all"),
            Self::Ports(ports) => {
                let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
                f.write_str(&ports.join(", "))
            }
        }
    }
}

/// The same ports as the fewest ranges, in order.
fn merged(mut ports: Vec<PortRange>) -> Vec<PortRange> {
    ports.sort();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in ports {
        match merged.last_mut().and_then(|last| joined(*last, range).map(|joined| (last, joined))) {
            Some((last, joined)) => *last = joined,
            None => merged.push(range),
        }
    }
    merged
}

/// Two ranges in order as one, when nothing lies between them.
fn joined(a: PortRange, b: PortRange) -> Option<PortRange> {
    let touch = a.protocol() == b.protocol() && b.first() <= a.last().saturating_add(1);
    let last = a.last().max(b.last());
    touch.then(|| PortRange::new(a.protocol(), a.first(), last).ok()).flatten()
}
