//! What the tables promised that an earlier process left: a subject that changed or went while no egressd ran has
//! connections of that time.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Check, Checks, Reason};
use crate::compile::{uid_of_chain, uid_of_comment};
use crate::model::Uid;
use crate::ruleset::{Element, Name, Ruleset, Statement, Table, Target};

/// The addresses that tables give pods, each with the subject that it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdoptedPromises(Vec<AdoptedPromise>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct AdoptedPromise {
    pod: IpAddr,
    address: IpAddr,
    uid: Uid,
}

impl AdoptedPromises {
    /// Those of all tables.
    pub fn of(ruleset: &Ruleset) -> Self {
        let tables = ruleset.tables.values();
        Self(tables.flat_map(of_table).collect())
    }

    /// The checks for what subjects promised that ask for `sever`, now or when they were accepted last.
    pub fn checks(&self, severing: &BTreeSet<Uid>) -> Checks {
        let mut checks = Checks::default();
        for AdoptedPromise { pod, address, .. } in self.0.iter().filter(|one| severing.contains(&one.uid)) {
            checks.add(*pod, Check { severing: [*address].into(), ..Check::of(Reason::Asked) });
        }
        checks
    }
}

fn of_table(table: &Table) -> impl Iterator<Item = AdoptedPromise> {
    let elements = table.maps.values().flat_map(|map| &map.elements);
    elements.flat_map(move |(key, element)| {
        let pod = key.address();
        promises(table, element).into_iter().map(move |(uid, address)| AdoptedPromise { pod, address, uid })
    })
}

fn promises(table: &Table, element: &Element) -> Vec<(Uid, IpAddr)> {
    match &element.target {
        Target::Address(address) => {
            let uid = element.comment.as_deref().and_then(uid_of_comment);
            uid.map(|uid| (uid, *address)).into_iter().collect()
        }
        Target::Jump(chain) => of_chain(table, chain),
        Target::Mark(_) | Target::Nothing => Vec::new(),
    }
}

/// A chain is of one subject, by its name, or leads to those of several.
fn of_chain(table: &Table, name: &Name) -> Vec<(Uid, IpAddr)> {
    let Some(chain) = table.chains.get(name) else { return Vec::new() };
    let parts = [name].into_iter().chain(chain.jumps());
    parts.flat_map(|part| of_part(table, part)).collect()
}

fn of_part(table: &Table, name: &Name) -> Vec<(Uid, IpAddr)> {
    let Some((uid, chain)) = uid_of_chain(name).zip(table.chains.get(name)) else { return Vec::new() };
    let statements = chain.rules.iter().flat_map(|rule| &rule.statements);
    statements.filter_map(Statement::source).map(|address| (uid.clone(), address)).collect()
}
