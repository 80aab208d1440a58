//! Leases come another way than the rest, and are handed over with the Services that they are of.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::model::{
    AnnotationPrefix, ChangeKey, Interest, Labels, Lease, LeaseTerm, NamedNode, ObjectReference, SubjectKey,
};
use serde_json::json;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::sleep;

use super::super::event::{Content, Event, Reading};
use super::super::handover::{SnapshotReceiver, Update, handover};
use super::super::leases::{LeaseReport, Wanted};
use super::super::state::tests::{namespace, service};
use super::super::watched::reading;
use super::*;
use crate::source::documents::Object;
use crate::source::kind::ClaimKind;

/// What is followed, and both ends of a source that gathers.
struct Source {
    news: Sender<FollowerEvent>,
    receiver: SnapshotReceiver,
    wanted: Wanted,
}

impl Source {
    /// With a Service that asks for egress; nothing was reported of its Lease yet.
    async fn listed() -> Self {
        let ((sender, receiver), (news, followed)) = (handover(), channel(MAX_EVENTS));
        receiver.ask(Interest::of_host(&AnnotationPrefix::default()));
        let (leases, wanted) = Leases::new(sender.asked());
        let state = State::of([Kind::Services, Kind::Namespaces, Kind::Policies]);
        tokio::spawn(gather(followed, Gathered::new(state, Some(leases)), sender, None));
        let source = Self { news, receiver, wanted };
        source.list(Kind::Namespaces, namespace("shop", "l")).await;
        source.list(Kind::Services, asking("web")).await;
        for event in [Event::Begin, Event::Complete] {
            source.send(FollowerEvent::Event(Kind::Policies, event)).await;
        }
        source.follows("web").await;
        source
    }

    async fn begun() -> Self {
        let source = Self::listed().await;
        source.report("web", held_by("node-a")).await;
        source.receiver.next().await;
        source
    }

    async fn list(&self, kind: Kind, reading: Reading) {
        for event in [Event::Begin, Event::Listed(reading), Event::Complete] {
            self.send(FollowerEvent::Event(kind, event)).await;
        }
    }

    async fn send(&self, news: FollowerEvent) {
        self.news.send(news).await.expect("it is followed");
    }

    async fn report(&self, service: &str, report: LeaseReport) {
        self.send(FollowerEvent::Lease(lease_of(service), report)).await;
    }

    /// Ends when the Lease of a Service is followed: nothing is reported of it before.
    async fn follows(&self, service: &str) {
        let is_followed = |names: &Arc<BTreeMap<ObjectReference, u64>>| names.contains_key(&lease_of(service));
        self.wanted.clone().wait_for(is_followed).await.expect("it is gathered");
    }
}

fn lease_of(service: &str) -> ObjectReference {
    ObjectReference::new("kube-system", format!("cilium-l2announce-shop-{service}"))
}

fn asking(name: &str) -> Reading {
    let Reading { content: Content::Object(Object::Service(mut one)), name, uid, faults } = service(name, "1") else {
        panic!("it is a Service")
    };
    Arc::make_mut(&mut one).annotations = Labels::from([("kube-vip.io/egress", "true")]);
    Reading { content: Content::Object(Object::Service(one)), name, uid, faults }
}

/// One that has a label alone, which none reads at first.
fn labelled(name: &str) -> Reading {
    let Reading { content: Content::Object(Object::Service(mut one)), name, uid, faults } = service(name, "1") else {
        panic!("it is a Service")
    };
    Arc::make_mut(&mut one).labels = Labels::from([("tier", "gold")]);
    Reading { content: Content::Object(Object::Service(one)), name, uid, faults }
}

/// The host, and policies that operators let choose by the label of this name.
fn choosing_by(label: &str) -> Interest {
    Interest::of_host(&AnnotationPrefix::default()).choosing_by([label])
}

fn held_by(node: &str) -> LeaseReport {
    let lease = Lease { named: NamedNode::Node(node.into()), since: None, term: LeaseTerm::Running };
    LeaseReport { lease: Some(Arc::new(lease)), ..LeaseReport::default() }
}

fn named(update: &Update, service: &str) -> Option<NamedNode> {
    Some(update.snapshot.announced.leases.get(&lease_of(service))?.named.clone())
}

#[tokio::test(start_paused = true)]
async fn the_first_state_has_the_leases_of_its_services() {
    let source = Source::listed().await;
    sleep(NAMESPACE_TIMEOUT * 100).await;
    let mut taken = Box::pin(source.receiver.next());
    assert!(timeout_at(clock::now(), &mut taken).await.is_err(), "nothing is handed over before");
    source.report("web", held_by("node-a")).await;
    assert_eq!(named(&taken.await, "web"), Some(NamedNode::Node("node-a".into())));
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_its_lease_and_not_for_long() {
    let source = Source::begun().await;
    let begun = clock::now();
    source.send(FollowerEvent::Event(Kind::Services, Event::Changed(asking("dns")))).await;
    source.follows("dns").await;
    sleep(NAMESPACE_TIMEOUT / 2).await;
    source.report("dns", LeaseReport::default()).await;
    let update = source.receiver.next().await;
    assert_eq!((clock::since(begun), named(&update, "dns")), (NAMESPACE_TIMEOUT / 2, None), "it is not there");
    source.send(FollowerEvent::Event(Kind::Services, Event::Changed(asking("mail")))).await;
    let update = source.receiver.next().await;
    assert_eq!(clock::since(begun), NAMESPACE_TIMEOUT / 2 + NAMESPACE_TIMEOUT);
    assert_eq!(named(&update, "mail"), Some(NamedNode::NotRead), "it may name any node");
    source.report("mail", held_by("node-b")).await;
    assert_eq!(named(&source.receiver.next().await, "mail"), Some(NamedNode::Node("node-b".into())));
}

#[tokio::test(start_paused = true)]
async fn what_a_lease_means_concerns_no_service_as_such_and_the_same_again_nothing() {
    let source = Source::begun().await;
    source.report("web", held_by("node-b")).await;
    assert_eq!(source.receiver.next().await.keys.into_iter().collect::<Vec<_>>(), [ChangeKey::Announced]);
    source.report("web", held_by("node-b")).await;
    source.report("dns", held_by("node-b")).await;
    source.send(FollowerEvent::Event(Kind::Namespaces, Event::Changed(namespace("other", "l")))).await;
    let update = source.receiver.next().await;
    assert_eq!(update.keys.iter().collect::<Vec<_>>(), [&ChangeKey::Namespace("other".to_owned())]);
    assert_eq!(named(&update, "dns"), None, "of one that is not followed");
}

#[tokio::test(start_paused = true)]
async fn with_its_service_a_lease_goes() {
    let source = Source::begun().await;
    source.send(FollowerEvent::Event(Kind::Services, Event::Gone(ObjectReference::new("shop", "web")))).await;
    let update = source.receiver.next().await;
    let gone: Vec<ChangeKey> = vec![ChangeKey::Subject(SubjectKey::service("shop", "web")), ChangeKey::Announced];
    assert_eq!(update.keys, gone.into_iter().collect());
    assert!(update.snapshot.announced.is_empty() && source.wanted.borrow().is_empty());
}

/// MetalLB's, which are followed as every other kind is.
#[test]
fn claims_whose_right_is_withdrawn_go_on_to_count_and_one_finding_reports_it() {
    let kind = Kind::Claims(ClaimKind::L2Statuses);
    let mut gathered = Gathered::new(State::of([kind]), None);
    gathered.apply([FollowerEvent::Forgone(kind)]);
    assert!(gathered.findings().is_empty(), "a right that was never there is for a component that is not there");
    let status = json!({
        "metadata": {"namespace": "metallb-system", "name": "l2-x"},
        "status": {"serviceName": "web", "serviceNamespace": "shop", "node": "node-a"},
    });
    let listed = [Event::Begin, Event::Listed(reading(kind, &status)), Event::Complete];
    gathered.apply(listed.map(|event| FollowerEvent::Event(kind, event)));
    gathered.apply([FollowerEvent::Forgone(kind), FollowerEvent::Forgone(kind)]);
    let findings = gathered.findings();
    let is_it =
        |finding: &Finding| finding.code == "api-server-forbids" && finding.message.as_str().contains("still count");
    assert!(findings.len() == 1 && findings.iter().all(is_it), "{findings:?}");
    assert!(!gathered.state.snapshot().announced.is_empty());
    gathered.apply([FollowerEvent::Works(kind)]);
    assert!(gathered.findings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn when_policies_read_more_the_leases_of_services_that_ask_by_it_are_followed_before_they_are_asked() {
    let source = Source::begun().await;
    source.send(FollowerEvent::Event(Kind::Services, Event::Changed(labelled("dns")))).await;
    let before = source.receiver.next().await;
    assert!(!before.coverage.has(&choosing_by("tier")) && named(&before, "dns").is_none());
    source.receiver.ask(choosing_by("tier"));
    timeout_at(clock::now() + NAMESPACE_TIMEOUT, source.follows("dns")).await.expect("it waits for no other news");
    let update = source.receiver.next().await;
    assert!(update.coverage.has(&choosing_by("tier")));
    assert_eq!(named(&update, "dns"), Some(NamedNode::NotRead), "it may name any node");
    source.report("dns", held_by("node-b")).await;
    assert_eq!(named(&source.receiver.next().await, "dns"), Some(NamedNode::Node("node-b".into())));
}

#[tokio::test(start_paused = true)]
async fn policies_by_which_no_other_service_asks_wait_for_nothing() {
    let source = Source::begun().await;
    let begun = clock::now();
    source.receiver.ask(choosing_by("tier"));
    let update = source.receiver.next().await;
    assert!(update.coverage.has(&choosing_by("tier")) && update.keys.is_empty());
    assert_eq!(clock::since(begun), std::time::Duration::ZERO);
    for interest in [choosing_by("tier").choosing_by(["stage"]), choosing_by("tier")] {
        source.receiver.ask(interest);
    }
    assert!(source.receiver.next().await.coverage.has(&choosing_by("tier")), "the same as before, and handed over");
}
