//! In which objects the kernel's tables differ from what they were left as: what another program changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use crate::ruleset::{Map, Name, Ruleset, Table, TableFamily};

/// How many objects of a table are named.
const NAMED: usize = 4;

/// A table that another program changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDrift {
    pub family: TableFamily,
    pub name: Name,
    /// What differs, as in "map egress_addrs (3 elements)".
    pub objects: BTreeSet<String>,
}

/// What differs between what was left there and what is found; in the order of the families.
pub fn drift(left: &Ruleset, found: &Ruleset) -> Vec<TableDrift> {
    let families: BTreeSet<TableFamily> = left.tables.keys().chain(found.tables.keys()).copied().collect();
    families
        .into_iter()
        .filter_map(|family| of_family(family, left.tables.get(&family), found.tables.get(&family)))
        .collect()
}

fn of_family(family: TableFamily, left: Option<&Table>, found: Option<&Table>) -> Option<TableDrift> {
    let name = left.or(found)?.name.clone();
    let objects = match (left, found) {
        (Some(left), Some(found)) => of_table(left, found),
        (Some(_), None) => BTreeSet::from(["the whole table, which was deleted".to_owned()]),
        (None, _) => BTreeSet::from(["the whole table, which was added".to_owned()]),
    };
    (!objects.is_empty()).then_some(TableDrift { family, name, objects })
}

fn of_table(left: &Table, found: &Table) -> BTreeSet<String> {
    let mut objects = BTreeSet::new();
    objects.extend(differing(&left.sets, &found.sets).map(|name| format!("set {name}")));
    objects.extend(differing(&left.chains, &found.chains).map(|name| format!("chain {name}")));
    objects.extend(left.counters.symmetric_difference(&found.counters).map(|name| format!("counter {name}")));
    for name in differing(&left.maps, &found.maps) {
        objects.insert(match (left.maps.get(name), found.maps.get(name)) {
            (Some(left), Some(found)) => format!("map {name} ({})", elements(left, found)),
            (_, _) => format!("map {name}"),
        });
    }
    objects
}

fn differing<'a, T: PartialEq>(
    left: &'a BTreeMap<Name, T>,
    found: &'a BTreeMap<Name, T>,
) -> impl Iterator<Item = &'a Name> {
    let names: BTreeSet<&Name> = left.keys().chain(found.keys()).collect();
    names.into_iter().filter(|name| left.get(*name) != found.get(*name))
}

fn elements(left: &Map, found: &Map) -> String {
    let changed = left.elements.iter().filter(|(key, element)| found.elements.get(*key) != Some(*element)).count();
    let added = found.elements.keys().filter(|key| !left.elements.contains_key(*key)).count();
    match changed + added {
        1 => "1 element".to_owned(),
        count => format!("{count} elements"),
    }
}

impl TableDrift {
    /// The objects as people read them, the first few of them by name.
    pub fn objects(&self) -> String {
        let named: Vec<&str> = self.objects.iter().take(NAMED).map(String::as_str).collect();
        match self.objects.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more objects", named.join(", ")),
        }
    }
}

impl Display for TableDrift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "table {} {}: {}", self.family, self.name, self.objects())
    }
}
