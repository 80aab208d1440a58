//! Beside flannel: its tunnel, its masquerades with iptables and with nftables.

use anyhow::{Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::neighbours::{Firewall, Flannel, Tables};
use lab::{Lab, Protocol};

use crate::beside::{expect_both_at_work, expect_that_it_leaves, far_pod, run, second, two_nodes};
use crate::fixture::{Fixture, WEB_V4, expect_only, program};

/// Two nodes connected by flannel, with no rules so far.
fn connected() -> Result<Fixture> {
    let fixture = two_nodes(Lab::builder().two_nodes().build()?)?;
    Flannel::connect(&fixture.lab)?;
    Ok(fixture)
}

/// P1, P4, P10.
pub(crate) fn flannels_rules_that_existed_first_keep_working_for_others() -> Result<()> {
    for firewall in Firewall::ALL {
        let fixture = connected()?;
        Flannel::write_rules(&fixture.lab, firewall)?;
        let tables = Tables::of(fixture.lab.node())?;
        let egressd = run(&fixture, &program())?;
        expect_both_at_work(&fixture, &egressd)?;
        expect_that_it_leaves(&fixture, egressd, &program(), &tables)?;
    }
    Ok(())
}

/// P1, P4, P10.
pub(crate) fn flannels_rules_that_are_added_later_do_not_change_ours() -> Result<()> {
    for firewall in Firewall::ALL {
        let fixture = connected()?;
        let egressd = run(&fixture, &program())?;
        let before = Tables::of(fixture.lab.node())?;
        Flannel::write_rules(&fixture.lab, firewall)?;
        before.expect_untouched(fixture.lab.node())?;
        let tables = Tables::of(fixture.lab.node())?.without(&before);
        expect_both_at_work(&fixture, &egressd)?;
        expect_that_it_leaves(&fixture, egressd, &program(), &tables)?;
    }
    Ok(())
}

/// P3: flannel that is restarted empties its chains and fills them again.
pub(crate) fn flannel_that_rewrites_its_rules_changes_no_packet() -> Result<()> {
    for firewall in Firewall::ALL {
        let fixture = connected()?;
        let egressd = run(&fixture, &program())?;
        let seen = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Udp, || {
            (0..5).try_for_each(|_| Flannel::write_rules(&fixture.lab, firewall))
        })?;
        expect_only(&seen, WEB_V4)?;
        expect_both_at_work(&fixture, &egressd)?;
        egressd.stop()?;
    }
    Ok(())
}

/// P4: before the first round, between two lives, after the last.
pub(crate) fn pods_always_reach_each_other_untranslated_through_flannels_tunnel() -> Result<()> {
    let fixture = connected()?;
    Flannel::write_rules(&fixture.lab, Firewall::Nftables)?;
    let (near, far) = (fixture.selected(), far_pod(&fixture));
    let devices = ["flannel.1", "flannel-v6.1"];
    let before = devices.map(|device| second(&fixture).packets_from(device));
    let live = || {
        run(&fixture, &program())?.stop()?;
        run(&fixture, &program())?.kill()?;
        program().clean(&fixture.lab)
    };
    let mut of_v6 = Default::default();
    let of_v4 = fixture.lab.seen_during(near, far.v4(), Protocol::Tcp, || {
        of_v6 = fixture.lab.seen_during(near, far.v6(), Protocol::Udp, live)?;
        Ok(())
    })?;
    expect_only(&of_v4, near.v4())?;
    expect_only(&of_v6, near.v6())?;
    for ((device, before), seen) in devices.into_iter().zip(before).zip([&of_v4, &of_v6]) {
        let (passed, calls) = (second(&fixture).packets_from(device)? - before?, seen.values().sum::<usize>());
        ensure!(passed >= calls as u64, "{calls} calls were made, and {passed} packets came through {device}");
    }
    Ok(())
}
