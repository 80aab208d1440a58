//! Tests of the lab itself, with rules made by hand; and of the demo, which runs in it.

#![expect(clippy::disallowed_methods, reason = "tests measure how long something takes")]

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::addresses::{
    CLUSTER_IP_V4, CLUSTER_IP_V6, NEIGHBOUR_V4, NEIGHBOUR_V6, NODE_V4, NODE_V6, OTHER_OUTSIDE_V4, OUTSIDE, OUTSIDE_V4,
    OUTSIDE_V6, PORTS, load_balancer_v4, load_balancer_v6,
};
use lab::{Lab, Protocol, Seen};

lab::tests![
    an_untranslated_call_is_seen_with_the_pods_own_address,
    pods_reach_each_other_and_the_node_does_not_show,
    a_translated_call_is_seen_with_the_new_address_and_gets_its_answer,
    a_masquerade_shows_the_node,
    a_cluster_ip_leads_to_its_endpoint,
    a_dropped_call_does_not_arrive,
    a_lost_answer_is_distinguished_from_a_lost_call,
    a_connection_keeps_its_source_address,
    calls_go_on_while_rules_change,
    labs_do_not_see_each_other,
    a_thread_returns_from_a_namespace,
    the_demo_prints_the_expected_results,
];

/// Pod 1 to a load-balancer address, both families.
const SNAT: &str = "
table ip lab_snat {
  chain c { type nat hook postrouting priority srcnat - 10; ip saddr 10.0.0.1 oif up0 snat to 11.0.0.2; }
}
table ip6 lab_snat {
  chain c { type nat hook postrouting priority srcnat - 10; ip6 saddr fd00:10:244::1 oif up0 snat to fc00:11::2; }
}
";

fn an_untranslated_call_is_seen_with_the_pods_own_address() -> Result<()> {
    let lab = Lab::new()?;
    let pod = lab.pod(1);
    for (address, protocol) in OUTSIDE.iter().flat_map(|address| Protocol::ALL.map(|protocol| (*address, protocol))) {
        lab.expect_seen(pod, address, protocol, pod.like(address))?;
    }
    for port in PORTS {
        lab.expect_seen(pod, (OUTSIDE_V4, port), Protocol::Tcp, pod.v4())?;
        lab.expect_seen(pod, (OUTSIDE_V6, port), Protocol::Udp, pod.v6())?;
    }
    Ok(())
}

fn pods_reach_each_other_and_the_node_does_not_show() -> Result<()> {
    let lab = Lab::new()?;
    let (caller, called) = (lab.pod(1), lab.pod(3));
    for protocol in Protocol::ALL {
        lab.expect_seen(caller, called.v4(), protocol, caller.v4())?;
        lab.expect_seen(caller, called.v6(), protocol, caller.v6())?;
    }
    Ok(())
}

fn a_translated_call_is_seen_with_the_new_address_and_gets_its_answer() -> Result<()> {
    let lab = Lab::new()?;
    lab.node().nft(SNAT)?;
    for protocol in Protocol::ALL {
        lab.expect_seen(lab.pod(1), OUTSIDE_V4, protocol, load_balancer_v4(2))?;
        lab.expect_seen(lab.pod(1), NEIGHBOUR_V6, protocol, load_balancer_v6(2))?;
        lab.expect_seen(lab.pod(2), OUTSIDE_V4, protocol, lab.pod(2).v4())?;
    }
    Ok(())
}

fn a_masquerade_shows_the_node() -> Result<()> {
    let lab = Lab::new()?;
    lab.node().masquerade_like_a_cni()?;
    for protocol in Protocol::ALL {
        lab.expect_seen(lab.pod(1), OUTSIDE_V4, protocol, NODE_V4)?;
        lab.expect_seen(lab.pod(1), OUTSIDE_V6, protocol, NODE_V6)?;
        lab.expect_seen(lab.pod(1), lab.pod(2).v6(), protocol, lab.pod(1).v6())?;
    }
    Ok(())
}

fn a_cluster_ip_leads_to_its_endpoint() -> Result<()> {
    let lab = Lab::new()?;
    lab.node().forward_like_kube_proxy((CLUSTER_IP_V4, 80).into(), (OTHER_OUTSIDE_V4, 8080).into())?;
    lab.node().forward_like_kube_proxy((CLUSTER_IP_V6, 80).into(), (lab.pod(2).v6(), 5060).into())?;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        lab.expect_seen(lab.pod(1), (CLUSTER_IP_V4, 80), protocol, lab.pod(1).v4())?;
        lab.expect_seen(lab.pod(1), (CLUSTER_IP_V6, 80), protocol, lab.pod(1).v6())?;
    }
    Ok(())
}

fn a_dropped_call_does_not_arrive() -> Result<()> {
    let lab = Lab::builder().pods(1).build()?;
    lab.node().nft("table inet lab_drop {\n chain c { type filter hook forward priority 0; policy drop; }\n}\n")?;
    for protocol in Protocol::ALL {
        lab.expect_seen(lab.pod(1), OUTSIDE_V4, protocol, Seen::Nothing)?;
    }
    Ok(())
}

fn a_lost_answer_is_distinguished_from_a_lost_call() -> Result<()> {
    let lab = Lab::builder().pods(1).build()?;
    lab.node().nft(
        "table inet lab_drop {\n chain c { type filter hook forward priority 0; iif up0 meta l4proto udp drop; }\n}\n",
    )?;
    let error =
        lab.seen_from(lab.pod(1), OUTSIDE_V4, Protocol::Udp).map_or_else(|e| format!("{e:#}"), |s| s.to_string());
    ensure!(error.contains("arrived with source 10.0.0.1"), "reported as: {error}");
    Ok(())
}

fn a_connection_keeps_its_source_address() -> Result<()> {
    let lab = Lab::builder().pods(1).build()?;
    // As on every real node, conntrack is at work already; without it, the first packet after the new rule would
    // look like the first of a new connection.
    lab.node()
        .nft("table ip lab_track {\n chain c { type filter hook forward priority 0; ct state new accept; }\n}\n")?;
    let mut connection = lab.connect(lab.pod(1), OUTSIDE_V4)?;
    expect(connection.seen()?, lab.pod(1).v4())?;
    lab.node().nft(SNAT)?;
    expect(connection.seen()?, lab.pod(1).v4())?;
    lab.expect_seen(lab.pod(1), OUTSIDE_V4, Protocol::Tcp, load_balancer_v4(2))
}

fn calls_go_on_while_rules_change() -> Result<()> {
    let lab = Lab::builder().pods(1).build()?;
    let tally = lab.seen_during(lab.pod(1), NEIGHBOUR_V4, Protocol::Tcp, || {
        std::thread::sleep(Duration::from_millis(200));
        lab.node().nft(SNAT)?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(())
    })?;
    let often = |seen: Seen| tally.get(&seen).copied().unwrap_or_default() >= 5;
    ensure!(often(lab.pod(1).v4().into()) && often(load_balancer_v4(2).into()) && tally.len() == 2, "{tally:?}");
    Ok(())
}

fn labs_do_not_see_each_other() -> Result<()> {
    let begun = Instant::now();
    let labs = [Lab::new()?, Lab::new()?];
    labs[0].node().nft(SNAT)?;
    expect(labs[0].seen_from(labs[0].pod(1), OUTSIDE_V4, Protocol::Udp)?, load_balancer_v4(2))?;
    expect(labs[1].seen_from(labs[1].pod(1), OUTSIDE_V4, Protocol::Udp)?, labs[1].pod(1).v4())?;
    ensure!(begun.elapsed() < Duration::from_secs(10), "two labs took {:?}", begun.elapsed());
    Ok(())
}

fn a_thread_returns_from_a_namespace() -> Result<()> {
    let lab = Lab::builder().pods(1).build()?;
    let here = || std::fs::read_link("/proc/thread-self/ns/net");
    let before = here()?;
    let inside = lab.node().namespace.run(here)??;
    ensure!(before == here()? && before != inside, "{before:?}, {inside:?}");
    Ok(())
}

/// The program of `make demo`, a user's first impression of the product.
fn the_demo_prints_the_expected_results() -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_egressd-demo")).output()?;
    let printed = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "expected the demo to end well, {}:\n{printed}", output.status);
    Ok(())
}

fn expect(seen: Seen, expected: impl Into<Seen>) -> Result<()> {
    let expected = expected.into();
    ensure!(seen == expected, "expected {expected}, seen {seen}");
    Ok(())
}
