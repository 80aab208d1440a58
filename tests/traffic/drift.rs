//! P8: what another program changes in egressd's tables is undone, on a kernel that lets it change them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use egressd::kernel::nft::{Netlink, TableId};
use egressd_core::diff::{Batch, Change, Verb};
use egressd_core::ruleset::{Map, MapKey, MapKind, Name, Ruleset, TableFamily};
use lab::addresses::OUTSIDE_V4;
use lab::manifest;
use lab::{Egressd, Flood, patient};

use crate::busy::{figure, unowned};
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program};

/// How many datagrams are sent after a repair.
const AFTER: u32 = 1_000;
/// How often one element is deleted.
const CHANGES: usize = 200;
/// What counts as a failure of a repair; the 100 ms are a figure.
const DEADLINE: Duration = Duration::from_secs(10);

/// A change by another program.
#[derive(Clone, Copy)]
struct ForeignChange {
    name: &'static str,
    script: &'static str,
    /// What the report of it has.
    reported: &'static str,
}

const fn change(name: &'static str, script: &'static str, reported: &'static str) -> ForeignChange {
    ForeignChange { name, script, reported }
}

/// Egressd makes the table anew after these, and with an owner where the kernel has owners.
const DELETIONS: [ForeignChange; 2] = [
    change("ruleset flushed", "flush ruleset", "the whole table"),
    change("table deleted", "delete table ip kube_vip_v4", "the whole table"),
];

const KINDS: [ForeignChange; 11] = [
    change("map flushed", "flush map ip kube_vip_v4 egress_addrs", "map egress_addrs (2 elements)"),
    change("chain flushed", "flush chain ip kube_vip_v4 egress_postrouting", "chain egress_postrouting"),
    change("rule inserted", "insert rule ip kube_vip_v4 egress_postrouting accept", "chain egress_postrouting"),
    change(
        "element deleted",
        "delete element ip kube_vip_v4 egress_addrs { 10.0.0.1 }",
        "map egress_addrs (1 element)",
    ),
    change(
        "element to another address",
        "delete element ip kube_vip_v4 egress_addrs { 10.0.0.1 }\n\
         add element ip kube_vip_v4 egress_addrs { 10.0.0.1 : 172.19.0.3 }",
        "map egress_addrs (1 element)",
    ),
    change(
        "set made wide",
        "flush set ip kube_vip_v4 egress_excluded\nadd element ip kube_vip_v4 egress_excluded { 0.0.0.0/0 }",
        "set egress_excluded",
    ),
    change("dormant", "add table ip kube_vip_v4 { flags dormant; }", "the flag dormant"),
    change(
        "base chain deleted",
        "flush chain ip kube_vip_v4 egress_postrouting\ndelete chain ip kube_vip_v4 egress_postrouting",
        "chain egress_postrouting",
    ),
    change("chain added", "add chain ip kube_vip_v4 theirs", "chain theirs"),
    change("set added", "add set ip kube_vip_v4 theirs { type ether_addr; }", "set theirs"),
    change("counter added", "add counter ip kube_vip_v4 theirs", "counter theirs"),
];

fn services() -> Result<Fixture> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&manifest::service("other").addresses([OTHER_V4]).egress())?;
    fixture.manifests.write(&manifest::endpoints("other", [fixture.lab.pod(2).v4()]))?;
    Ok(fixture)
}

pub(crate) fn what_another_program_changes_is_undone_and_reported() -> Result<()> {
    for kinds in [&DELETIONS[..1], &DELETIONS[1..], &KINDS] {
        let fixture = services()?;
        unowned(&fixture)?;
        let mut egressd = in_force(&fixture)?;
        expect_same(&fixture, &mut egressd)?;
        kinds.iter().try_for_each(|kind| undone(&fixture, &mut egressd, *kind).with_context(|| kind.name))?;
        egressd.stop()?;
    }
    Ok(())
}

fn undone(fixture: &Fixture, egressd: &mut Egressd<'_>, change: ForeignChange) -> Result<()> {
    let ForeignChange { name, script, reported } = change;
    // Those of an earlier flood are from the same ports.
    fixture.lab.node().forget_connections()?;
    let flood = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
    flood.wait_until_sent(AFTER)?;
    let before = flood.position();
    fixture.lab.node().nft(script)?;
    expect_same(fixture, egressd)?;
    let repaired = flood.position() + 1;
    flood.wait_until_sent(repaired + AFTER)?;
    judge(name, flood, before, repaired)?;
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(status.contains("table-changed") && status.contains(reported), "{reported:?} is not reported:\n{status}");
    Ok(())
}

/// All before the change and after the repair have the address; between them it is a figure.
fn judge(name: &str, flood: Flood, before: u32, repaired: u32) -> Result<()> {
    let seen = flood.end()?;
    let is_wrong = |number: u32| seen.get(&number).is_some_and(|address| *address != WEB_V4);
    let early = (0..before).filter(|number| is_wrong(*number)).count();
    let late = (repaired..repaired + AFTER).filter(|number| is_wrong(*number)).count();
    let between = (before..repaired).filter(|number| is_wrong(*number)).count();
    figure(&format!("{name}: {between} new flows had another source before the repair"));
    ensure!(early == 0 && late == 0, "{early} before the change and {late} after the repair had another source");
    Ok(())
}

/// An egressd whose first round is in force: the tables translate before it has begun.
fn in_force(fixture: &Fixture) -> Result<Egressd<'_>> {
    let mut egressd = fixture.run()?;
    let ready = || Ok(program().probe(&fixture.lab, &fixture.manifests, &["ready"])?.0 == Some(0));
    egressd.wait_until("it is ready", ready)?;
    Ok(egressd)
}

pub(crate) fn expect_same(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<()> {
    let same = || Ok(program().diff(&fixture.lab, &fixture.manifests)?.0 == Some(0));
    egressd.wait_until("the kernel has what the configuration says", same)
}

pub(crate) fn two_hundred_changes_are_undone_each_in_a_moment() -> Result<()> {
    let fixture = services()?;
    unowned(&fixture)?;
    let mut egressd = in_force(&fixture)?;
    expect_same(&fixture, &mut egressd)?;
    let namespace = fixture.lab.node().namespace.try_clone()?;
    let mut times = namespace.run(|| (0..CHANGES).map(|_| undone_element()).collect::<Result<Vec<Duration>>>())??;
    times.sort_unstable();
    let [median, high] = [times.len() / 2, times.len() * 99 / 100].map(|index| times[index]);
    figure(&format!("{CHANGES} foreign changes were undone: p50 {median:?}, p99 {high:?}, {:?} at most", times.last()));
    expect_same(&fixture, &mut egressd)?;
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(status.contains(&format!("{CHANGES} times")), "not each was seen:\n{status}");
    let lines = egressd.log().lines().filter(|line| line.contains("table-changed")).count();
    ensure!((1..=3).contains(&lines), "{lines} lines of the log are about it");
    egressd.stop()
}

pub(crate) fn table() -> TableId {
    TableId { family: TableFamily::Ip, name: Name::new("kube_vip_v4").unwrap_or_else(|error| panic!("{error}")) }
}

/// What the kernel has in the IPv4 table, without counters.
pub(crate) fn table_of(fixture: &Fixture) -> Result<Ruleset> {
    let read = || Ok::<_, anyhow::Error>(Netlink::open()?.read_tables(&[table()])?.state);
    fixture.lab.node().namespace.run(read)?
}

/// The first element of the map of plain addresses.
fn first(ruleset: &Ruleset) -> Option<(Name, MapKind, MapKey)> {
    let mut maps = ruleset.tables.get(&TableFamily::Ip)?.maps.iter();
    let (name, Map { kind, elements }) = maps.find(|(name, _)| name.as_str() == "egress_addrs")?;
    Some((name.clone(), *kind, *elements.first_key_value()?.0))
}

/// Deletes an element, and waits until it is there again.
fn undone_element() -> Result<Duration> {
    let mut kernel = Netlink::open()?;
    let whole = kernel.read_tables(&[table()])?.state;
    let (map, kind, key) = first(&whole).context("there is no element")?;
    let change = |verb| Change { family: TableFamily::Ip, table: table().name, verb };
    let begun = Instant::now();
    kernel.commit_timed(&Batch { changes: vec![change(Verb::DeleteElements(map, kind, vec![key]))] }, || {
        Duration::ZERO
    })?;
    while kernel.read_tables(&[table()])?.state != whole {
        ensure!(begun.elapsed() < patient(DEADLINE), "it is not undone");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(begun.elapsed())
}

/// P10: what another program puts in the place of a table is not touched.
pub(crate) fn a_foreign_table_in_the_place_of_ours_is_reported_and_not_touched() -> Result<()> {
    let fixture = services()?;
    unowned(&fixture)?;
    let mut egressd = in_force(&fixture)?;
    fixture.lab.node().nft("delete table ip kube_vip_v4\nadd table ip kube_vip_v4\nadd chain ip kube_vip_v4 theirs")?;
    let reported =
        |code: &str| -> Result<bool> { Ok(program().status(&fixture.lab, &fixture.manifests, &[])?.1.contains(code)) };
    egressd.wait_until("it is reported", || reported("table-replaced"))?;
    ensure!(fixture.lab.node().ruleset()?.contains("chain theirs"), "it was changed");
    fixture.lab.node().nft("delete table ip kube_vip_v4")?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until("it is no longer reported", || Ok(!reported("table-replaced")?))?;
    egressd.stop()
}
