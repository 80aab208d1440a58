//! Tables whose egressd has ended, and what removes them (P5).

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use egressd::instances::lock::{Liveness, Lock, LockDir};
use egressd_core::compile::{Instance, InstanceName};
use lab::addresses::OUTSIDE_V4;
use lab::{Egressd, Protocol};

use crate::fixture::{Fixture, WEB_V4, program, web};
use crate::tools::{HTTP, get};

/// What `egressd` answered: its exit code, and all that it printed.
type CommandOutput = (Option<i32>, String);

fn named(name: &str) -> Result<Instance> {
    Ok(Instance::Named(InstanceName::new(name)?))
}

/// An egressd of this name on the fixture's node, with more arguments.
fn instance<'s>(fixture: &'s Fixture, name: &str, arguments: &[&str]) -> Result<Egressd<'s>> {
    let name = format!("--instance-name={name}");
    let arguments = [&[name.as_str()], arguments].concat();
    program().run_with(&fixture.lab, &fixture.manifests, &arguments)
}

/// An egressd of this name has translated, and ended.
fn ended(fixture: &Fixture, name: &str) -> Result<()> {
    let mut egressd = instance(fixture, name, &[])?;
    egressd.wait_until("its tables are there", || has_table(fixture, &format!("ip6 kube_vip_{name}_v6")))?;
    egressd.stop()
}

/// The tables of an instance as kernels without owners have them.
fn unowned(fixture: &Fixture, name: &str) -> Result<()> {
    let manifests = fixture.manifests.path();
    let manifests = manifests.to_str().context("a path of the lab is text")?;
    let name = format!("--instance-name={name}");
    let plan = ["plan", "--output=nft", "--owner=any", "--node=node-1", "--state-dir=/nowhere", &name, "--manifests"];
    let output = program().output(&fixture.lab, &[&plan[..], &[manifests]].concat())?;
    fixture.lab.node().nft(&String::from_utf8(output.stdout)?)
}

fn clean(fixture: &Fixture, arguments: &[&str]) -> Result<CommandOutput> {
    let output = program().output(&fixture.lab, &[&["clean"], arguments].concat())?;
    let printed = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    Ok((output.status.code(), printed))
}

fn status(fixture: &Fixture) -> Result<String> {
    Ok(program().status(&fixture.lab, &fixture.manifests, &[])?.1)
}

fn wait_until_status_has(egressd: &mut Egressd<'_>, fixture: &Fixture, text: &str) -> Result<String> {
    let mut last = String::new();
    egressd.wait_until(&format!("status has {text:?}"), || {
        last = status(fixture)?;
        Ok(last.contains(text))
    })?;
    Ok(last)
}

fn locks(fixture: &Fixture) -> LockDir {
    LockDir::new(fixture.lab.node().locks())
}

/// Takes the lock as another process of that name would.
fn hold(fixture: &Fixture, name: &str) -> Result<Lock> {
    Ok(locks(fixture).hold(&named(name)?)?)
}

fn has_table(fixture: &Fixture, table: &str) -> Result<bool> {
    Ok(fixture.lab.node().tables()?.lines().any(|line| line == format!("table {table}")))
}

fn expect_seen_untranslated(fixture: &Fixture) -> Result<()> {
    let pod = fixture.selected();
    fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())
}

/// It is how egressd is installed: with one name, and later with another.
pub(crate) fn a_renamed_instance_reports_its_old_tables_and_clean_all_removes_those_and_no_other() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let node = fixture.lab.node();
    node.nft("add table ip kube_vip_theirs_v4\nadd chain ip kube_vip_theirs_v4 theirs\n")?;
    ended(&fixture, "old")?;
    let mut egressd = instance(&fixture, "new", &["--http", &HTTP.to_string()])?;
    let printed = wait_until_status_has(&mut egressd, &fixture, "table ip kube_vip_old_v4 is orphaned")?;
    for part in ["[orphaned-table]", "still translates 1 pod,", "table ip6 kube_vip_old_v6 is orphaned"] {
        ensure!(printed.contains(part), "{part:?} is missing:\n{printed}");
    }
    ensure!(egressd.log().matches("table ip kube_vip_old_v4 is orphaned").count() == 1, "{}", egressd.log());
    let (_, metrics) = get(&fixture.lab, "/metrics")?;
    for line in ["egressd_orphaned_tables 2\n", "table_pods{family=\"ipv4\",table=\"kube_vip_old_v4\"} 1\n"] {
        ensure!(metrics.contains(line), "{line:?} is missing:\n{metrics}");
    }
    fixture.manifests.remove(&web())?;
    egressd.wait_until_log_has("gone")?;
    fixture.lab.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;

    let (code, printed) = clean(&fixture, &["--all", "--instance-name=new"])?;
    ensure!(code == Some(1) && printed.contains("removed kube_vip_old_v4, kube_vip_old_v6\n"), "{code:?}: {printed}");
    ensure!(printed.contains("cannot remove table ip kube_vip_new_v4: a running egressd"), "{printed}");
    expect_seen_untranslated(&fixture)?;
    ensure!(
        has_table(&fixture, "ip kube_vip_new_v4")? && has_table(&fixture, "ip kube_vip_theirs_v4")?,
        "{}",
        node.tables()?
    );
    ensure!(!status(&fixture)?.contains("orphaned-table"), "{}", status(&fixture)?);
    egressd.wait_until_log_has("table ip kube_vip_old_v4 is no longer orphaned")?;
    ensure!(get(&fixture.lab, "/metrics")?.1.contains("egressd_orphaned_tables 0\n"), "the metric still counts it");
    egressd.stop()
}

/// One that was killed, with a name that looks like an option, beside two that run.
pub(crate) fn the_command_that_a_finding_names_removes_the_orphan_and_two_that_live_are_none() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut killed = instance(&fixture, "-x", &[])?;
    killed.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    killed.kill()?;
    let mut egressd = fixture.run()?;
    let mut other = instance(&fixture, "a", &[])?;
    for one in [&mut egressd, &mut other] {
        one.wait_until_log_has("table ip6 kube_vip_-x_v6 is orphaned")?;
        ensure!(one.log().matches("is orphaned").count() == 2, "those that live are reported: {}", one.log());
    }
    let printed = status(&fixture)?;

    let (_, rest) = printed.split_once("`egressd clean ").context(printed.clone())?;
    let (arguments, _) = rest.split_once('`').context(printed.clone())?;
    let (code, printed) = clean(&fixture, &arguments.split(' ').collect::<Vec<_>>())?;
    ensure!(
        code == Some(0) && printed == "removed kube_vip_-x_v4, kube_vip_-x_v6\n",
        "{arguments}: {code:?}: {printed}"
    );
    ensure!(!status(&fixture)?.contains("is orphaned"), "{}", status(&fixture)?);
    other.stop()?;
    egressd.stop()
}

pub(crate) fn clean_keeps_the_tables_of_a_running_egressd() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    ended(&fixture, "old")?;
    // That its own stays is a failure; that another's does is as it should be.
    for (arguments, expected, what) in [
        (&[][..], 1, "cannot remove table"),
        (&["--all"], 1, "cannot remove table"),
        (&["--all", "--instance-name=third"], 0, " stays: a running egressd"),
    ] {
        let (code, printed) = clean(&fixture, arguments)?;
        ensure!(code == Some(expected) && printed.matches(what).count() == 2, "{code:?}: {printed}");
        egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    }
    ensure!(!has_table(&fixture, "ip kube_vip_old_v4")?, "{}", fixture.lab.node().tables()?);
    let (code, printed) = clean(&fixture, &["--all"])?;
    ensure!(code == Some(1) && printed.starts_with("nothing was removed\n"), "{printed}");
    egressd.stop()
}

/// A node with a kernel before 6.9: `held` runs, `free` has ended, `none` has never had a lock, `theirs` is
/// another program's. Pod 1 is translated by three tables.
fn without_owners() -> Result<(Fixture, Lock)> {
    let fixture = Fixture::with_web()?;
    ["held", "free", "none"].into_iter().try_for_each(|name| unowned(&fixture, name))?;
    fixture.lab.node().nft("add table ip kube_vip_theirs_v4\n")?;
    let held = hold(&fixture, "held")?;
    for name in ["free", "theirs"] {
        drop(hold(&fixture, name)?);
    }
    Ok((fixture, held))
}

pub(crate) fn without_owners_a_table_is_orphaned_when_its_lock_is_free_and_unknown_is_not_free() -> Result<()> {
    let (fixture, held) = without_owners()?;
    let mut egressd = instance(&fixture, "own", &[])?;
    let printed = wait_until_status_has(&mut egressd, &fixture, "table ip kube_vip_free_v4 is orphaned")?;
    ensure!(printed.matches("is orphaned").count() == 2, "{printed}");
    drop(held);
    let printed = wait_until_status_has(&mut egressd, &fixture, "table ip kube_vip_held_v4 is orphaned")?;
    ensure!(printed.matches("is orphaned").count() == 4, "{printed}");
    egressd.stop()
}

pub(crate) fn without_table_owners_clean_removes_tables_of_ended_and_named_instances() -> Result<()> {
    let (fixture, held) = without_owners()?;
    let node = fixture.lab.node();
    let unreadable = fixture.manifests.path().join("file");
    fs::write(&unreadable, "")?;
    let (code, printed) = clean(&fixture, &["--all", "--lock-dir", unreadable.to_str().context("text")?])?;
    ensure!(code == Some(1) && printed.matches("it is unknown whether").count() == 6, "{code:?}: {printed}");

    let (code, printed) = clean(&fixture, &["--all"])?;
    ensure!(code == Some(1) && printed.starts_with("removed kube_vip_free_v4, kube_vip_free_v6\n"), "{printed}");
    for left in [
        "table ip kube_vip_held_v4 stays: an egressd of its",
        "cannot remove table ip6 kube_vip_none_v6: it is unknown whether",
    ] {
        ensure!(printed.contains(left), "{left:?} is missing:\n{printed}");
    }
    fixture.lab.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;

    drop(held);
    let (code, printed) = clean(&fixture, &["--instance-name=none"])?;
    ensure!(code == Some(0), "{code:?}: {printed}");
    let (code, printed) = clean(&fixture, &["--all"])?;
    ensure!(code == Some(0) && printed == "removed kube_vip_held_v4, kube_vip_held_v6\n", "{code:?}: {printed}");
    expect_seen_untranslated(&fixture)?;
    ensure!(node.tables()?.matches("kube_vip").count() == 1, "{}", node.tables()?);
    let locks: Vec<_> = fs::read_dir(node.locks())?.collect();
    ensure!(locks.is_empty(), "locks are left: {locks:?}");
    Ok(())
}

pub(crate) fn the_lock_is_held_as_long_as_egressd_runs_and_not_longer() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let life = || locks(&fixture).life(&Instance::Default);
    ensure!(matches!(life(), Liveness::Lives), "{:?}", life());
    egressd.kill()?;
    ensure!(matches!(life(), Liveness::Ended), "{:?}", life());
    let mut next = fixture.run()?;
    next.wait_until_log_has("state=translating")?;
    ensure!(matches!(life(), Liveness::Lives), "{:?}", life());
    next.stop()?;
    ensure!(matches!(life(), Liveness::Ended), "{:?}", life());
    Ok(())
}

pub(crate) fn where_no_lock_can_be_made_egressd_logs_it_and_translates() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd =
        program().environment("EGRESSD_LOCK_DIR", "/proc/nowhere").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_log_has("cannot take the lock /proc/nowhere/@default.lock")?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}

/// As the DaemonSet of the component `remove`.
pub(crate) fn clean_stay_is_ready_when_nothing_is_left() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let stay = ["clean", "--all", "--stay", "--http", &HTTP.to_string()];
    let mut remover = program().begin(&fixture.lab, &stay)?;
    remover.wait_until("it names what is in the way", || {
        let (ready, why) = get(&fixture.lab, "/readyz").unwrap_or_default();
        Ok(ready.contains("503") && why.contains("cannot remove table ip kube_vip_v4: a running egressd"))
    })?;
    ensure!(get(&fixture.lab, "/livez")?.0.contains("200"), "it is not alive");
    let probe = |question| program().output(&fixture.lab, &["probe", question]);
    let (live, ready) = (probe("live")?, probe("ready")?);
    let why = String::from_utf8_lossy(&ready.stderr);
    ensure!(live.status.success() && !ready.status.success(), "{live:?} {ready:?}");
    ensure!(why.contains("not everything is removed: cannot remove table ip kube_vip_v4"), "{why}");
    egressd.stop()?;
    remover.wait_until("it is ready", || Ok(probe("ready")?.status.success()))?;
    ensure!(!fixture.has_tables()? && remover.log().contains("removed kube_vip_v4"), "{}", remover.circumstances());
    expect_seen_untranslated(&fixture)?;
    remover.stop()
}

/// Nor does it take the other one's tables while that one is updated.
pub(crate) fn clean_stay_does_not_wait_for_another_instance_and_keeps_its_tables() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (egressd, mut other) = (fixture.run_until_translated()?, instance(&fixture, "other", &[])?);
    other.wait_until_log_has("state=translating")?;
    let stay = ["clean", "--all", "--stay", "--http", &HTTP.to_string()];
    let mut remover = program().begin(&fixture.lab, &stay)?;
    remover.wait_until_log_has("cannot remove table ip kube_vip_v4")?;
    other.kill()?;
    // More than one further try, which the first instance is the reason for.
    sleep(Duration::from_secs(5));
    egressd.stop()?;
    remover.wait_until("it is ready", || {
        Ok(get(&fixture.lab, "/readyz").is_ok_and(|(status, _)| status.contains("200")))
    })?;
    ensure!(has_table(&fixture, "ip kube_vip_other_v4")?, "{}", fixture.lab.node().tables()?);
    ensure!(!has_table(&fixture, "ip kube_vip_v4")?, "{}", fixture.lab.node().tables()?);
    remover.stop()
}

pub(crate) fn clean_that_is_stopped_early_names_the_remaining_tables() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let mut remover = program().begin(&fixture.lab, &["clean", "--stay"])?;
    remover.wait_until_log_has("retrying")?;
    remover.terminate()?;
    let code = remover.ended()?;
    ensure!(code == Some(1) && remover.log().contains("ended before everything was removed"), "{}", remover.log());
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    egressd.stop()
}
