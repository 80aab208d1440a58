//! Beside Calico: pods with addresses of its pools, its tunnel, its masquerade at a later priority than others'.

use anyhow::{Result, ensure};
use lab::neighbours::{Calico, POOL_V4, POOL_V6, Tables};
use lab::{Lab, Program, Protocol};

use crate::beside::{expect_both_at_work, expect_that_it_leaves, far_pod, run, second, two_nodes};
use crate::fixture::{Fixture, expect_only};

/// Two nodes connected by Calico, with no rules so far.
fn connected() -> Result<Fixture> {
    let mut lab = Lab::builder().two_nodes().build()?;
    Calico::connect(&mut lab)?;
    two_nodes(lab)
}

/// As docs/beside.md recommends: with all pools.
fn program() -> Program {
    crate::fixture::program().environment("egress_podcidr", &format!("{POOL_V4},{POOL_V6}"))
}

/// P1, P4, P10.
pub(crate) fn calicos_rules_that_existed_first_keep_working_for_others() -> Result<()> {
    let fixture = connected()?;
    Calico::write_rules(&fixture.lab)?;
    let tables = Tables::of(fixture.lab.node())?;
    let egressd = run(&fixture, &program())?;
    expect_both_at_work(&fixture, &egressd)?;
    expect_that_it_leaves(&fixture, egressd, &program(), &tables)
}

/// P1, P4, P10.
pub(crate) fn calicos_rules_that_are_added_later_do_not_change_ours() -> Result<()> {
    let fixture = connected()?;
    let egressd = run(&fixture, &program())?;
    let before = Tables::of(fixture.lab.node())?;
    Calico::write_rules(&fixture.lab)?;
    before.expect_untouched(fixture.lab.node())?;
    let tables = Tables::of(fixture.lab.node())?.without(&before);
    expect_both_at_work(&fixture, &egressd)?;
    expect_that_it_leaves(&fixture, egressd, &program(), &tables)
}

/// P4.
pub(crate) fn pods_of_calicos_pools_always_reach_each_other_untranslated() -> Result<()> {
    let fixture = connected()?;
    Calico::write_rules(&fixture.lab)?;
    let (near, far) = (fixture.selected(), far_pod(&fixture));
    let before = second(&fixture).packets_from("vxlan.calico")?;
    let seen = fixture.lab.seen_during(near, far.v4(), Protocol::Tcp, || {
        run(&fixture, &program())?.stop()?;
        run(&fixture, &program())?.kill()?;
        program().clean(&fixture.lab)
    })?;
    expect_only(&seen, near.v4())?;
    let passed = second(&fixture).packets_from("vxlan.calico")? - before;
    ensure!(passed >= seen.values().sum::<usize>() as u64, "{seen:?}, and {passed} packets came through the tunnel");
    Ok(())
}

/// Without the setting pods of the pools still reach each other untranslated, and the message names what
/// to set.
pub(crate) fn pools_that_are_not_configured_are_a_warning_and_nothing_private_is_translated_to() -> Result<()> {
    let fixture = connected()?;
    Calico::write_rules(&fixture.lab)?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("endpoint-outside-pod-networks")?;
    egressd.wait_until_log_has("--inside-networks")?;
    for far in [far_pod(&fixture).v4(), far_pod(&fixture).v6()] {
        let seen = fixture.lab.seen_from(fixture.selected(), far, Protocol::Udp)?.to_string();
        let [v4, v6] = [fixture.selected().v4(), fixture.selected().v6()].map(|own| own.to_string());
        ensure!(seen == v4 || seen == v6, "{far} sees {seen}\n{}", egressd.circumstances());
    }
    egressd.stop()
}
