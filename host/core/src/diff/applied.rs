//! The ruleset that the kernel is known to hold. It is updated in place, on success alone, at the cost of the change; a
//! change is compared with the part that it touches, not with the whole.

mod audit;
#[cfg(feature = "testkit")]
pub mod corrupt;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::scope::{Common, Scope};
use super::{Changes, Slice, SlicedChange, cut, diff};
use crate::ruleset::{
    Chain, GUARD, Name, Ruleset, Stage, Table, TableFamily, copy_reachable, keep_guard, look_into_prefixes,
};

/// The ruleset that the kernel holds, with an index of its elements by pod.
#[derive(Clone, Debug)]
pub struct Applied {
    ruleset: Ruleset,
    /// How many elements lead to each chain, over others too.
    leads: Leads,
    /// The chains that none leads to, and no hook.
    unused: BTreeSet<Object>,
    /// What may be other than the newest ruleset says: all that was begun and did not end well.
    outstanding: Scope,
}

/// A chain of the table of a family.
type Object = (TableFamily, Name);

/// How many elements lead to each chain.
type Leads = BTreeMap<Object, usize>;

/// Parts of what is and of what is to be, that can be compared instead of the whole.
#[derive(Clone, Debug)]
pub struct Comparison {
    before: Option<Ruleset>,
    after: Ruleset,
}

impl Default for Applied {
    fn default() -> Self {
        Self::of(Ruleset::default())
    }
}

impl Applied {
    /// As it was read. Whether that is what should be there is not known.
    pub fn of(ruleset: Ruleset) -> Self {
        let (leads, unused) = Self::count_all(&ruleset);
        Self { ruleset, leads, unused, outstanding: Scope::Everything }
    }

    fn count_all(ruleset: &Ruleset) -> (Leads, BTreeSet<Object>) {
        let mut leads = Leads::new();
        for (family, table) in &ruleset.tables {
            led_to(*family, table, &table.chains, &mut leads);
        }
        let is_unused = |family: TableFamily, (name, chain): (&Name, &Chain)| {
            let object = (family, name.clone());
            (is_led_to_by_elements(name, chain) && !leads.contains_key(&object)).then_some(object)
        };
        let chains =
            ruleset.tables.iter().flat_map(|(family, table)| table.chains.iter().map(move |one| (*family, one)));
        let unused = chains.filter_map(|(family, one)| is_unused(family, one)).collect();
        (leads, unused)
    }

    pub fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// Takes in that the newest ruleset is another in this part.
    pub fn add_outstanding(&mut self, scope: Scope) {
        self.outstanding = std::mem::take(&mut self.outstanding).and(scope);
    }

    /// Takes in which pods have something that stays and that no plan says, before it is asked what is to be compared.
    pub fn look_at_kept(&mut self, pods: impl IntoIterator<Item = IpAddr>) {
        self.outstanding = std::mem::take(&mut self.outstanding).with_kept(pods);
    }

    /// The part that is to be compared: all that is outstanding.
    pub fn scope(&self) -> &Scope {
        &self.outstanding
    }

    /// Takes in that the kernel holds what the newest ruleset says.
    pub fn clear_outstanding(&mut self) {
        self.outstanding = Scope::default();
    }

    /// What is to be compared, where the newest ruleset says `after` about all that is outstanding. `keep` adds what of
    /// the kernel's part stays.
    pub fn compare(&self, after: Ruleset, keep: impl FnOnce(&mut Ruleset, &Ruleset)) -> Comparison {
        self.compare_in(&self.outstanding, after, keep)
    }

    fn compare_in(&self, scope: &Scope, mut after: Ruleset, keep: impl FnOnce(&mut Ruleset, &Ruleset)) -> Comparison {
        match scope {
            Scope::Everything => {
                keep(&mut after, &self.ruleset);
                after.tables.values_mut().for_each(look_into_prefixes);
                Comparison { before: None, after }
            }
            Scope::Pods(pods, common) => {
                let mut before = self.part(pods, *common);
                keep(&mut after, &before);
                for (family, table) in &self.ruleset.tables {
                    if let (Some(before), Some(after)) = (before.tables.get_mut(family), after.tables.get_mut(family)) {
                        self.share_chains(*family, table, before, after);
                        share_maps(table, before, after);
                        share_prefixes(table, before, after);
                    }
                }
                Comparison { before: Some(before), after }
            }
        }
    }

    /// What belongs to these pods, and what nothing leads to.
    fn part(&self, pods: &BTreeSet<IpAddr>, common: Common) -> Ruleset {
        let part = |(family, table): (&TableFamily, &Table)| {
            let mut part = Table::of(table.name.clone(), table.layout);
            let mut wanted: Vec<Name> =
                self.unused.iter().filter(|(of, _)| of == family).map(|(_, name)| name.clone()).collect();
            for (name, map) in &table.maps {
                let elements = part.map_of(name.clone(), map.kind);
                for pod in pods.iter().filter(|pod| TableFamily::of(**pod) == *family) {
                    elements.elements.extend(map.of_pod(*pod).map(|(key, element)| (*key, element.clone())));
                }
                wanted.extend(elements.elements.values().filter_map(|element| element.target.chain().cloned()));
            }
            copy_reachable(&table.chains, wanted, &mut part.chains);
            if common == Common::Changed {
                part.sets.clone_from(&table.sets);
                part.counters.clone_from(&table.counters);
                let hooked = table.chains.iter().filter(|(_, chain)| chain.hook.is_some());
                part.chains.extend(hooked.map(|(name, chain)| (name.clone(), chain.clone())));
            }
            (*family, part)
        };
        Ruleset { tables: self.ruleset.tables.iter().map(part).collect() }
    }

    /// A chain that other pods use too stays, and is not made again.
    fn share_chains(&self, family: TableFamily, table: &Table, before: &mut Table, after: &mut Table) {
        let mut own = Leads::new();
        led_to(family, before, &before.chains, &mut own);
        for (name, chain) in before.chains.iter().filter(|(name, chain)| is_led_to_by_elements(name, chain)) {
            let object = (family, name.clone());
            let count = |leads: &Leads| leads.get(&object).copied().unwrap_or_default();
            if count(&self.leads) > count(&own) {
                after.chains.entry(name.clone()).or_insert_with(|| chain.clone());
            }
        }
        for name in after.chains.keys() {
            if let Some(known) = table.chains.get(name) {
                before.chains.entry(name.clone()).or_insert_with(|| known.clone());
            }
        }
    }

    /// Takes in that the kernel has taken over a part.
    pub fn take(&mut self, slice: Slice) {
        let mut gone = Leads::new();
        for (family, before) in &slice.before.tables {
            if let Some(table) = self.ruleset.tables.get(family) {
                led_to(*family, before, &table.chains, &mut gone);
            }
        }
        let chains: BTreeSet<Object> = objects(&slice.before).chain(objects(&slice.after)).collect();
        let after = slice.after.clone();
        slice.apply(&mut self.ruleset);
        let mut come = Leads::new();
        for (family, after) in &after.tables {
            if let Some(table) = self.ruleset.tables.get(family) {
                led_to(*family, after, &table.chains, &mut come);
            }
        }
        self.count(&gone, &come, chains);
    }

    fn count(&mut self, gone: &Leads, come: &Leads, chains: BTreeSet<Object>) {
        for (object, count) in come {
            *self.leads.entry(object.clone()).or_default() += count;
        }
        for (object, count) in gone {
            if let Some(known) = self.leads.get_mut(object) {
                *known = known.saturating_sub(*count);
            }
        }
        for object in chains.into_iter().chain(gone.keys().chain(come.keys()).cloned()) {
            let is_led_to = self.leads.get(&object).is_some_and(|count| *count > 0);
            if !is_led_to {
                self.leads.remove(&object);
            }
            let (family, name) = &object;
            let chain = self.ruleset.tables.get(family).and_then(|table| table.chains.get(name));
            match chain {
                Some(chain) if is_led_to_by_elements(name, chain) && !is_led_to => drop(self.unused.insert(object)),
                Some(_) | None => drop(self.unused.remove(&object)),
            }
        }
    }

    /// Takes in that the kernel holds exactly this.
    fn replace(&mut self, ruleset: Ruleset) {
        let outstanding = std::mem::take(&mut self.outstanding);
        *self = Self { outstanding, ..Self::of(ruleset) };
    }
}

impl Comparison {
    /// What is to be, of what is compared.
    pub fn after(&self) -> &Ruleset {
        &self.after
    }

    /// The applied part of the compared scope.
    pub fn before<'a>(&'a self, applied: &'a Applied) -> &'a Ruleset {
        self.before.as_ref().unwrap_or(&applied.ruleset)
    }

    /// Cut into slices of at most so much.
    pub fn cut(&self, applied: &Applied, most: usize) -> SlicedChange {
        cut(self.before(applied), &self.after, most)
    }

    /// All that leads from what is to what is to be.
    pub fn changes(&self, applied: &Applied) -> Changes {
        diff(self.before(applied), &self.after)
    }

    /// Takes in that all of it was carried out.
    pub fn apply_to(self, applied: &mut Applied) {
        match self.before {
            None => applied.replace(self.after),
            Some(before) => applied.take(Slice::of(before, self.after)),
        }
    }

    /// Takes in that a part of it was carried out.
    pub fn take(&mut self, slice: &Slice) {
        if let Some(before) = &mut self.before {
            slice.clone().apply(before);
        }
    }
}

/// Whether it is of use only while elements lead to it.
fn is_led_to_by_elements(name: &Name, chain: &Chain) -> bool {
    chain.hook.is_none() && !Stage::looks_into_prefixes(name)
}

/// A map that has elements of other pods too stays, and so does what looks into it.
fn share_maps(table: &Table, before: &Table, after: &mut Table) {
    let is_guard_same = table.chains.contains_key(&GUARD) && !before.chains.contains_key(&GUARD);
    for (name, map) in table.maps.iter().filter(|(_, map)| map.kind.is_made_on_demand()) {
        let own = before.maps.get(name).map_or(0, |map| map.elements.len());
        let is_looked_into = map.kind.is_of_the_guard() && is_guard_same;
        if is_looked_into || map.elements.len() > own {
            after.map_of(name.clone(), map.kind);
        }
    }
    if after.maps.values().any(|map| map.kind.is_of_the_guard()) {
        keep_guard(&before.chains, after);
    }
}

/// All maps by prefix are looked into.
fn share_prefixes(table: &Table, before: &mut Table, after: &mut Table) {
    for name in Stage::ALL.map(Stage::networks) {
        if let Some(chain) = table.chains.get(&name) {
            before.chains.insert(name.clone(), chain.clone());
            after.chains.insert(name, chain.clone());
        }
    }
    look_into_prefixes(after);
}

fn objects(ruleset: &Ruleset) -> impl Iterator<Item = Object> {
    ruleset.tables.iter().flat_map(|(family, table)| table.chains.keys().map(|name| (*family, name.clone())))
}

/// Adds how many elements of `table` lead to each of these chains.
fn led_to(family: TableFamily, table: &Table, chains: &BTreeMap<Name, Chain>, leads: &mut Leads) {
    for element in table.maps.values().flat_map(|map| map.elements.values()) {
        if let Some(chain) = element.target.chain() {
            walk(family, chains, chain, leads);
        }
    }
}

/// The kernel takes no chains that lead back to themselves.
fn walk(family: TableFamily, chains: &BTreeMap<Name, Chain>, name: &Name, leads: &mut Leads) {
    *leads.entry((family, name.clone())).or_default() += 1;
    for next in chains.get(name).into_iter().flat_map(Chain::jumps) {
        walk(family, chains, next, leads);
    }
}
