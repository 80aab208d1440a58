//! Names what a message was about, so that a refusal can be reported to people.

use std::{fmt, net::IpAddr, ops::Range};

use egressd_core::{
    diff::{Batch, Change, Verb},
    net::Family,
    ruleset::{Name, TableFamily, TableNames},
};

/// A table: prints as `table ip kube_vip_v4`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableId {
    pub family: TableFamily,
    pub name: Name,
}

impl TableId {
    /// All tables of ours.
    pub(super) fn all(names: &TableNames) -> impl Iterator<Item = Self> {
        Family::ALL.into_iter().map(|family| Self { family: family.into(), name: names.of(family).clone() })
    }

    /// The table that a change is about.
    pub(super) fn of(change: &Change) -> Self {
        Self { family: change.family, name: change.table.clone() }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} {}", self.family, self.name)
    }
}

/// Where in a batch a message comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) change: usize,
    /// Which of its elements, ranges or rules; empty when the change has none.
    pub(super) items: Range<usize>,
    /// How many entries of an element list each of them is; a range is two.
    pub(super) entries_per_item: usize,
}

impl Origin {
    /// The message is all of a change.
    pub(super) fn whole(change: usize) -> Self {
        Self::items(change, 0..0)
    }

    /// The message is about some items of a change.
    pub(super) fn items(change: usize, items: Range<usize>) -> Self {
        Self { change, items, entries_per_item: 1 }
    }
}

/// What a message was to do, as in "add element 10.0.0.1 to map egress_addrs of table ip kube_vip_v4".
pub(super) fn describe(batch: &Batch, origin: &Origin) -> String {
    let Some(change) = batch.changes.get(origin.change) else {
        return "begin the batch".to_owned();
    };
    let table = TableId::of(change);
    match &change.verb {
        Verb::AddTable(_) => format!("add {table}"),
        Verb::DeleteTable => format!("delete {table}"),
        Verb::WakeTable => format!("wake {table}"),
        Verb::AddSet(set, _) => format!("add set {set} to {table}"),
        Verb::DeleteSet(set) => format!("delete set {set} from {table}"),
        Verb::RefillSet(set, _) if origin.items.is_empty() => format!("empty set {set} of {table}"),
        Verb::RefillSet(set, ranges) | Verb::AddRanges(set, ranges) => {
            format!("add {} to set {set} of {table}", listed(ranges, &origin.items, ToString::to_string))
        }
        Verb::DeleteRanges(set, ranges) => {
            format!("delete {} from set {set} of {table}", listed(ranges, &origin.items, ToString::to_string))
        }
        Verb::AddMembers(set, all) => format!("add {} to set {set} of {table}", addresses(all, &origin.items)),
        Verb::DeleteMembers(set, all) => format!("delete {} from set {set} of {table}", addresses(all, &origin.items)),
        Verb::AddKeys(set, ..) | Verb::AddTimed(set, ..) => format!("add keys to set {set} of {table}"),
        Verb::DeleteKeys(set, ..) => format!("delete keys from set {set} of {table}"),
        Verb::AddCounter(counter) => format!("add counter {counter} to {table}"),
        Verb::DeleteCounter(counter) => format!("delete counter {counter} from {table}"),
        Verb::AddMap(map, _) => format!("add map {map} to {table}"),
        Verb::DeleteMap(map) => format!("delete map {map} from {table}"),
        Verb::AddElements(map, _, elements) => {
            format!("add {} to map {map} of {table}", listed(elements, &origin.items, |(key, _)| key.to_string()))
        }
        Verb::DeleteElements(map, _, keys) => {
            format!("delete {} from map {map} of {table}", listed(keys, &origin.items, ToString::to_string))
        }
        Verb::AddChain(chain, _) => format!("add chain {chain} to {table}"),
        Verb::DeleteChain(chain) => format!("delete chain {chain} from {table}"),
        Verb::AddRules(chain, _) => format!("add rule {} to chain {chain} of {table}", origin.items.start + 1),
        Verb::FlushRules(chain) => format!("flush chain {chain} of {table}"),
    }
}

fn addresses(all: &[IpAddr], which: &Range<usize>) -> String {
    listed(all, which, ToString::to_string)
}

/// "element a" or "elements a to b".
fn listed<T>(items: &[T], which: &Range<usize>, text: impl Fn(&T) -> String) -> String {
    match items.get(which.clone()) {
        Some([one]) => format!("element {}", text(one)),
        Some([first, .., last]) => format!("elements {} to {}", text(first), text(last)),
        Some([]) | None => "elements".to_owned(),
    }
}
