//! Who is guarded, whatever becomes of the data that it is known by (P12).

use egressd_core::decision::OnUnavailable;
use egressd_core::model::{AskedUnavailable, ClusterFacts, Node, Placement};
use egressd_core::plan::guarded;
use egressd_core::testkit::{context, n};

use super::*;

const POD: &str = "10.0.0.1";

/// `web`, whose pods are guarded.
fn drop_web(action: &str) -> Service {
    let mut service = web(Some(action));
    let annotations = [("kube-vip.io/egress", "true"), (AskedUnavailable::NAME, "drop")];
    service.annotations.extend(annotations.map(|(name, value)| (name.to_owned(), value.to_owned())));
    service
}

fn is_guarded(round: &Round, pod: &str) -> bool {
    guarded(&round.plan).contains_key(&a(pod))
}

fn node(pod_networks: &[&str], addresses: &[&str]) -> Arc<Node> {
    let pod_networks = pod_networks.iter().map(|text| n(text)).collect();
    Arc::new(Node { pod_networks, addresses: addresses.iter().map(|text| a(text)).collect(), ..Node::default() })
}

impl Fixture {
    /// Gives a node this Node, or none.
    fn node(&mut self, name: &str, node: Option<Arc<Node>>) -> Round {
        match node {
            Some(node) => drop(self.snapshot.nodes.insert(name.to_owned(), node)),
            None => drop(self.snapshot.nodes.remove(name)),
        }
        self.look_at([ChangeKey::Cluster])
    }
}

/// Whether packets of pods in `10.0.0.0/24` to private destinations outside of all known networks are held back.
fn holds_private(facts: &ClusterFacts) -> bool {
    !facts.is_excluded(a("192.168.0.1")) && facts.placement(a(POD)) == Placement::Known
}

fn reports_kept_networks(round: &Round) -> bool {
    round.findings.iter().any(|finding| finding.code == "node-networks-kept")
}

/// Catches: private destinations that count as inside for guarded pods because an object is gone.
#[test]
fn the_pod_networks_of_this_node_stay_when_its_node_is_gone_or_lists_none_and_that_is_reported() {
    let mut fixture = Fixture::new();
    let own = context().node;
    fixture.put(drop_web("translate"), &[POD]);
    fixture.node("other", Some(node(&["10.0.1.0/24"], &[])));
    let known = fixture.node(&own, Some(node(&["10.0.0.0/24"], &[])));
    assert!(holds_private(&known.inside) && !reports_kept_networks(&known));
    // The last is too wide to count.
    for lost in [None, Some(node(&[], &[])), None, Some(node(&["10.0.0.0/7"], &[]))] {
        let round = fixture.node(&own, lost);
        assert!(holds_private(&round.inside) && reports_kept_networks(&round));
    }
    let other = fixture.node(&own, Some(node(&["10.0.7.0/24"], &[])));
    assert!(!reports_kept_networks(&other));
    assert_eq!(fixture.pipeline.own_pod_networks(), [n("10.0.7.0/24")]);
}

#[test]
fn the_next_process_goes_on_with_the_pod_networks_of_a_node_that_is_gone() {
    let mut fixture = Fixture::new();
    fixture.pipeline.had_pod_networks(vec![n("10.0.0.0/24")]);
    fixture.node("other", Some(node(&["10.0.1.0/24"], &[])));
    let round = fixture.put(drop_web("translate"), &[POD]);
    assert!(holds_private(&round.inside) && reports_kept_networks(&round));
}

/// Catches: a Node that says that a pod's address is its own, and so lets the pod leave.
#[test]
fn a_pod_whose_address_a_node_lists_is_not_translated_and_stays_guarded() {
    let mut fixture = Fixture::new();
    assert!(is_guarded(&fixture.put(drop_web("translate"), &[POD]), POD));
    let claimed = fixture.node("other", Some(node(&[], &[POD])));
    assert_eq!(claimed.plan.subjects.values().flat_map(|plan| plan.sources()).count(), 0);
    assert!(is_guarded(&claimed, POD));
}

/// Catches: an answer that guards and is not remembered, since it translates nothing.
#[test]
fn the_next_process_guards_what_a_policy_asked_to_guard_though_it_translated_nothing() {
    let mut before = Fixture::new();
    let mut guards = Draft::default();
    guards.on_unavailable = Some(OnUnavailable::Drop);
    before.reload([fixed_policy(Decision::Plan(guards))]);
    let mut service = web(None);
    service.status_addresses.clear();
    assert!(is_guarded(&before.put(service, &[POD]), POD));
    let drafts = before.pipeline.drafts().clone();
    let mut next = Pipeline::new(settings(Owner::Any), BTreeMap::new()).recalling(drafts);
    drop(next.update(&before.snapshot, &[ChangeKey::Cluster].into()));
    drop(next.update(&before.snapshot, &[ChangeKey::Subject(SubjectKey::service("default", "web"))].into()));
    assert!(guarded(&next.arming()).contains_key(&a(POD)));
}

#[test]
fn a_service_that_no_policy_has_answered_about_is_guarded_where_it_asks_for_egress_and_drop() {
    let asking = |service: Service| {
        let mut fixture = Fixture::new();
        let key = service.key.clone();
        SnapshotBuilder::default().service(service, &[POD]).add_to(&mut fixture.snapshot);
        drop(fixture.pipeline.update(&fixture.snapshot, &[ChangeKey::Subject(key)].into()));
        guarded(&fixture.pipeline.arming()).contains_key(&a(POD)) && is_guarded(&fixture.pipeline.round(), POD)
    };
    assert!(asking(drop_web("wait")));
    let without = |name: &str, value: &str| {
        let mut service = drop_web("wait");
        service.annotations.insert(name.to_owned(), value.to_owned());
        service
    };
    assert!(!asking(without(AskedUnavailable::NAME, "pass")));
    assert!(!asking(without("kube-vip.io/egress", "false")));
    assert!(asking(without("kube-vip.io/egress", "ja")));
    assert!(!asking(web(Some("wait"))));
}
