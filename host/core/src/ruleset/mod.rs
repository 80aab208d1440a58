//! A small nftables vocabulary as data. It does not depend on Kubernetes, and prints as a script for `nft -f`.

mod condition;
mod connection;
pub(crate) mod display;
mod family;
mod field;
mod guarding;
mod hook;
mod interface;
mod leading;
mod map;
mod marker;
mod names;
pub(crate) mod prefixes;
mod priority;
mod rule;
mod set;
mod stage;
mod statement;
mod timeout;

use std::collections::{BTreeMap, BTreeSet};

pub use condition::{Bits, InterfaceDirection, Match, MatchOperator, tcp_flags};
pub use connection::{Direction, Mark, State, States};
pub use family::TableFamily;
pub use field::{Field, Key};
pub use guarding::{AWAY, GUARDED, HELD, INPUT, MARKING, TUNNEL, TUNNEL_GUARD, TUNNEL_OUT, guarded, marks, unguarded};
pub(crate) use guarding::{holds_back, is_of_the_guard, keep_guard};
pub use hook::{ChainKind, Hook, Point, Policy};
pub use interface::{Interface, InterfaceError};
pub(crate) use leading::addresses_of_chain;
pub use map::{DataKind, Element, KeyKind, Map, MapKey, MapKind, Target};
pub use marker::{Layout, MARKER};
pub use names::{Name, NameError, TableNames};
pub use prefixes::{GUARD, NETWORKS, PRIVATE, look_into_prefixes};
pub use priority::{Priority, PriorityError};
pub use rule::{Chain, Rule, Tag, copy_reachable};
pub use set::{Set, SetKey, SetKeyKind, SetKind, TimedKey};
pub(crate) use stage::GATEWAYS;
pub use stage::{DIVERTED, GATEWAY_NETWORKS, HOMES, Stage};
pub use statement::{MarkChange, Statement};
pub use timeout::Timeout;

/// Longest comment that nft reads back (`NFTNL_UDATA_COMMENT_MAXLEN` counts the final NUL).
pub const LONGEST_COMMENT: usize = 127;

/// All our tables: at most one of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// By family.
    pub tables: BTreeMap<TableFamily, Table>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: Name,
    /// How its objects work together.
    pub layout: Layout,
    /// Sets that hold for all pods.
    pub sets: BTreeMap<Name, Set>,
    /// Maps, whose elements belong to pods.
    pub maps: BTreeMap<Name, Map>,
    /// Base chains and others.
    pub chains: BTreeMap<Name, Chain>,
    /// Counters that rules name. What they have counted is no part of the ruleset.
    pub counters: BTreeSet<Name>,
}

impl Table {
    /// An empty table of the newest layout.
    pub fn new(name: Name) -> Self {
        Self::of(name, Layout::OURS)
    }

    /// An empty table.
    pub fn of(name: Name, layout: Layout) -> Self {
        Self {
            name,
            layout,
            sets: BTreeMap::new(),
            maps: BTreeMap::new(),
            chains: BTreeMap::new(),
            counters: BTreeSet::new(),
        }
    }

    /// One of its maps, which is made where it is not there.
    pub(crate) fn map_of(&mut self, name: Name, kind: MapKind) -> &mut Map {
        self.maps.entry(name).or_insert_with(|| Map::new(kind))
    }

    /// Adds an element to such a map.
    pub(crate) fn insert(&mut self, map: Name, kind: MapKind, key: MapKey, element: Element) {
        self.map_of(map, kind).elements.insert(key, element);
    }
}
