//! Beside kube-vip: as a load balancer whose addresses move, and with egress of its own.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use lab::addresses::{MOVING_V4, MOVING_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::manifest::{Service, service};
use lab::neighbours::{KubeVip, KubeVipEgress, Tables};
use lab::{Egressd, Node, Program, Protocol};

use crate::beside::expect_that_it_leaves;
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, expect_only, program};

const MOVING: [IpAddr; 2] = [MOVING_V4, MOVING_V6];
/// The prefix of annotations that kube-vip does not know.
const PREFIX: &str = "egress.example.com";
const UID: &str = "6f0c7e6e-6d3e-4f5c-9a1b-0d9f1f2a3b4c";

/// To the other node and back, by announcements alone: nothing else leads the answers.
pub(crate) fn an_address_that_kube_vip_moves_is_translated_to_where_it_answers() -> Result<()> {
    let fixture = Fixture::on_two_nodes("moving", &moving_service())?;
    let kube_vip = KubeVip::of(&fixture.lab, "moving", &MOVING)?;
    let nodes = fixture.lab.nodes();
    let run = |node| program().run_on(&fixture.lab, node, &fixture.manifests);
    let mut egressds: Vec<Egressd<'_>> = nodes.iter().map(run).collect::<Result<_>>()?;
    for turn in 0..4 {
        let (from, to) = (&nodes[(turn + 1) % 2], &nodes[turn % 2]);
        if turn > 0 {
            kube_vip.remove_from(from)?;
        }
        kube_vip.assign_to(to)?;
        fixture.manifests.write(&moving_service().vip_host(to.name()))?;
        expect_moved(&mut egressds[turn % 2], to, MOVING)?;
        expect_moved(&mut egressds[(turn + 1) % 2], from, [from.pod(1).v4(), from.pod(1).v6()])?;
    }
    egressds.into_iter().try_for_each(Egressd::stop)
}

/// P1, P10: separated by prefix and instance name, in any order of start.
pub(crate) fn its_own_egress_and_ours_translate_each_its_own_service() -> Result<()> {
    let program = with_instance_name().environment("EGRESSD_ANNOTATION_PREFIX", PREFIX);
    let ours = service("web").addresses([WEB_V4]).annotation_of(PREFIX, "egress", "true");

    let first = with_kube_vips_service(&ours)?;
    translate_theirs(&first)?;
    let tables = Tables::of(first.lab.node())?;
    let egressd = expect_each(&first, program.run(&first.lab, &first.manifests)?)?;
    expect_that_it_leaves(&first, egressd, &program, &tables)?;

    let later = with_kube_vips_service(&ours)?;
    let mut egressd = program.run(&later.lab, &later.manifests)?;
    egressd.wait_until_seen(later.selected(), OUTSIDE_V4, WEB_V4.into())?;
    let before = Tables::of(later.lab.node())?;
    translate_theirs(&later)?;
    let tables = Tables::of(later.lab.node())?.without(&before);
    let egressd = expect_each(&later, egressd)?;
    expect_that_it_leaves(&later, egressd, &program, &tables)
}

/// P10: with an instance name and one prefix both act on the same annotation, and stopping either changes no packet of
/// a pod that both translate. Of several pods kube-vip translates one, which is why docs/beside.md recommends a prefix.
pub(crate) fn its_own_egress_and_ours_agree_about_one_service() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (kube_vip, node) = (KubeVipEgress::of(UID), fixture.lab.node());
    let pod = fixture.selected().v4();
    kube_vip.translate(node, pod, WEB_V4)?;
    let seen = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Udp, || {
        let mut egressd = with_instance_name().run(&fixture.lab, &fixture.manifests)?;
        egressd.wait_until_log_has("state=translating")?;
        kube_vip.stop(node, pod)?;
        kube_vip.translate(node, pod, WEB_V4)?;
        egressd.stop()?;
        with_instance_name().clean(&fixture.lab)
    })?;
    expect_only(&seen, WEB_V4)
}

/// P10: with the same names and kube-vip first, egressd does not start, and kube-vip's egress keeps working.
pub(crate) fn its_own_tables_are_refused_and_keep_working() -> Result<()> {
    let fixture = with_kube_vips_service(&crate::fixture::web())?;
    translate_theirs(&fixture)?;
    let tables = Tables::of(fixture.lab.node())?;
    let mut egressd = fixture.run()?;
    ensure!(egressd.ended()? == Some(1), "{}", egressd.circumstances());
    ensure!(egressd.log().contains("cannot use table ip kube_vip_v4"), "{}", egressd.log());
    tables.expect_untouched(fixture.lab.node())?;
    fixture.lab.expect_seen(fixture.lab.pod(2), OUTSIDE_V4, Protocol::Tcp, OTHER_V4)
}

/// P10: with the same names and egressd first, kube-vip cannot write where egressd owns the tables (Linux 6.9 or
/// newer). Without owners it can, as an administrator could; egressd keeps translating its pods.
pub(crate) fn our_tables_are_closed_to_it() -> Result<()> {
    let fixture = with_kube_vips_service(&crate::fixture::web())?;
    let egressd = fixture.run_until_translated()?;
    let owned = fixture.lab.node().namespace.nft_list("table ip kube_vip_v4")?.contains("owner");
    match translate_theirs(&fixture) {
        Ok(()) => ensure!(!owned, "kube-vip wrote to a table that has an owner"),
        Err(error) => ensure!(owned && format!("{error:#}").contains("Operation not permitted"), "{error:#}"),
    }
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    let theirs = fixture.lab.pod(2);
    egressd.expect_seen(theirs, OUTSIDE_V4, Protocol::Tcp, if owned { theirs.v4() } else { OTHER_V4 })?;
    egressd.stop()
}

fn moving_service() -> Service {
    service("moving").addresses(MOVING).egress().egress_ipv6()
}

fn expect_moved(egressd: &mut Egressd<'_>, node: &Node, seen: [IpAddr; 2]) -> Result<()> {
    egressd.wait_until_seen(node.pod(1), OUTSIDE_V4, seen[0].into())?;
    egressd.wait_until_seen(node.pod(1), OUTSIDE_V6, seen[1].into())?;
    egressd.expect_seen(node.pod(1), OUTSIDE_V4, Protocol::Udp, seen[0])?;
    egressd.expect_seen(node.pod(1), OUTSIDE_V6, Protocol::Icmp, seen[1])
}

/// With an instance name, so with other tables than kube-vip's.
fn with_instance_name() -> Program {
    program().environment("instance_name", "egressd")
}

/// A Service of ours in front of pod 1, and kube-vip's `theirs` in front of pod 2.
fn with_kube_vips_service(ours: &Service) -> Result<Fixture> {
    let fixture = Fixture::new()?;
    fixture.manifests.write(ours)?;
    fixture.manifests.write(&fixture.web_endpoints())?;
    fixture.manifests.write(&service("theirs").uid(UID).addresses([OTHER_V4]).egress())?;
    Ok(fixture)
}

fn translate_theirs(fixture: &Fixture) -> Result<()> {
    KubeVipEgress::of(UID).translate(fixture.lab.node(), fixture.lab.pod(2).v4(), OTHER_V4)
}

/// Each pod is seen with the address of its own Service, and on the way to another pod with its own.
fn expect_each<'fixture>(fixture: &Fixture, mut egressd: Egressd<'fixture>) -> Result<Egressd<'fixture>> {
    let [ours, theirs, other] = [1, 2, 3].map(|number| fixture.lab.pod(number));
    egressd.wait_until_seen(ours, OUTSIDE_V4, WEB_V4.into())?;
    for protocol in Protocol::ALL {
        egressd.expect_seen(ours, OUTSIDE_V4, protocol, WEB_V4)?;
        egressd.expect_seen(theirs, OUTSIDE_V4, protocol, OTHER_V4)?;
        egressd.expect_seen(other, OUTSIDE_V4, protocol, other.v4())?;
        egressd.expect_seen(ours, theirs.v4(), protocol, ours.v4())?;
        egressd.expect_seen(theirs, ours.v4(), protocol, theirs.v4())?;
    }
    Ok(egressd)
}
