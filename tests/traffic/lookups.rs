//! P3 as far as the kernel keeps it: an element that is replaced in one batch is there for every packet.

use anyhow::{Context, Result, ensure};
use egressd::kernel::nft::Netlink;
use egressd_core::diff::{Batch, Change, Verb};
use egressd_core::node::Adapter as _;
use egressd_core::ruleset::{Map, MapKey, Ruleset, TableFamily};
use lab::addresses::OUTSIDE_V4;
use lab::{Flood, fewer};

use crate::busy::figure;
use crate::drift::{table, table_of};
use crate::fixture::{Fixture, WEB_V4};

/// Each is a connection of its own, and so one look-up of the element.
const DATAGRAMS: u32 = 30_000;

/// Replaces the pod's element by itself for as long as the flood lasts. Before Linux 6.17 a look-up between the two halves
/// may find neither.
pub(crate) fn while_its_element_is_replaced_all_the_time_no_packet_of_a_pod_misses_it() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.kill()?;
    let replacement = replacement(&table_of(&fixture)?).context("there is no element")?;
    let flood = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
    let commits = fixture.lab.node().namespace.run(|| commit_during(&flood, &replacement))??;
    let seen = flood.end()?;
    let missed = seen.values().filter(|source| **source != WEB_V4).count();
    figure(&format!("{missed} of {} packets missed an element during {commits} commits", seen.len()));
    ensure!(missed == 0, "{missed} of {} packets missed an element during {commits} commits", seen.len());
    Ok(())
}

/// Deletes the only element of the map of plain addresses, and adds it.
fn replacement(ruleset: &Ruleset) -> Option<Batch> {
    let mut maps = ruleset.tables.get(&TableFamily::Ip)?.maps.iter();
    let (map, Map { kind, elements }) = maps.find(|(map, _)| map.as_str() == "egress_addrs")?;
    let change = |verb| Change { family: TableFamily::Ip, table: table().name, verb };
    let elements: Vec<_> = elements.iter().map(|(key, element)| (*key, element.clone())).collect();
    let keys: Vec<MapKey> = elements.iter().map(|(key, _)| *key).collect();
    let delete = change(Verb::DeleteElements(map.clone(), *kind, keys));
    Some(Batch { changes: vec![delete, change(Verb::AddElements(map.clone(), *kind, elements))] })
}

fn commit_during(flood: &Flood, batch: &Batch) -> Result<usize> {
    let mut kernel = Netlink::open()?;
    let mut commits = 0;
    while flood.position() < fewer(DATAGRAMS) {
        kernel.commit(batch)?;
        commits += 1;
    }
    Ok(commits)
}
