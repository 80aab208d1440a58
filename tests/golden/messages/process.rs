//! Messages about the node and egressd itself: its files, tables, listeners and threads.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc;

use anyhow::{Context, Result};
use egressd::admin::admin_server::{http_not_served, status_not_served};
use egressd::clock::Moment;
use egressd::daemon::{
    disagreed, disturbed_tunnel, flows_not_checked, ipsec_in_use, lost_memory, missing_backstop, missing_tunnel,
    newer_layout, replaced, uncertain,
};
use egressd::files::Open;
use egressd::instances::lock;
use egressd::instances::orphans::Orphan;
use egressd::kernel::bystanders::cilium_present;
use egressd::kernel::nft::{self, Program, TableId};
use egressd::kernel::{flows, tunnel, xfrm};
use egressd::source::manifests::Places;
use egressd::source::watch::Unwatched;
use egressd::state::{DiskReport, RestoredSource, Sources, StateDir, StateThread};
use egressd::state_channel::{ChangedTable, RepairPace};
use egressd::wasm::Lack;
use egressd_core::beside::{Flowtable, NatChain, Neighbours};
use egressd_core::compile::{Instance, InstanceName};
use egressd_core::diff::TableDrift;
use egressd_core::finding::Finding;
use egressd_core::in_force::UnixTime;
use egressd_core::model::SubjectKey;
use egressd_core::net::Family;
use egressd_core::pipeline::{AuditSubject, AuditedPart, Disagreement};
use egressd_core::ruleset::{Layout, Priority, TableFamily};

/// All of them.
pub(super) fn findings() -> Result<Vec<Finding>> {
    let all = [this_node()?, neighbours(), backstop(), threads(), state()?, unwritable()?, manifests()?];
    Ok(all.concat())
}

/// The policies that block guarded pods while the tables are lost.
fn backstop() -> Vec<Finding> {
    let theirs = "src 10.0.0.0/16 dst 10.1.0.0/16 dir out priority 379519 (and 2 more)";
    vec![
        ipsec_in_use(theirs),
        missing_backstop(&xfrm::Error::Unsupported),
        missing_tunnel(&tunnel::Error::Theirs),
        disturbed_tunnel("the device egressd0 is a device of the kind bridge"),
        flows_not_checked(&flows::Error::Unsupported),
    ]
}

/// Tables, and who else is there.
fn this_node() -> Result<Vec<Finding>> {
    let named = Instance::Named(InstanceName::new("blue").context("a name")?);
    let orphan = |instance: Instance, pods| {
        let name = instance.tables().of(Family::Ipv4).clone();
        Orphan { table: TableId { family: Family::Ipv4.into(), name }, instance, pods }
    };
    let orphans = [orphan(Instance::Default, 3), orphan(named, 1)];
    let table = orphans[0].table.clone();
    let layout = Layout::of_comment("managed by egressd, layout 9").context("a layout")?;
    let lock = lock::Error::Held { path: "/run/egressd/@default.lock".into() };
    let disagreement =
        Disagreement { subject: AuditSubject::Subject(SubjectKey::service("shop", "web")), part: AuditedPart::View };
    let mut findings: Vec<Finding> = orphans.iter().map(Orphan::finding).collect();
    findings.extend(changed_tables().iter().map(ChangedTable::finding));
    findings.extend([
        newer_layout(&nft::Error::NewerLayout { table, layout }),
        cilium_present(),
        lost_memory(),
        uncertain(),
        replaced(&nft::Error::Foreign(TableId { family: Family::Ipv4.into(), name: Instance::Default.tables().ipv4 })),
        disagreed(&disagreement),
        lock.finding(),
    ]);
    Ok(findings)
}

/// Chains and a flowtable of other programs, where ours has the default priority: few of them, and many; and one that
/// nothing can be before.
fn neighbours() -> Vec<Finding> {
    let chain = |priority: i32, name: &str| NatChain {
        priority,
        family: TableFamily::Inet,
        table: "firewall".to_owned(),
        name: name.to_owned(),
    };
    let flowtable = |name: &str| Flowtable {
        family: TableFamily::Inet,
        table: "firewall".to_owned(),
        name: name.to_owned(),
        devices: ["eth0", "eth1"].map(str::to_owned).into(),
    };
    let few = Neighbours {
        chains: [chain(80, "masquerade"), chain(90, "late")].into(),
        flowtables: [flowtable("fast")].into(),
    };
    let first = Neighbours { chains: [chain(-199, "masquerade")].into(), ..Neighbours::default() };
    let names = (0..10).map(|number| format!("c{number}"));
    let many = Neighbours {
        chains: names.clone().map(|name| chain(80, &name)).collect(),
        flowtables: names.map(|name| flowtable(&name)).collect(),
    };
    let many = many.findings(Priority::DEFAULT).into_iter().filter(|finding| finding.message.contains(" more "));
    [few, first].iter().flat_map(|neighbours| neighbours.findings(Priority::DEFAULT)).chain(many).collect()
}

/// Tables that other programs changed: once, and again and again.
pub(super) fn changed_tables() -> Vec<ChangedTable> {
    let drift = |objects: &[&str]| TableDrift {
        family: Family::Ipv4.into(),
        name: Instance::Default.tables().of(Family::Ipv4).clone(),
        objects: objects.iter().map(|object| (*object).to_owned()).collect(),
    };
    let first = drift(&["map egress_addrs (1 element)"]);
    let last =
        drift(&["chain egress_postrouting", "map egress_addrs (3 elements)", "set a", "set b", "set c", "set d"]);
    let [since, until] = [1_700_000_000, 1_700_000_060].map(|seconds| Moment::from(UnixTime(seconds)));
    let program = Some(Program { name: "firewalld".to_owned(), process: 812 });
    let (times, pace) = (1, RepairPace::AtOnce);
    let once = ChangedTable { first: first.clone(), last: first, program, times, since, until: since, pace };
    let (times, pace) = (302, RepairPace::SlowedDown);
    vec![once.clone(), ChangedTable { last, program: None, times, until, pace, ..once }]
}

fn threads() -> Vec<Finding> {
    let directory = Path::new("/run/egressd");
    let lacks = [Lack::Landlock, Lack::Capabilities { errno: 1 }, Lack::Filter { errno: 22 }];
    let opens =
        [Open::Foreign(1000), Open::Shared("other.pid".to_owned()), Open::System(io::Error::from_raw_os_error(1))];
    let refused = io::Error::from_raw_os_error(28);
    let unwatched = [Unwatched::Refused(&refused), Unwatched::Beyond(3)];
    let others = [
        http_not_served("cannot listen on 0.0.0.0:2112: Address in use (os error 98)"),
        status_not_served("the socket /run/egressd/egressd.sock is not there any more"),
    ];
    let lacks = lacks.into_iter().map(Lack::finding);
    let opens = opens.iter().map(|open| open.finding(directory, "--lock-dir"));
    lacks.chain(opens).chain(unwatched.map(Unwatched::finding)).chain(others).collect()
}

/// Files of the state directory as another release, or a full disk, leaves them.
fn state() -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, content) in [
        ("accepted", "{\"version\":2}\n"),
        ("accepted", "{\"version\":1}\n[\"uid\",{},1]\n"),
        ("accepted", "{\"version\":1}\n[\"uid"),
        ("private", "{\"version\":2}\n"),
        ("policies/guard.policy", "{\"version\":2}\n"),
        ("policies/guard.policy", "{"),
    ] {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, content)?;
        let found = StateDir::open(directory.path()).findings();
        findings.extend(found.into_iter().map(|finding| placed(finding, directory.path(), "/var/lib/egressd")));
    }
    Ok(findings)
}

/// A state directory below a file, in which nothing can be written.
fn unwritable() -> Result<Vec<Finding>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("egressd");
    fs::write(&file, "")?;
    let (sender, found) = mpsc::channel();
    let report = DiskReport::new(move |_, finding| {
        // The test has what it waits for.
        let _ = sender.send(finding);
    });
    let thread = StateThread::start(StateDir::open(&file).reporting(report))?;
    let finding = found.iter().flatten().next();
    drop(thread);
    Ok(finding.into_iter().map(|finding| placed(finding, directory.path(), "/var/lib")).collect())
}

/// The message with another directory than that of the test.
fn placed(finding: Finding, directory: &Path, shown: &str) -> Finding {
    let message = finding.message.replace(&directory.display().to_string(), shown);
    Finding { message: message.into(), ..finding }
}

/// Manifests that are gone while egressd runs, and before it starts; and what was remembered of them in a file that is
/// damaged.
fn manifests() -> Result<Vec<Finding>> {
    let directory = tempfile::tempdir()?;
    let (manifests, sources) = (directory.path().join("manifests"), Sources::of(&directory.path().join("state")));
    let file = manifests.join("web.yaml");
    fs::create_dir(&manifests)?;
    fs::write(&file, crate::scenario::web(&[]))?;
    let mut places = Places::one(&manifests, "node-a").remembering(&sources);
    places.read()?;
    while places.remember() {}
    fs::remove_file(&file)?;
    let missing = Places::one(&manifests, "node-a").remembering(&sources).read()?.findings;
    fs::remove_dir(&manifests)?;
    let away = places.scan(&Default::default()).findings;
    let damaged = damaged(&sources, &directory.path().join("state"))?;
    let all = missing.into_iter().chain(away).chain(damaged);
    Ok(all.map(|finding| placed(finding, directory.path(), "/etc/egressd")).collect())
}

fn damaged(sources: &Sources, state: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for content in ["{", "{\"version\":2}\n"] {
        for entry in fs::read_dir(state.join("sources"))? {
            fs::write(entry?.path(), content)?;
        }
        for of in sources.others(&Default::default()) {
            match sources.recall(&of) {
                RestoredSource::Unknown(finding) => findings.push(finding),
                RestoredSource::Nothing | RestoredSource::Lines(_) => {}
            }
        }
    }
    Ok(findings)
}
