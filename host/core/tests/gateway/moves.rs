//! What goes from this node to another or back, and what is open meanwhile.

use std::net::IpAddr;

use egressd_core::diff::diff;
use egressd_core::net::{Family, Protocol};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::ruleset::{Direction, Point, Ruleset, State};
use egressd_core::testkit::{
    AddressPlace, Connection, FakeKernel, Hop, Journey, Packet, PathEnd, SourcePort, TestNode, TwoNodes, Universe, a,
    facts, follow, rule, service, tunnel_routes,
};
use proptest::prelude::*;

use super::walk::{Moment, Outcome, Scene, device, ruleset};
use super::{packets, two_nodes};

/// Both nodes, and what the first one goes through while the other stays as it is.
struct Move {
    before: TwoNodes,
    after: TwoNodes,
    other: Ruleset,
}

impl Move {
    /// The other node is ready before pods are sent there, and forgets after that.
    fn new(before: TwoNodes, after: TwoNodes, leads_away: bool) -> Self {
        let other = ruleset(&(if leads_away { &after } else { &before }).on(TestNode::Second));
        Self { before, after, other }
    }

    fn scene(&self, first: &Ruleset) -> Scene {
        Scene::between(&self.before, &self.after, [first, &self.other])
    }

    /// What becomes of a packet of the first node at every moment.
    fn outcomes(&self, packet: &Packet) -> Vec<Outcome> {
        let [old, new] = [&self.before, &self.after].map(|nodes| ruleset(&nodes.on(TestNode::First)));
        let mut kernel = FakeKernel { ruleset: old.clone(), generation: 0 };
        let mut outcomes = Vec::new();
        for batch in diff(&old, &new).batches() {
            let before = self.scene(&kernel.ruleset);
            kernel.commit(batch).expect("a change the kernel takes");
            let later = &self.scene(&kernel.ruleset);
            let moments = (0..24).map(|look_ups| Moment { later, look_ups });
            outcomes.extend(moments.map(|moment| before.walk(&self.before, packet, Some(moment)).outcome));
            outcomes.push(later.walk(&self.before, packet, None).outcome);
        }
        outcomes
    }
}

/// A plan of one rule without conditions.
pub(crate) fn plain(pod: &str, address: &str) -> Plan {
    let service = service("web", &[]);
    let planned = SubjectPlan {
        uid: service.uid,
        created: 1,
        rules: vec![rule([a(pod)], a(address))].into(),
        foreign: Default::default(),
        on_change: Default::default(),
        guarded: [a(pod)].into_iter().collect(),
    };
    let guarded = [Family::Ipv4].into();
    Plan { excluded: facts().excluded, subjects: [(service.key, planned)].into(), guarded, ..Plan::default() }
}

/// The same without a guard.
pub(crate) fn unguarded(mut plan: Plan) -> Plan {
    plan.subjects.values_mut().for_each(|subject| subject.guarded = Default::default());
    Plan { guarded: Default::default(), ..plan }
}

pub(crate) const POD: &str = "10.0.0.1";
pub(crate) const HERE: &str = "11.0.0.0";
pub(crate) const THERE: &str = "11.0.0.1";
/// The mark of connections that leave with the second.
pub(crate) const TO_THERE: u32 = 0x1002;

/// One address on each node.
pub(crate) fn nodes(plan: Plan) -> TwoNodes {
    let places = [(HERE, TestNode::First), (THERE, TestNode::Second)];
    TwoNodes::new(&Universe::on_paper(), plan, places.map(|(text, node)| (a(text), AddressPlace::On(node))).into())
}

pub(super) fn packet() -> Packet {
    Packet::new(a(POD), a("192.0.2.1")).port(Protocol::Tcp, 80)
}

/// A packet of an open connection of the pod on the first node.
pub(crate) fn open(nodes: &TwoNodes, translated: IpAddr, mark: u32) -> PathEnd {
    let plan = nodes.on(TestNode::First);
    let (packet, out) = (packet(), Hop::Device(device("eth0")));
    let connection = Connection {
        state: State::Established,
        direction: Direction::Original,
        mark,
        original: (packet.source, packet.destination),
        reply: (packet.destination, translated),
        source_port: SourcePort::Own,
    };
    let routes = tunnel_routes(&[plan.tunnel.as_ref().expect("a tunnel")], Family::Ipv4, out);
    let own = [TestNode::First.end(Family::Ipv4), a(HERE)].into();
    let journey = Journey { connection, routes, own, ..Journey::new(packet, out).by(device("veth0")) };
    follow(&ruleset(&plan), &journey).fate
}

#[test]
fn a_guarded_pod_that_goes_to_an_address_of_another_node_or_back_is_never_lost() {
    let [here, there] = [HERE, THERE].map(|address| nodes(plain(POD, address)));
    let right = [Outcome::Left(TestNode::First, a(HERE)), Outcome::Left(TestNode::Second, a(THERE))];
    for (before, after, leads_away) in [(&here, &there, true), (&there, &here, false)] {
        let outcomes = Move::new(before.clone(), after.clone(), leads_away).outcomes(&packet());
        assert!(outcomes.iter().all(|outcome| right.contains(outcome)), "{outcomes:?}");
        assert!(right.iter().all(|one| outcomes.contains(one)), "{outcomes:?}");
    }
}

#[test]
fn an_open_connection_ends_when_it_is_diverted_no_more_and_goes_on_as_it_was_when_it_is_from_now_on() {
    let [here, there] = [HERE, THERE].map(|address| nodes(unguarded(plain(POD, address))));
    let dropped = PathEnd::Dropped(Point::Postrouting);
    assert_eq!(open(&here, a(POD), TO_THERE), dropped);
    assert_eq!(open(&there, a(POD), TO_THERE), PathEnd::Left(device("egressd0")));
    let masqueraded = TestNode::First.end(Family::Ipv4);
    assert_eq!(open(&there, masqueraded, 0), PathEnd::Left(device("eth0")));
    assert_eq!(open(&there, a(THERE), 0), dropped, "another node holds the address now");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 30 } else { 300 }))]

    /// P17, as far as rules go.
    #[test]
    fn while_an_address_goes_to_another_node_or_back_no_packet_is_lost(
        nodes in two_nodes(),
        number in 0..8usize,
        leads_away in any::<bool>(),
    ) {
        let address = nodes.places.keys().copied().nth(number).expect("an address");
        let here = nodes.moved(address, AddressPlace::On(TestNode::First));
        let there = nodes.moved(address, AddressPlace::On(TestNode::Second));
        let (before, after) = if leads_away { (here, there) } else { (there, here) };
        let moving = Move::new(before, after, leads_away);
        let is_of_it = |packet: &Packet| {
            let promised = moving.before.promised(packet).is_some_and(|(to, _)| to == address);
            promised && moving.before.node_of(packet.source) == TestNode::First
        };
        for packet in packets().into_iter().filter(is_of_it).take(12) {
            let right = TestNode::BOTH.map(|node| Outcome::Left(node, address));
            for outcome in moving.outcomes(&packet) {
                prop_assert!(right.contains(&outcome), "{:?} {:?}\n{}", packet, outcome, moving.before.plan);
            }
        }
    }
}
