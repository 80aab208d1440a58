//! P8 and P12 together, on tables without an owner: another program changes them under a flood of new flows of guarded
//! pods, one of which is translated and one of which is blocked.

use std::net::IpAddr;
use std::ops::Range;
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::addresses::{MOVING_V4, NODE_V4, OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::{Egressd, Flood, Pod, Protocol, Seen, manifest};

use crate::busy::{figure, unowned};
use crate::drift::{expect_same, table_of};
use crate::fail_closed::guarded;
use crate::fixture::{Fixture, WEB_V4, expect_only, program};
use crate::{backstop, fail_closed};

/// How many datagrams are sent before the changes and after the last repair.
const AROUND: u32 = 1_000;
/// How often the same change is made under one flood.
const TIMES: usize = 5;

/// What may leave of a pod between a change and its repair with a source that is not allowed. Before and after it nothing
/// may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// What is left of the tables drops it.
    Nothing,
    /// What had its mark already and had not met the guard yet: on each processor the packet that it was at.
    InFlight,
    /// Its packets are marked, and no rule drops them.
    Anything,
}

#[derive(Clone, Copy, Debug)]
enum Removal {
    By(&'static str),
    /// Of the rule of the guard that has this text.
    OfRule(&'static str),
}

/// A change by another program.
#[derive(Clone, Copy, Debug)]
struct ForeignChange {
    removal: Removal,
    /// What the report of it has.
    reported: &'static str,
    /// Of the pod that is translated.
    translated: Between,
    /// Of the pod that is blocked.
    blocked: Between,
}

impl ForeignChange {
    const fn new(removal: Removal, reported: &'static str) -> Self {
        Self { removal, reported, translated: Between::Nothing, blocked: Between::Nothing }
    }

    const fn letting_the_blocked(self, blocked: Between) -> Self {
        Self { blocked, ..self }
    }

    const fn letting_both(self, between: Between) -> Self {
        Self { translated: between, blocked: between, ..self }
    }
}

/// Egressd makes the table anew after these, and with an owner where the kernel has owners.
const DELETIONS: [ForeignChange; 2] = [
    by("flush ruleset", "the whole table").letting_both(Between::InFlight),
    by("delete table ip kube_vip_v4", "the whole table").letting_both(Between::InFlight),
];

/// One element of each set and map, rules, chains, and all chains at once.
const PARTS: [ForeignChange; 10] = [
    by("delete element ip kube_vip_v4 egress_guarded { 10.0.0.1 }", "egress_guarded (1 element)"),
    by("delete element ip kube_vip_v4 egress_guarded { 10.0.0.2 }", "egress_guarded (1 element)")
        .letting_the_blocked(Between::InFlight),
    by(
        "delete element ip kube_vip_v4 egress_allowed_sources { 10.0.0.1 . 11.0.0.2 }",
        "egress_allowed_sources (1 element)",
    ),
    by("delete element ip kube_vip_v4 egress_addrs { 10.0.0.1 }", "egress_addrs (1 element)"),
    by("flush chain ip kube_vip_v4 egress_postrouting", "chain egress_postrouting"),
    by("flush chain ip kube_vip_v4 egress_mark", "chain egress_mark"),
    of_rule("@egress_allowed_sources"),
    of_rule("drop").letting_the_blocked(Between::Anything),
    by("flush chain ip kube_vip_v4 egress_guard", "chain egress_guard").letting_the_blocked(Between::Anything),
    by("add table ip kube_vip_v4 { flags dormant; }", "the flag dormant").letting_both(Between::InFlight),
];

const fn by(script: &'static str, reported: &'static str) -> ForeignChange {
    ForeignChange::new(Removal::By(script), reported)
}

const fn of_rule(text: &'static str) -> ForeignChange {
    ForeignChange::new(Removal::OfRule(text), "chain egress_guard")
}

/// Pod 1 is translated, and pod 2 is blocked: its Service has an address that no node holds.
fn with_a_blocked_pod(fixture: Fixture) -> Result<Fixture> {
    fixture.manifests.write(&guarded(manifest::service("elsewhere").addresses([MOVING_V4]).egress()))?;
    fixture.manifests.write(&manifest::endpoints("elsewhere", [fixture.lab.pod(2).v4()]))?;
    fixture.manifests.write(&manifest::endpoints("web", [fixture.selected().v6()]))?;
    unowned(&fixture)?;
    Ok(fixture)
}

fn script(fixture: &Fixture, removal: Removal) -> Result<String> {
    let text = match removal {
        Removal::By(script) => return Ok(format!("{script}\n")),
        Removal::OfRule(text) => text,
    };
    let chain = fixture.lab.node().namespace.nft_list_with_handles("chain ip kube_vip_v4 egress_guard")?;
    let rule = chain.lines().find(|line| line.contains(text)).with_context(|| format!("{text:?} is not in {chain}"))?;
    let handle = rule.rsplit(' ').next().context("a rule without a handle")?;
    Ok(format!("delete rule ip kube_vip_v4 egress_guard handle {handle}\n"))
}

/// Each kind of change, several times, beside a masquerade like that of a CNI.
pub(crate) fn what_another_program_removes_of_the_guard_is_repaired_under_a_flood_and_reported() -> Result<()> {
    let fixture = with_a_blocked_pod(fail_closed::fixture()?)?;
    let mut egressd = backstop::run(&fixture)?;
    expect_same(&fixture, &mut egressd)?;
    for change in PARTS {
        repaired(&fixture, &mut egressd, &[change; TIMES]).with_context(|| format!("{:?}", change.removal))?;
    }
    egressd.stop()
}

/// Lost tables: IPsec policies block guarded pods until egressd has made the tables again.
pub(crate) fn while_another_program_flushes_or_deletes_the_tables_guarded_pods_are_blocked() -> Result<()> {
    for change in DELETIONS {
        let fixture = with_a_blocked_pod(backstop::fixture()?)?;
        let mut egressd = backstop::run(&fixture)?;
        expect_same(&fixture, &mut egressd)?;
        repaired(&fixture, &mut egressd, &[change]).with_context(|| format!("{:?}", change.removal))?;
        egressd.stop()?;
    }
    Ok(())
}

/// The changes, their repairs and their report under floods of both pods; a pod that is not guarded calls all the time.
fn repaired(fixture: &Fixture, egressd: &mut Egressd<'_>, changes: &[ForeignChange]) -> Result<()> {
    let lab = &fixture.lab;
    // Those of earlier floods are from the same ports.
    lab.node().forget_connections()?;
    let masqueraded = lab.node().tables()?.contains("lab_cni");
    let usual = if masqueraded { NODE_V4 } else { fixture.unselected().v4() };
    let mut translated = Under::start(fixture, fixture.selected(), OUTSIDE_V4)?;
    let mut blocked = Under::start(fixture, lab.pod(2), OTHER_OUTSIDE_V4)?;
    let others = lab.seen_during(fixture.unselected(), OUTSIDE_V4, Protocol::Tcp, || {
        for change in changes {
            let script = script(fixture, change.removal)?;
            let whole = table_of(fixture)?;
            let begun = [&translated, &blocked].map(|under| under.flood.position());
            lab.node().nft(&script)?;
            // A table that is made anew may have an owner, and no marks then.
            let is_same = || program().diff(lab, &fixture.manifests).map(|(code, _)| code == Some(0));
            egressd.wait_until("it is repaired", || Ok(table_of(fixture)? == whole || is_same()?))?;
            translated.repaired_since(begun[0]);
            blocked.repaired_since(begun[1]);
        }
        [&translated, &blocked]
            .iter()
            .try_for_each(|under| under.flood.wait_until_sent(under.flood.position() + AROUND))
    })?;
    translated.judge(Some(WEB_V4), changes[0].translated).context("the pod that is translated")?;
    blocked.judge(None, changes[0].blocked).context("the pod that is blocked")?;
    expect_only(&others, usual).context("the pod that is not guarded")?;
    let (_, status) = program().status(lab, &fixture.manifests, &[])?;
    let reported = changes.iter().all(|change| status.contains(change.reported));
    ensure!(status.contains("table-changed") && reported, "not reported:\n{status}");
    lab.expect_seen(lab.pod(2), OUTSIDE_V4, Protocol::Tcp, Seen::Nothing)
}

/// The most packets that such a number of removals can meet between mark and guard.
pub(crate) fn in_flight(removals: usize) -> Result<usize> {
    Ok(thread::available_parallelism()?.get() * removals)
}

/// A flood during changes and repairs.
struct Under {
    flood: Flood,
    repairs: Vec<Range<u32>>,
}

impl Under {
    fn start(fixture: &Fixture, pod: &Pod, destination: IpAddr) -> Result<Self> {
        let flood = fixture.lab.flood(pod, destination)?;
        flood.wait_until_sent(AROUND)?;
        Ok(Self { flood, repairs: Vec::new() })
    }

    /// The datagram at the present position may have left before it was counted.
    fn repaired_since(&mut self, begun: u32) {
        self.repairs.push(begun..self.flood.position() + 1);
    }

    /// That nothing left with another source than this, but between a change and its repair where that is so.
    fn judge(self, allowed: Option<IpAddr>, between: Between) -> Result<()> {
        let seen = self.flood.end()?;
        let wrong = seen.iter().filter(|(_, source)| Some(**source) != allowed);
        let in_repair = |number: u32| self.repairs.iter().any(|repair| repair.contains(&number));
        let (in_repairs, promised): (Vec<_>, Vec<_>) = wrong.partition(|(number, _)| in_repair(**number));
        figure(&format!("{} flows left before {} repairs; {between:?} may", in_repairs.len(), self.repairs.len()));
        ensure!(promised.is_empty(), "outside of repairs {} of {}: {:?}", promised.len(), seen.len(), promised[0]);
        let most = match between {
            Between::Nothing => 0,
            Between::InFlight => in_flight(self.repairs.len())?,
            Between::Anything => seen.len(),
        };
        ensure!(in_repairs.len() <= most, "before repairs {} of {}: {:?}", in_repairs.len(), seen.len(), in_repairs[0]);
        ensure!(allowed.is_none() || !seen.is_empty(), "nothing arrived");
        Ok(())
    }
}
