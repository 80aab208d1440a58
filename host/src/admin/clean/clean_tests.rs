#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use egressd_core::compile::{Backstop, InstanceName, XfrmStamp};
use egressd_core::net::{Family, GatewayIndex, MarkBit, TunnelMarks};
use egressd_core::node::{RoutingRule, RuleAction, RuleMatch, XfrmMaker};

use super::*;
use crate::instances::orphans::UseSign;
use crate::kernel::nft::Owner;
use crate::kernel::nft::testkit::FakeTables;
use crate::kernel::tunnel::testkit::HeldTunnel;
use crate::kernel::xfrm::testkit::HeldPolicies;

fn named(name: &str) -> Instance {
    Instance::Named(InstanceName::new(name).unwrap())
}

/// A job of the egressd without a name, and a directory for locks that is gone with the test.
fn job(scope: Scope) -> (tempfile::TempDir, Job) {
    let dir = tempfile::tempdir().unwrap();
    let locks = LockDir::new(dir.path());
    (dir, Job { own: Instance::Default, scope, newer: NewerLayout::Stays, locks, action: Action::Remove })
}

/// What an instance that has ended leaves.
fn ended(job: &Job, instance: &Instance) {
    drop(job.locks.hold(instance).unwrap());
}

fn whys(report: &Report) -> Vec<&KeepReason> {
    report.left.iter().map(|left| &left.why).collect()
}

#[test]
fn clean_takes_the_tables_of_its_own_instance_in_both_families_and_its_lock() {
    let (dir, job) = job(Scope::Own);
    ended(&job, &Instance::Default);
    let mut tables = FakeTables::default().owned(&Instance::Default, Owner::None).owned(&named("a"), Owner::None);
    let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!((report.removed.len(), report.outcome()), (2, CleanOutcome::Cleaned));
    assert_eq!(tables.names(), ["kube_vip_a_v4", "kube_vip_a_v6"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn all_takes_what_every_ended_instance_left_and_only_that() {
    let (dir, job) = job(Scope::All);
    let odd = [".", "..", "-x", "v4", "default"].map(named);
    let mut tables = FakeTables::default().foreign(&named("theirs")).marked(Family::Ipv4, "strange");
    for instance in &odd {
        tables = tables.unowned(instance);
        ended(&job, instance);
    }
    ended(&job, &named("without-tables"));
    let report = job.carry_out(&mut tables.owned(&named("b"), Owner::None), &BTreeSet::new()).unwrap();
    assert_eq!((report.removed.len(), report.outcome()), (12, CleanOutcome::Cleaned), "{report:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "a lock is left");
}

#[test]
fn a_table_of_a_newer_layout_stays_with_its_lock_unless_it_is_to_go() {
    let (dir, job) = job(Scope::All);
    for instance in [Instance::Default, named("a")] {
        ended(&job, &instance);
    }
    let mut tables = FakeTables::default().newer(&Instance::Default).newer(&named("a")).owned(&named("b"), Owner::None);
    let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!(tables.names(), ["kube_vip_v4", "kube_vip_v6", "kube_vip_a_v4", "kube_vip_a_v6"]);
    assert!(whys(&report).iter().all(|why| matches!(why, KeepReason::Newer(_))), "{report:?}");
    assert!(report.left().contains("newer-layout"), "{}", report.left());
    assert_eq!((report.outcome(), fs::read_dir(dir.path()).unwrap().count()), (CleanOutcome::Incomplete, 2));
    let job = Job { newer: NewerLayout::Goes, ..job };
    assert_eq!(job.carry_out(&mut tables, &BTreeSet::new()).unwrap().outcome(), CleanOutcome::Cleaned);
    assert_eq!((tables.names(), fs::read_dir(dir.path()).unwrap().count()), (vec![], 0));
}

/// Whatever is to be done about the layout: its egressd runs.
#[test]
fn a_table_of_a_newer_layout_that_is_owned_is_in_use() {
    let (_dir, job) = job(Scope::Own);
    let mut tables = FakeTables::default().newer(&Instance::Default);
    tables.tables.iter_mut().for_each(|table| table.owner = Owner::Other(7));
    let report = Job { newer: NewerLayout::Goes, ..job }.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!(whys(&report), [&KeepReason::InUse(UseSign::Owner(7)); 2]);
}

#[test]
fn what_another_program_made_stays_and_is_no_failure() {
    let (_dir, job) = job(Scope::All);
    let mut tables = FakeTables::default().foreign(&Instance::Default).foreign(&named("a")).marked(Family::Ipv4, "x");
    let before = tables.names().len();
    let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!((tables.names().len(), report.outcome()), (before, CleanOutcome::Cleaned));
    assert_eq!(report.notes.len(), 2, "those of our own name are named: {:?}", report.notes);
}

#[test]
fn a_table_that_is_owned_stays_and_the_others_go() {
    let (_dir, job) = job(Scope::All);
    let mut tables = FakeTables::default().owned(&Instance::Default, Owner::Other(7)).owned(&named("a"), Owner::None);
    let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!(tables.names(), ["kube_vip_v4", "kube_vip_v6"]);
    assert_eq!(whys(&report), [&KeepReason::InUse(UseSign::Owner(7)); 2]);
    assert_eq!((report.removed.len(), report.outcome()), (2, CleanOutcome::Incomplete));
}

#[test]
fn a_table_of_ours_whose_lock_is_held_stays_and_the_lock_too() {
    let (_dir, job) = job(Scope::Own);
    let job = Job { own: named("a"), ..job };
    let _living = job.locks.hold(&named("a")).unwrap();
    let mut tables = FakeTables::default().unowned(&named("a")).owned(&named("b"), Owner::None);
    let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!(whys(&report), [&KeepReason::InUse(UseSign::Lock); 2]);
    assert!(tables.names().contains(&"kube_vip_a_v4") && job.locks.path_of(&named("a")).exists());
}

#[test]
fn what_another_instance_looks_after_stays_and_nothing_is_left_to_do_about_it() {
    let (_dir, job) = job(Scope::All);
    let _living = job.locks.hold(&named("a")).unwrap();
    let mut tables = FakeTables::default()
        .unowned(&named("a"))
        .owned(&named("b"), Owner::Other(7))
        .owned(&Instance::Default, Owner::None);
    let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!(
        (report.outcome(), report.removed.len(), report.notes.len()),
        (CleanOutcome::Cleaned, 2, 4),
        "{report:?}"
    );
    assert_eq!(report.living, BTreeSet::from([named("a"), named("b")]));
    assert_eq!(tables.names().len(), 4);
    assert!(job.locks.path_of(&named("a")).exists());
}

/// As it stands while the other one is updated: without an owner for a moment.
#[test]
fn what_was_seen_to_live_is_not_taken_by_another_try() {
    let (_dir, job) = job(Scope::All);
    let mut tables = FakeTables::default().owned(&named("a"), Owner::None).owned(&named("b"), Owner::None);
    let report = job.carry_out(&mut tables, &BTreeSet::from([named("a"), Instance::Default])).unwrap();
    assert_eq!((report.removed.len(), tables.names()), (2, vec!["kube_vip_a_v4", "kube_vip_a_v6"]));
}

#[test]
fn about_another_instance_unknown_is_not_free() {
    for broken in [false, true] {
        let (dir, mut job) = job(Scope::All);
        if broken {
            fs::write(dir.path().join("file"), "").unwrap();
            job.locks = LockDir::new(dir.path().join("file"));
        }
        let mut tables = FakeTables::default().unowned(&named("a")).owned(&named("b"), Owner::None);
        let report = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
        assert_eq!(tables.names(), ["kube_vip_a_v4", "kube_vip_a_v6"]);
        assert!(matches!(whys(&report)[..], [KeepReason::Unclear { .. }, KeepReason::Unclear { .. }]), "{report:?}");
    }
}

/// Else nothing would remove them where no lock can be made.
#[test]
fn an_instance_that_is_named_is_taken_without_a_lock_that_shows_anything() {
    let (dir, mut job) = job(Scope::Own);
    fs::write(dir.path().join("file"), "").unwrap();
    job.locks = LockDir::new(dir.path().join("file"));
    let mut tables = FakeTables::default().unowned(&Instance::Default);
    assert_eq!(job.carry_out(&mut tables, &BTreeSet::new()).unwrap().outcome(), CleanOutcome::Cleaned);
    assert_eq!(tables.names(), [""; 0]);
}

#[test]
fn nothing_to_remove_makes_no_file_and_no_directory() {
    let (dir, job) = job(Scope::All);
    let job = Job { locks: LockDir::new(dir.path().join("run")), ..job };
    assert_eq!(job.carry_out(&mut FakeTables::default(), &BTreeSet::new()).unwrap(), Report::default());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// As a table of its own, of one that has ended, of one that lives, and of a newer layout.
#[test]
fn what_is_shown_is_what_would_be_removed_and_nothing_is() {
    let (dir, job) = job(Scope::All);
    ended(&job, &named("a"));
    let mut tables = FakeTables::default()
        .unowned(&Instance::Default)
        .owned(&named("a"), Owner::None)
        .owned(&named("b"), Owner::Other(7))
        .newer(&named("c"));
    let (names, files) = (tables.names().len(), fs::read_dir(dir.path()).unwrap().count());
    let shown = Job { action: Action::Show, ..job.clone() }.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!((tables.names().len(), fs::read_dir(dir.path()).unwrap().count()), (names, files));
    let done = job.carry_out(&mut tables, &BTreeSet::new()).unwrap();
    assert_eq!(shown, Report { action: Action::Show, ..done });
}

/// On a node without a tunnel.
fn parts(policies: Result<HeldPolicies, xfrm::Error>) -> Parts<HeldPolicies, HeldTunnel> {
    Parts { policies, tunnel: Ok(HeldTunnel::default()) }
}

/// Policies that an egressd with these tables left.
fn policies(instance: &Instance) -> HeldPolicies {
    let stamp = XfrmStamp { maker: XfrmMaker::of(&instance.tables()), bit: MarkBit::DEFAULT };
    let backstop = Backstop { pods: ["10.0.0.1".parse().unwrap()].into(), inside: vec![] };
    let held = HeldPolicies::default();
    held.held().policies = backstop.policies(stamp);
    held
}

#[test]
fn policies_go_with_the_tables_of_their_instance_and_where_it_has_none() {
    let (_dir, job) = job(Scope::Own);
    ended(&job, &Instance::Default);
    for tables in [FakeTables::default(), FakeTables::default().owned(&Instance::Default, Owner::None)] {
        let policies = policies(&Instance::Default);
        let shown = Job { action: Action::Show, ..job.clone() };
        let report = shown.clean(FakeTables::default(), parts(Ok(policies.clone())), &BTreeSet::new()).unwrap();
        assert_eq!((report.policies, policies.held().policies.len()), (1, 1));
        let report = job.clean(tables, parts(Ok(policies.clone())), &BTreeSet::new()).unwrap();
        assert_eq!((report.policies, report.outcome()), (1, CleanOutcome::Cleaned));
        assert!(policies.held().policies.is_empty());
    }
}

#[test]
fn policies_of_an_egressd_that_runs_and_of_others_stay() {
    let (_dir, job) = job(Scope::Own);
    let _lives = job.locks.hold(&Instance::Default).unwrap();
    for instance in [Instance::Default, named("a")] {
        let policies = policies(&instance);
        let report = job.clean(FakeTables::default(), parts(Ok(policies.clone())), &BTreeSet::new()).unwrap();
        assert_eq!((report.policies, policies.held().policies.len()), (0, 1), "{instance}");
    }
}

#[test]
fn policies_that_cannot_be_read_are_left_and_a_kernel_without_them_has_none() {
    let (_dir, job) = job(Scope::Own);
    let clean = |error| job.clean(FakeTables::default(), parts(Err(error)), &BTreeSet::new()).unwrap();
    assert_eq!(clean(xfrm::Error::Unsupported).outcome(), CleanOutcome::Cleaned);
    let report = clean(xfrm::Error::NotPermitted);
    assert_eq!(report.outcome(), CleanOutcome::Incomplete);
    assert!(report.left().starts_with("cannot use IPsec policies"), "{}", report.left());
}

/// A tunnel that this egressd, or one like it, left.
fn tunnel() -> HeldTunnel {
    let held = HeldTunnel::default();
    let mark = TunnelMarks::DEFAULT.to(GatewayIndex::new(1).unwrap());
    let packets = RuleMatch::marked(mark, TunnelMarks::DEFAULT.mask());
    let rule =
        RoutingRule { action: RuleAction::Unreachable, family: Family::Ipv4, preference: RoutingRule::FIRST, packets };
    held.held().state.rules.insert(rule);
    held
}

fn with_tunnel<T: TunnelKernel>(tunnel: Result<T, kernel_tunnel::Error>) -> Parts<HeldPolicies, T> {
    Parts { policies: Ok(HeldPolicies::default()), tunnel }
}

#[test]
fn a_tunnel_goes_with_the_tables_of_its_instance_and_what_others_have_in_it_is_named() {
    let (_dir, job) = job(Scope::Own);
    ended(&job, &Instance::Default);
    let tunnel = tunnel();
    tunnel.held().foreign.push("the device egressd0 is a device of the kind bridge".to_owned());
    let shown = Job { action: Action::Show, ..job.clone() };
    let report = shown.clean(FakeTables::default(), with_tunnel(Ok(tunnel.clone())), &BTreeSet::new()).unwrap();
    assert_eq!((report.tunnel, tunnel.held().changes), (1, 0));
    let report = job.clean(FakeTables::default(), with_tunnel(Ok(tunnel.clone())), &BTreeSet::new()).unwrap();
    assert_eq!((report.tunnel, report.outcome()), (1, CleanOutcome::Cleaned));
    assert_eq!(report.notes, ["not egressd's, and stays: the device egressd0 is a device of the kind bridge"]);
    assert!(tunnel.held().state.rules.is_empty());
    let report = job.clean(FakeTables::default(), with_tunnel(Ok(tunnel)), &BTreeSet::new()).unwrap();
    assert_eq!((report.tunnel, report.notes), (0, vec![]), "where there is none, nothing is named");
}

#[test]
fn the_tunnel_of_an_egressd_that_runs_stays_and_so_does_that_of_another_one() {
    let (_dir, job) = job(Scope::Own);
    let report = job.clean(
        FakeTables::default(),
        with_tunnel(Err::<HeldTunnel, _>(kernel_tunnel::Error::NotPermitted)),
        &BTreeSet::new(),
    );
    assert_eq!(report.unwrap().outcome(), CleanOutcome::Incomplete);
    let lives = job.locks.hold(&Instance::Default).unwrap();
    let tunnel = tunnel();
    let report = job.clean(FakeTables::default(), with_tunnel(Ok(tunnel.clone())), &BTreeSet::new()).unwrap();
    assert_eq!((report.tunnel, tunnel.held().changes), (0, 0));
    drop(lives);
}
