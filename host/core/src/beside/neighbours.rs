//! What other programs put in a packet's way before egressd's chain, or around it: chains for source NAT that run first, and
//! flowtables. egressd changes none of them, so it reports what does not hold beside them.

use std::collections::BTreeSet;
use std::fmt;

use crate::finding::Finding;
use crate::ruleset::{Priority, TableFamily};

/// So many of each are reported one by one.
pub const MOST: usize = 8;

/// A chain that may translate sources, with at least one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NatChain {
    pub priority: i32,
    pub family: TableFamily,
    pub table: String,
    pub name: String,
}

/// A flowtable that at least one rule sends connections to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flowtable {
    pub family: TableFamily,
    pub table: String,
    pub name: String,
    pub devices: BTreeSet<String>,
}

/// What is there, of other programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    pub chains: BTreeSet<NatChain>,
    pub flowtables: BTreeSet<Flowtable>,
}

impl Neighbours {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.chains.len() + self.flowtables.len()
    }

    /// Adds what is seen elsewhere.
    pub fn extend(&mut self, more: Self) {
        self.chains.extend(more.chains);
        self.flowtables.extend(more.flowtables);
    }

    /// What is reported where our chain has this priority.
    pub fn findings(&self, ours: Priority) -> Vec<Finding> {
        let before: Vec<&NatChain> = self.chains.iter().filter(|chain| chain.priority <= ours.number()).collect();
        let first = before.first().map_or(ours.number(), |first| first.priority);
        let chains = before.iter().take(MOST).map(|chain| chain.finding(ours, &remedy(first, "that chain")));
        let flowtables = self.flowtables.iter().take(MOST).map(Flowtable::finding);
        let more = [more_chains(before.len(), ours, first), more_flowtables(self.flowtables.len())];
        chains.chain(flowtables).chain(more.into_iter().flatten()).collect()
    }
}

impl NatChain {
    fn finding(&self, ours: Priority, remedy: &str) -> Finding {
        let condition = if self.priority == ours.number() {
            " if it was registered later (of equal priorities the last one runs first, and the order cannot be read)"
        } else {
            ""
        };
        Finding::warning(
            BEFORE,
            format!(
                "{self} translates sources at priority {}, before egressd's chain at {ours}{condition}; connections that it \
                 translates leave with its address instead of the Service's (P3 and P13 do not hold for them), and are \
                 dropped where the pod is guarded (P12); {remedy}",
                self.priority
            ),
        )
    }
}

impl Flowtable {
    fn finding(&self) -> Finding {
        let devices = first_of(&self.devices);
        Finding::warning(
            FLOWTABLE,
            format!(
                "{self} forwards packets of established connections past all chains, on {devices}; a connection keeps \
                 its source, and P12 does not hold: packets of a connection in it are not dropped where its pod may \
                 not leave with that source; remove it, or {FLOWTABLE_REMEDY}"
            ),
        )
    }
}

/// Some of the devices of a flowtable, and how many more it has.
fn first_of(devices: &BTreeSet<String>) -> String {
    let some = devices.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match devices.len().saturating_sub(MOST) {
        0 if some.is_empty() => "no device".to_owned(),
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

const BEFORE: &str = "nat-before-ours";
const FLOWTABLE: &str = "flowtable-bypass";
const FLOWTABLE_REMEDY: &str = "let no rule send connections of selected pods there (docs/beside.md)";

/// What puts ours before all of them, the first of which has this priority.
fn remedy(first: i32, chains: &str) -> String {
    match first.checked_sub(1).and_then(|number| Priority::new(number).ok()) {
        Some(priority) => format!(
            "set --priority (EGRESSD_PRIORITY) to {priority} or less, or move or remove {chains} (docs/beside.md)"
        ),
        None => format!("no --priority is before {first}: move or remove {chains} (docs/beside.md)"),
    }
}

fn more_chains(count: usize, ours: Priority, first: i32) -> Option<Finding> {
    let more = count.checked_sub(MOST).filter(|more| *more > 0)?;
    let message =
        format!("{more} more chains translate sources at priority {ours} or less; {}", remedy(first, "those chains"));
    Some(Finding::warning(BEFORE, message))
}

fn more_flowtables(count: usize) -> Option<Finding> {
    let more = count.checked_sub(MOST).filter(|more| *more > 0)?;
    let message = format!("{more} more flowtables forward packets past all chains; remove them, or {FLOWTABLE_REMEDY}");
    Some(Finding::warning(FLOWTABLE, message))
}

impl fmt::Display for NatChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain {} in table {} {}", self.name, self.family.keyword(), self.table)
    }
}

impl fmt::Display for Flowtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flowtable {} in table {} {}", self.name, self.family.keyword(), self.table)
    }
}
