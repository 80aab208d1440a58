//! What load balancers write about the nodes that announce addresses.

use std::sync::Arc;

use egressd_core::model::{ChangeKey, L2Status, Lease, LeaseTerm, NamedNode, ObjectReference, Service, UnixTime};
use egressd_core::pipeline::Question;
use egressd_core::placement::{cilium_lease, kube_vip_lease, services_lease};
use egressd_core::testkit::service;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::events::{LeaseOf, NODES, OfAnnounced, SERVICES};
use crate::node::Node;
use crate::objects::key;

pub(crate) fn announced() -> impl Strategy<Value = OfAnnounced> {
    let who = || 0..SERVICES.len();
    let whose = prop_oneof![
        3 => who().prop_map(LeaseOf::Cilium),
        3 => who().prop_map(LeaseOf::KubeVip),
        1 => Just(LeaseOf::All),
    ];
    let term = select(vec![LeaseTerm::Running, LeaseTerm::Running, LeaseTerm::Ended]);
    prop_oneof![
        4 => (who(), select(vec!["l2-a", "l2-b"]), of((named(), 0..3_i64)))
            .prop_map(|(who, name, status)| OfAnnounced::Status(who, name, status)),
        4 => (whose, of((named(), 0..3_i64, term))).prop_map(|(whose, lease)| OfAnnounced::Lease(whose, lease)),
        1 => select(vec![None, None, Some("ServiceL2Status l2-x"), Some("manifest b.yaml")]).prop_map(OfAnnounced::Unreadable),
    ]
}

fn named() -> impl Strategy<Value = NamedNode> {
    prop_oneof![
        6 => select(NODES.to_vec()).prop_map(|node| NamedNode::Node(node.into())),
        1 => Just(NamedNode::NoNode),
        1 => Just(NamedNode::Unreadable),
        1 => prop_oneof![Just(NamedNode::NotRead), Just(NamedNode::NotFollowed)],
    ]
}

impl Node {
    pub(crate) fn meet_announced(&mut self, event: &OfAnnounced) -> Vec<Question> {
        match event {
            OfAnnounced::Status(who, name, status) => self.put_status(*who, name, status.as_ref()),
            OfAnnounced::Lease(whose, lease) => self.put_lease(*whose, lease.as_ref()),
            OfAnnounced::Unreadable(title) => {
                self.snapshot.announced.unreadable = title.iter().map(|title| Arc::from(*title)).collect();
            }
        }
        self.update([ChangeKey::Announced])
    }

    fn put_status(&mut self, who: usize, name: &'static str, status: Option<&(NamedNode, i64)>) {
        let statuses = &mut self.snapshot.announced.l2_statuses;
        match status {
            Some((named, since)) => {
                let status = L2Status { named: named.clone(), since: Some(UnixTime(*since)) };
                statuses.entry(key(who)).or_default().insert(name, Arc::new(status));
            }
            None => drop(statuses.get_mut(&key(who)).and_then(|statuses| statuses.remove(name))),
        }
    }

    fn put_lease(&mut self, whose: LeaseOf, lease: Option<&(NamedNode, i64, LeaseTerm)>) {
        let leases = &mut self.snapshot.announced.leases;
        match lease {
            Some((named, since, term)) => {
                let lease = Lease { named: named.clone(), since: Some(UnixTime(*since)), term: *term };
                leases.insert(called(whose), Arc::new(lease));
            }
            None => drop(leases.remove(&called(whose))),
        }
    }
}

fn called(whose: LeaseOf) -> ObjectReference {
    let of = |who: usize| Service { key: key(who), ..service("any", &[]) };
    let lease = match whose {
        LeaseOf::Cilium(who) => cilium_lease(&of(who)),
        LeaseOf::KubeVip(who) => kube_vip_lease(&of(who)),
        LeaseOf::All => Some(services_lease()),
    };
    lease.expect("it is of a load balancer that takes any class, and shares none with others")
}
