//! Beside Calico: pods with addresses of its pools, its tunnel, its masquerade at a later priority than others'.

use anyhow::{Result, ensure};
use lab::neighbours::{Calico, POOL_V4, POOL_V6, Tables};
use lab::{Lab, Program, Protocol};

use crate::beside::{expect_both_at_work, expect_that_it_leaves, far, run, second, two_nodes};
use crate::stage::{Stage, expect_only};

/// Two nodes connected by Calico, with no rules so far.
fn connected() -> Result<Stage> {
    let mut lab = Lab::builder().two_nodes().build()?;
    Calico::connect(&mut lab)?;
    two_nodes(lab)
}

/// As docs/beside.md asks for: with all pools.
fn program() -> Program {
    crate::stage::program().environment("egress_podcidr", &format!("{POOL_V4},{POOL_V6}"))
}

/// P1, P4, P10.
pub(crate) fn calicos_rules_that_were_there_first_go_on_for_others() -> Result<()> {
    let stage = connected()?;
    Calico::write_rules(&stage.lab)?;
    let tables = Tables::of(stage.lab.node())?;
    let egressd = run(&stage, &program())?;
    expect_both_at_work(&stage, &egressd)?;
    expect_that_it_leaves(&stage, egressd, &program(), &tables)
}

/// P1, P4, P10.
pub(crate) fn calicos_rules_that_come_later_change_nothing_of_ours() -> Result<()> {
    let stage = connected()?;
    let egressd = run(&stage, &program())?;
    let before = Tables::of(stage.lab.node())?;
    Calico::write_rules(&stage.lab)?;
    before.expect_untouched(stage.lab.node())?;
    let tables = Tables::of(stage.lab.node())?.without(&before);
    expect_both_at_work(&stage, &egressd)?;
    expect_that_it_leaves(&stage, egressd, &program(), &tables)
}

/// P4.
pub(crate) fn pods_of_calicos_pools_reach_each_other_untranslated_at_every_moment() -> Result<()> {
    let stage = connected()?;
    Calico::write_rules(&stage.lab)?;
    let (near, far) = (stage.selected(), far(&stage));
    let before = second(&stage).packets_from("vxlan.calico")?;
    let seen = stage.lab.seen_during(near, far.v4(), Protocol::Tcp, || {
        run(&stage, &program())?.stop()?;
        run(&stage, &program())?.kill()?;
        program().clean(&stage.lab)
    })?;
    expect_only(&seen, near.v4())?;
    let passed = second(&stage).packets_from("vxlan.calico")? - before;
    ensure!(passed >= seen.values().sum::<usize>() as u64, "{seen:?}, and {passed} packets came through the tunnel");
    Ok(())
}

/// A setting that is missing opens nothing: pods of the pools reach each other untranslated, and the sentence says what to
/// set.
pub(crate) fn pools_that_are_not_configured_are_a_warning_and_nothing_private_is_translated_to() -> Result<()> {
    let stage = connected()?;
    Calico::write_rules(&stage.lab)?;
    let mut egressd = stage.run()?;
    egressd.wait_until_log_has("endpoint-outside-pod-networks")?;
    egressd.wait_until_log_has("--inside-networks")?;
    for far in [far(&stage).v4(), far(&stage).v6()] {
        let seen = stage.lab.seen_from(stage.selected(), far, Protocol::Udp)?.to_string();
        let [v4, v6] = [stage.selected().v4(), stage.selected().v6()].map(|own| own.to_string());
        ensure!(seen == v4 || seen == v6, "{far} sees {seen}\n{}", egressd.circumstances());
    }
    egressd.stop()
}
