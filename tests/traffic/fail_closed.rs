//! P12: a guarded pod leaves the cluster with an address that it is translated to, or not at all. The outside host counts
//! every packet by its source, whatever its protocol; beside it stands a masquerade like that of a CNI.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lab::addresses::{NODE_V4, OUTSIDE_V4};
use lab::manifest::{self, Service};
use lab::{Egressd, Flood, Protocol, Seen, fewer};

use crate::changes::expect_exact;
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};

/// How many datagrams each pod sends at least while everything around it changes.
pub(crate) const DATAGRAMS: u32 = 100_000;

/// What the outside host counts: packets of the guarded pod by their source.
const COUNTERS: &str = "
table ip lab_sources {
  set allowed { type ipv4_addr; }
  counter wrong { }
  chain in { type filter hook prerouting priority raw; udp dport 9001-9004 ip saddr != @allowed counter name wrong; }
}";

pub(crate) fn guarded(service: Service) -> Service {
    service.annotation_of("egressd.io", "on-unavailable", "drop")
}

/// With a masquerade like a CNI's, so that what is not translated has the node's address.
pub(crate) fn fixture() -> Result<Fixture> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    fixture.manifests.write(&guarded(web()))?;
    Ok(fixture)
}

pub(crate) fn blocked(egressd: &mut Egressd<'_>, fixture: &Fixture) -> Result<()> {
    let pod = fixture.selected();
    egressd.wait_until("nothing of the pod leaves", || {
        Ok(fixture.lab.seen_from(pod, OUTSIDE_V4, Protocol::Udp)? == Seen::Nothing)
    })
}

/// That no datagram of a flood had another source than these.
pub(crate) fn expect_sources(flood: Flood, allowed: &[IpAddr]) -> Result<()> {
    let seen = flood.end()?;
    let wrong: BTreeSet<&IpAddr> = seen.values().filter(|source| !allowed.contains(source)).collect();
    let count = seen.values().filter(|source| !allowed.contains(source)).count();
    ensure!(count == 0, "{count} of {} datagrams arrived with {wrong:?}", seen.len());
    ensure!(!seen.is_empty(), "nothing arrived");
    Ok(())
}

/// P12, and its neighbours: other pods, and traffic that stays inside.
pub(crate) fn while_the_address_is_elsewhere_nothing_leaves_and_the_cluster_is_reached() -> Result<()> {
    let fixture = fixture()?;
    let (pod, lab) = (fixture.selected(), &fixture.lab);
    let mut egressd = fixture.run_until_translated()?;
    let kept = lab.connect(pod, OUTSIDE_V4)?;
    lab.node().release(WEB_V4, "lo")?;
    blocked(&mut egressd, &fixture)?;
    drop(kept);
    for protocol in Protocol::ALL {
        lab.expect_seen(pod, OUTSIDE_V4, protocol, Seen::Nothing)?;
        lab.expect_seen(pod, lab.pod(2).v4(), protocol, pod.v4())?;
        lab.expect_seen(lab.pod(2), pod.v4(), protocol, lab.pod(2).v4())?;
        lab.expect_seen(fixture.unselected(), OUTSIDE_V4, protocol, NODE_V4)?;
    }
    expect_reported(&fixture)?;
    lab.node().hold(WEB_V4, "lo")?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    fixture.manifests.write(&web())?;
    lab.node().release(WEB_V4, "lo")?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, NODE_V4.into())?;
    ensure!(!lab.node().ruleset()?.contains("egress_guard"), "{}", lab.node().ruleset()?);
    egressd.stop()
}

fn expect_reported(fixture: &Fixture) -> Result<()> {
    let (_, status) = program().status(&fixture.lab, &fixture.manifests, &["-o", "json"])?;
    let status: serde_json::Value = serde_json::from_str(&status).context("the status")?;
    let service = &status["services"][0];
    let codes: Vec<&str> =
        service["findings"].as_array().into_iter().flatten().filter_map(|f| f["code"].as_str()).collect();
    ensure!(codes.contains(&"pods-blocked") && codes.contains(&"held-elsewhere"), "{service}");
    ensure!(service["dropped"].as_u64() >= Some(4), "{service}");
    ensure!(service["guarded"] == serde_json::json!([fixture.selected().v4()]), "{service}");
    Ok(())
}

/// P12 while what concerns the pod changes: the Service, its address, its input, and egressd itself.
pub(crate) fn no_change_of_ours_lets_a_packet_of_a_guarded_pod_leave_with_another_source() -> Result<()> {
    let fixture = fixture()?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    let mut egressd = fixture.run_until_translated()?;
    let flood = fixture.lab.flood(pod, OUTSIDE_V4)?;
    let mut turn = 0;
    while turn < 2 || flood.position() < fewer(DATAGRAMS) {
        fixture.manifests.write(&guarded(manifest::service("web").addresses([OTHER_V4]).egress()))?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, OTHER_V4.into())?;
        let restricted = guarded(web()).annotation("egress-allowed-networks", "172.18.0.0/24");
        fixture.manifests.write(&restricted)?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
        fixture.manifests.write(&guarded(web()).annotation("egress-destination-ports", "tcp:http"))?;
        node.release(WEB_V4, "lo")?;
        blocked(&mut egressd, &fixture)?;
        if turn % 2 == 0 {
            egressd.kill()?;
        } else {
            egressd.stop()?;
        }
        egressd = fixture.run()?;
        egressd.wait_until_log_has("running")?;
        fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, Seen::Nothing)?;
        fixture.manifests.write(&guarded(web()))?;
        node.hold(WEB_V4, "lo")?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
        turn += 1;
    }
    expect_sources(flood, &[WEB_V4, OTHER_V4])?;
    expect_exact(&fixture)?;
    egressd.stop()
}

/// P12 for what connection tracking does not know: NAT never sees it.
pub(crate) fn packets_without_a_connection_do_not_leave_a_guarded_pod() -> Result<()> {
    let fixture = fixture()?;
    let (pod, node) = (fixture.selected(), fixture.lab.node());
    let egressd = fixture.run_until_translated()?;
    fixture.lab.outside().namespace.nft(COUNTERS)?;
    fixture.lab.outside().namespace.nft(&format!("add element ip lab_sources allowed {{ {WEB_V4} }}"))?;
    // What the pod sends from here on is INVALID or has no connection.
    node.nft(
        "table ip lab_untracked {
           chain in { type filter hook prerouting priority -300; udp dport 9001 notrack
           }
         }",
    )?;
    for port in [9001, 9002] {
        let protocol = Protocol::Udp;
        let _ = fixture.lab.seen_from(pod, (OUTSIDE_V4, port), protocol);
    }
    let counted = fixture.lab.outside().namespace.nft_list("counter ip lab_sources wrong")?;
    ensure!(counted.contains("packets 0 "), "{counted}");
    egressd.stop()
}

/// P12 and P4: a new Service whose input is wrong translates nothing. What asks for `drop` is blocked, what does not is
/// as without egress.
pub(crate) fn bad_input_blocks_only_pods_of_services_that_ask_for_it() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.lab.node().masquerade_like_a_cni()?;
    let misspelled = |name: &str| {
        manifest::service(name).addresses([WEB_V4]).egress().annotation("egress-destination-ports", "http")
    };
    fixture.manifests.write(&guarded(misspelled("web")))?;
    fixture.manifests.write(&fixture.web_endpoints())?;
    fixture.manifests.write(&misspelled("other"))?;
    fixture.manifests.write(&manifest::endpoints("other", [fixture.lab.pod(2).v4()]))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("running")?;
    blocked(&mut egressd, &fixture)?;
    fixture.lab.expect_seen(fixture.lab.pod(2), OUTSIDE_V4, Protocol::Tcp, NODE_V4)?;
    egressd.stop()?;
    // The setting holds for both.
    let mut egressd = program().environment("EGRESSD_ON_UNAVAILABLE", "drop").run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, Seen::Nothing)?;
    egressd.stop()
}

/// P12 from the first packet: an address in the node's pod networks that is no known pod's reaches the cluster, and
/// nothing else, over a restart too.
pub(crate) fn an_unknown_pod_leaves_only_once_it_is_known() -> Result<()> {
    let fixture = fixture()?;
    let (lab, stranger) = (&fixture.lab, fixture.unselected());
    let known = |number: u8| manifest::pod("default", &format!("pod-{number}"), [lab.pod(number).v4()]);
    fixture.manifests.write(&known(1))?;
    fixture.manifests.write(&known(2))?;
    let program = program().environment("EGRESSD_UNKNOWN_PODS", "drop");
    let mut egressd = program.run(lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    for turn in 0..2 {
        for protocol in Protocol::ALL {
            lab.expect_seen(stranger, OUTSIDE_V4, protocol, Seen::Nothing)?;
            lab.expect_seen(stranger, lab.pod(2).v4(), protocol, stranger.v4())?;
            lab.expect_seen(lab.pod(2), OUTSIDE_V4, protocol, NODE_V4)?;
        }
        if turn == 0 {
            egressd.kill()?;
            lab.expect_seen(stranger, OUTSIDE_V4, Protocol::Tcp, Seen::Nothing)?;
            egressd = program.run(lab, &fixture.manifests)?;
            egressd.wait_until_log_has("running")?;
        }
    }
    let flood = lab.flood(stranger, OUTSIDE_V4)?;
    flood.wait_until_sent(2_000)?;
    fixture.manifests.write(&known(3))?;
    egressd.wait_until_seen(stranger, OUTSIDE_V4, NODE_V4.into())?;
    expect_sources(flood, &[NODE_V4])?;
    fixture.manifests.remove(&known(3))?;
    egressd.wait_until_seen(stranger, OUTSIDE_V4, Seen::Nothing)?;
    egressd.stop()
}

/// P12: whatever the reason is that nothing is translated, where egress is asked for, by annotation and by the setting.
pub(crate) fn every_reason_not_to_translate_blocks_and_not_asking_does_not() -> Result<()> {
    let fixture = fixture()?;
    let (lab, pod, second) = (&fixture.lab, fixture.selected(), fixture.lab.pod(2));
    let program = program().environment("EGRESSD_LIMIT_SERVICE_ENDPOINTS", "1");
    let setting = program.clone().environment("EGRESSD_ON_UNAVAILABLE", "drop");
    for (program, guarded) in [(&program, guarded as fn(Service) -> Service), (&setting, |service| service)] {
        fixture.manifests.write(&guarded(web()))?;
        fixture.manifests.write(&fixture.web_endpoints())?;
        let mut egressd = program.run(lab, &fixture.manifests)?;
        let reasons: [(&str, Service); 3] = [
            ("no address", manifest::service("web").egress()),
            ("another type", web().of_type("ClusterIP")),
            ("a family that it has no address of", web().annotation("egress-allowed-networks", "2001:db8::/32")),
        ];
        for (reason, service) in reasons {
            egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
            fixture.manifests.write(&guarded(service))?;
            blocked(&mut egressd, &fixture).context(reason)?;
            fixture.manifests.write(&guarded(web()))?;
        }
        egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
        fixture.manifests.write(&manifest::endpoints("web", [pod.v4(), second.v4()]))?;
        egressd.wait_until_seen(second, OUTSIDE_V4, Seen::Nothing)?;
        // A filter alone asks for nothing.
        let alone = manifest::service("web").addresses([WEB_V4]).annotation("egress-destination-ports", "tcp:80");
        fixture.manifests.write(&guarded(alone))?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, NODE_V4.into())?;
        egressd.stop()?;
    }
    Ok(())
}
