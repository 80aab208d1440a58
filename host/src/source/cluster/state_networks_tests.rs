//! What network plugins and installers say, as it comes and goes.

use egressd_core::model::{ClusterNetworks, Completeness};
use serde_json::{Value, json};

use super::super::super::watched::reading;
use super::*;
use crate::source::kind::NetworkKind;

const POOLS: Kind = Kind::Networks(NetworkKind::CalicoPools);
const FLANNEL: Kind = Kind::Networks(NetworkKind::Flannel);
const CILIUM: Kind = Kind::Networks(NetworkKind::CiliumNodes);

fn pool(of: &str, cidr: &str) -> Value {
    json!({"metadata": {"name": of}, "spec": {"cidr": cidr}})
}

fn flannel(text: &str) -> Value {
    let metadata = json!({"namespace": "kube-flannel", "name": "kube-flannel-cfg"});
    json!({"metadata": metadata, "data": {"net-conf.json": text}})
}

fn argued(of: &str, arguments: &str) -> Value {
    json!({"metadata": {"name": of, "annotations": {"k3s.io/node-args": arguments}}})
}

fn take(state: &mut State, kind: Kind, objects: &[Value]) {
    let readings: Vec<Reading> = objects.iter().map(|object| reading(kind, object)).collect();
    list(state, kind, &readings);
}

/// The known networks, each as `title: pods / services`.
fn networks(state: &State) -> Vec<String> {
    let text = |networks: &[ipnet::IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let line = |(title, networks): (&String, &Arc<ClusterNetworks>)| {
        format!("{title}: {} / {}", text(&networks.pods), text(&networks.services)).trim_end().to_owned()
    };
    state.snapshot.cluster_networks.iter().map(line).collect()
}

#[test]
fn a_pool_comes_and_goes_and_one_that_stays_is_no_news() {
    let mut state = State::of(Kind::FOLLOWED);
    take(&mut state, POOLS, &[pool("a", "10.1.0.0/16"), pool("b", "10.2.0.0/16")]);
    assert_eq!(networks(&state), ["IPPool a: 10.1.0.0/16 /", "IPPool b: 10.2.0.0/16 /"]);
    assert_eq!(keys(&mut state), ["cluster"]);
    state.apply(POOLS, Event::Changed(reading(POOLS, &pool("a", "10.1.0.0/16"))));
    assert_eq!(keys(&mut state), [""; 0]);
    state.apply(POOLS, Event::Gone(name("", "a")));
    assert_eq!((networks(&state), keys(&mut state)), (vec!["IPPool b: 10.2.0.0/16 /".into()], vec!["cluster".into()]));
    take(&mut state, POOLS, &[]);
    assert_eq!((networks(&state), keys(&mut state)), (vec![], vec!["cluster".into()]));
}

#[test]
fn objects_of_one_name_are_distinguished_by_kind() {
    let mut state = State::of(Kind::FOLLOWED);
    let node = json!({"metadata": {"name": "a"}, "spec": {"ipam": {"podCIDRs": ["10.3.0.0/24"]}}});
    take(&mut state, CILIUM, &[node]);
    take(&mut state, POOLS, &[pool("a", "10.1.0.0/16")]);
    take(&mut state, CILIUM, &[]);
    assert_eq!(networks(&state), ["IPPool a: 10.1.0.0/16 /"]);
}

#[test]
fn what_cannot_be_read_shrinks_nothing_that_is_inside() {
    let mut state = State::of(Kind::FOLLOWED);
    take(&mut state, FLANNEL, &[flannel(r#"{"Network": "10.244.0.0/16", "IPv6Network": "fd00::/56"}"#)]);
    let expected = ["ConfigMap kube-flannel/kube-flannel-cfg: 10.244.0.0/16 fd00::/56 /"];
    for text in ["{", r#"{"Network": "10.244.0.0", "IPv6Network": "fd00::/56"}"#] {
        take(&mut state, FLANNEL, &[flannel(text)]);
        let mut known = networks(&state);
        known.iter_mut().for_each(|line| *line = line.replace("fd00::/56 10.244.0.0/16", "10.244.0.0/16 fd00::/56"));
        assert_eq!((known, state.findings().len()), (expected.map(str::to_owned).to_vec(), 1), "{text}");
    }
    take(&mut state, FLANNEL, &[flannel(r#"{"Network": "10.244.0.0/16"}"#)]);
    assert_eq!(networks(&state), ["ConfigMap kube-flannel/kube-flannel-cfg: 10.244.0.0/16 /"]);
    assert_eq!(state.findings(), []);
}

#[test]
fn text_of_a_config_map_that_means_nothing_is_named_and_what_stays() {
    let mut state = State::of(Kind::FOLLOWED);
    take(&mut state, FLANNEL, &[flannel(r#"{"Network": "10.244.0.0/16"}"#)]);
    take(&mut state, FLANNEL, &[flannel("{")]);
    assert_eq!(
        state.findings()[0].message,
        "configmaps: kube-flannel/kube-flannel-cfg cannot be read: data.net-conf.json \"{\" is not a JSON object, \
         flannel's settings; its last good state stays in force"
    );
}

#[test]
fn the_arguments_of_a_node_come_and_go_with_it() {
    let mut state = State::of(Kind::FOLLOWED);
    let arguments = r#"["server", "--cluster-cidr=10.42.0.0/16", "--service-cidr", "10.43.0.0/16"]"#;
    take(&mut state, Kind::Nodes, &[argued("server-1", arguments), argued("agent-1", r#"["agent"]"#)]);
    let server = "Node server-1 (k3s.io/node-args): 10.42.0.0/16 / 10.43.0.0/16";
    assert_eq!((networks(&state), keys(&mut state)), (vec![server.to_owned()], vec!["cluster".to_owned()]));
    state.apply(Kind::Nodes, Event::Changed(reading(Kind::Nodes, &argued("server-1", "["))));
    assert_eq!((networks(&state), keys(&mut state)), (vec![server.to_owned()], vec![]));
    state.apply(Kind::Nodes, Event::Changed(reading(Kind::Nodes, &argued("server-1", "[]"))));
    assert_eq!((networks(&state), keys(&mut state)), (vec![], vec!["cluster".to_owned()]));
    state.apply(Kind::Nodes, Event::Changed(reading(Kind::Nodes, &argued("server-1", arguments))));
    state.apply(Kind::Nodes, Event::Gone(name("", "server-1")));
    assert_eq!(networks(&state), [""; 0]);
}

/// However often a part of it cannot be read, one node declares no more than its share.
#[test]
fn what_an_agent_keeps_is_bounded_too() {
    let mut state = State::of(Kind::FOLLOWED);
    for round in 0..9 {
        let networks: Vec<String> = (0..15).map(|number| format!("10.{round}.{number}.0/24")).collect();
        let networks = networks.into_iter().chain(["nowhere".to_owned()]).collect::<Vec<_>>();
        take(&mut state, CILIUM, &[json!({"metadata": {"name": "a"}, "spec": {"ipam": {"podCIDRs": networks}}})]);
        // Its content and, as long as that is invalid in part, as much of its earlier content.
        assert!(state.snapshot.cluster_networks["CiliumNode a"].pods.len() <= 32, "{round}");
    }
}

#[test]
fn what_was_never_read_is_known_to_be_there_until_it_is() {
    for (kind, bad, good) in [
        (POOLS, pool("a", "nowhere"), pool("a", "10.1.0.0/16")),
        (FLANNEL, flannel("{"), flannel(r#"{"Network": "10.1.0.0/16"}"#)),
        (FLANNEL, flannel(r#"{"Network": "nowhere"}"#), flannel(r#"{"Network": "10.1.0.0/16"}"#)),
        (Kind::Nodes, argued("a", "["), argued("a", "[\"--cluster-cidr=10.1.0.0/16\"]")),
    ] {
        let mut state = State::of(Kind::FOLLOWED);
        let known = |state: &State| {
            let known = state.snapshot.cluster_networks.values();
            known.map(|known| (known.pods.len(), known.completeness)).collect::<Vec<_>>()
        };
        take(&mut state, kind, std::slice::from_ref(&bad));
        assert_eq!((known(&state), keys(&mut state)), (vec![(0, Completeness::Partial)], vec!["cluster".to_owned()]));
        take(&mut state, kind, &[good]);
        assert_eq!(known(&state), [(1, Completeness::Whole)]);
        take(&mut state, kind, std::slice::from_ref(&bad));
        assert_eq!(known(&state), [(1, Completeness::Whole)], "its last good state says all");
        take(&mut state, kind, &[]);
        assert_eq!(known(&state), []);
    }
}

/// An installation without the rights, or without such kinds, has everything else.
#[test]
fn kinds_that_are_not_there_or_may_not_be_read_are_not_waited_for() {
    let mut state = State::of(Kind::FOLLOWED);
    Kind::FOLLOWED
        .into_iter()
        .filter(|kind| !matches!(kind, Kind::Networks(_)))
        .for_each(|kind| list(&mut state, kind, &[]));
    assert!(!state.is_complete());
    Kind::FOLLOWED.into_iter().for_each(|kind| state.forgo(kind));
    assert!(state.is_complete());
}

/// Rights that are withdrawn, or a watch that breaks, take nothing away.
#[test]
fn what_may_not_be_read_any_more_stays_inside() {
    let mut state = State::of(Kind::FOLLOWED);
    take(&mut state, POOLS, &[pool("a", "10.1.0.0/16")]);
    state.interrupted(POOLS);
    state.forgo(POOLS);
    assert_eq!(networks(&state), ["IPPool a: 10.1.0.0/16 /"]);
    let mut next = start::restarted(&state);
    assert_eq!(networks(&next), [""; 0]);
    next.forgo(POOLS);
    assert_eq!(
        (networks(&next), keys(&mut next)),
        (networks(&state), vec!["cluster".to_owned()]),
        "over a restart too"
    );
    take(&mut next, POOLS, &[]);
    assert_eq!(networks(&next), [""; 0]);
}
