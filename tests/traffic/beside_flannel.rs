//! Beside flannel: its tunnel, its masquerades with iptables and with nftables.

use anyhow::{Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::neighbours::{Firewall, Flannel, Tables};
use lab::{Lab, Protocol};

use crate::beside::{expect_both_at_work, expect_that_it_leaves, far, run, second, two_nodes};
use crate::stage::{Stage, WEB_V4, expect_only, program};

/// Two nodes connected by flannel, with no rules so far.
fn connected() -> Result<Stage> {
    let stage = two_nodes(Lab::builder().two_nodes().build()?)?;
    Flannel::connect(&stage.lab)?;
    Ok(stage)
}

/// P1, P4, P10.
pub(crate) fn flannels_rules_that_were_there_first_go_on_for_others() -> Result<()> {
    for firewall in Firewall::ALL {
        let stage = connected()?;
        Flannel::write_rules(&stage.lab, firewall)?;
        let tables = Tables::of(stage.lab.node())?;
        let egressd = run(&stage, &program())?;
        expect_both_at_work(&stage, &egressd)?;
        expect_that_it_leaves(&stage, egressd, &program(), &tables)?;
    }
    Ok(())
}

/// P1, P4, P10.
pub(crate) fn flannels_rules_that_come_later_change_nothing_of_ours() -> Result<()> {
    for firewall in Firewall::ALL {
        let stage = connected()?;
        let egressd = run(&stage, &program())?;
        let before = Tables::of(stage.lab.node())?;
        Flannel::write_rules(&stage.lab, firewall)?;
        before.expect_untouched(stage.lab.node())?;
        let tables = Tables::of(stage.lab.node())?.without(&before);
        expect_both_at_work(&stage, &egressd)?;
        expect_that_it_leaves(&stage, egressd, &program(), &tables)?;
    }
    Ok(())
}

/// P3: flannel that is restarted empties its chains and fills them again.
pub(crate) fn flannel_that_writes_its_rules_anew_changes_no_packet() -> Result<()> {
    for firewall in Firewall::ALL {
        let stage = connected()?;
        let egressd = run(&stage, &program())?;
        let seen = stage.lab.seen_during(stage.selected(), OUTSIDE_V4, Protocol::Udp, || {
            (0..5).try_for_each(|_| Flannel::write_rules(&stage.lab, firewall))
        })?;
        expect_only(&seen, WEB_V4)?;
        expect_both_at_work(&stage, &egressd)?;
        egressd.stop()?;
    }
    Ok(())
}

/// P4: before the first round, between two lives, after the last.
pub(crate) fn pods_reach_each_other_through_flannels_tunnel_untranslated_at_every_moment() -> Result<()> {
    let stage = connected()?;
    Flannel::write_rules(&stage.lab, Firewall::Nftables)?;
    let (near, far) = (stage.selected(), far(&stage));
    let devices = ["flannel.1", "flannel-v6.1"];
    let before = devices.map(|device| second(&stage).packets_from(device));
    let live = || {
        run(&stage, &program())?.stop()?;
        run(&stage, &program())?.kill()?;
        program().clean(&stage.lab)
    };
    let mut of_v6 = Default::default();
    let of_v4 = stage.lab.seen_during(near, far.v4(), Protocol::Tcp, || {
        of_v6 = stage.lab.seen_during(near, far.v6(), Protocol::Udp, live)?;
        Ok(())
    })?;
    expect_only(&of_v4, near.v4())?;
    expect_only(&of_v6, near.v6())?;
    for ((device, before), seen) in devices.into_iter().zip(before).zip([&of_v4, &of_v6]) {
        let (passed, calls) = (second(&stage).packets_from(device)? - before?, seen.values().sum::<usize>());
        ensure!(passed >= calls as u64, "{calls} calls were made, and {passed} packets came through {device}");
    }
    Ok(())
}
