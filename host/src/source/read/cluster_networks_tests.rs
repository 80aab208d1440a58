#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;
use crate::source::documents::Object;
use crate::source::read::{Reading, read};

/// What an object says: the networks of pods, of Services, and what is left out.
fn reported(kind: NetworkKind, object: &Value) -> (Vec<String>, Vec<String>, Vec<String>) {
    let Reading { object, faults } = read(Kind::Networks(kind), object, None).unwrap();
    let Some(Object::Networks(_, networks)) = object else { panic!("{object:?}") };
    texts(&networks, &faults)
}

fn texts(networks: &ClusterNetworks, faults: &[Fault]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let texts = |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect();
    (texts(&networks.pods), texts(&networks.services), faults.iter().map(ToString::to_string).collect())
}

fn refusal(kind: NetworkKind, object: &Value) -> String {
    read(Kind::Networks(kind), object, None).unwrap_err().to_string()
}

fn pool(spec: &Value) -> Value {
    json!({"metadata": {"name": "pool"}, "spec": spec})
}

fn config(key: &str, text: &str) -> Value {
    json!({"metadata": {"name": "config"}, "data": {key: text}})
}

fn pods_of(kind: NetworkKind, object: &Value) -> Vec<String> {
    let (pods, services, faults) = reported(kind, object);
    assert!(services.is_empty() && faults.is_empty(), "{services:?} {faults:?}");
    pods
}

#[test]
fn pods_live_in_every_pool_but_those_of_services_alone() {
    let pods_for = |spec| pods_of(NetworkKind::CalicoPools, &pool(&spec));
    assert_eq!(pods_for(json!({"cidr": "192.168.0.0/16"})), ["192.168.0.0/16"]);
    assert_eq!(pods_for(json!({"cidr": "fd00::/48", "disabled": true})), ["fd00::/48"]);
    assert_eq!(pods_for(json!({"cidr": "192.0.2.0/24", "allowedUses": ["LoadBalancer"]})), [""; 0]);
    assert_eq!(
        pods_for(json!({"cidr": "192.0.2.0/24", "allowedUses": ["LoadBalancer", "Workload"]})),
        ["192.0.2.0/24"]
    );
    assert_eq!(pods_for(json!({"cidr": "192.0.2.0/24", "allowedUses": []})), ["192.0.2.0/24"]);
}

#[test]
fn a_pool_without_a_network_is_unreadable() {
    assert_eq!(
        refusal(NetworkKind::CalicoPools, &pool(&json!({"cidr": null}))),
        "spec.cidr null is not a network like 10.244.0.0/16"
    );
}

#[test]
fn a_pool_of_cilium_has_networks_of_both_families() {
    let spec = json!({"ipv4": {"cidrs": ["10.10.0.0/16", "10"]}, "ipv6": {"cidrs": ["fd00::/104"]}});
    let (pods, _, faults) = reported(NetworkKind::CiliumPools, &pool(&spec));
    assert_eq!(pods, ["10.10.0.0/16", "fd00::/104"]);
    assert_eq!(faults, ["spec.ipv4.cidrs[1] \"10\" is not a network like 10.244.1.0/24"]);
}

#[test]
fn what_the_agent_of_a_node_says_counts_within_bounds() {
    let networks: Vec<String> = (0..18).map(|number| format!("10.{number}.0.0/24")).collect();
    let (pods, _, faults) = reported(NetworkKind::CiliumNodes, &pool(&json!({"ipam": {"podCIDRs": networks}})));
    assert_eq!(pods, networks[..16]);
    let expected =
        "spec.ipam.podCIDRs[16] \"10.16.0.0/24\" is not one of the first 16 networks, which alone count of a node";
    assert_eq!(faults, [expected]);
    let wide = json!({"ipam": {"podCIDRs": ["0.0.0.0/7", "10.0.0.0/8", "::/15", "fd00::/16"]}});
    let (pods, _, faults) = reported(NetworkKind::CiliumNodes, &pool(&wide));
    assert_eq!((pods, faults.len()), (vec!["10.0.0.0/8".to_owned(), "fd00::/16".to_owned()], 2));
}

#[test]
fn flannel_says_one_network_of_each_family() {
    let text = r#"{"Network": "10.244.0.0/16", "EnableIPv6": false, "IPv6Network": "fd00::/56"}"#;
    let pods_for = |text| reported(NetworkKind::Flannel, &config("net-conf.json", text));
    assert_eq!(pods_for(text).0, ["10.244.0.0/16", "fd00::/56"]);
    let (pods, _, faults) = pods_for(r#"{"Network": "0.0.0.0/0", "IPv6Network": "fd00::/56"}"#);
    assert_eq!(pods, ["fd00::/56"]);
    assert!(faults[0].starts_with("data.net-conf.json.Network \"0.0.0.0/0\" is not narrow enough"), "{faults:?}");
}

#[test]
fn kubeadm_says_networks_of_pods_and_of_services() {
    let pods_for = |text| reported(NetworkKind::Kubeadm, &config("ClusterConfiguration", text));
    let (pods, services, faults) =
        pods_for("networking:\n  podSubnet: 10.244.0.0/16, fd00::/56\n  serviceSubnet: 10.96.0.0/16,nowhere\n");
    assert_eq!((pods, services), (vec!["10.244.0.0/16".into(), "fd00::/56".into()], vec!["10.96.0.0/16".into()]));
    let expected = "data.ClusterConfiguration.networking.serviceSubnet \"nowhere\" is not a network like 10.96.0.0/12";
    assert_eq!(faults, [expected]);
    assert_eq!(pods_for("networking: {dnsDomain: cluster.local}").0, [""; 0]);
    assert_eq!(pods_for("kind: ClusterConfiguration").0, [""; 0]);
}

#[test]
fn text_in_a_config_map_that_means_nothing_makes_it_unreadable() {
    for text in ["", "{", "[]", "null", "7", "a: [b"] {
        for (kind, key) in [(NetworkKind::Flannel, "net-conf.json"), (NetworkKind::Kubeadm, "ClusterConfiguration")] {
            let why = refusal(kind, &config(key, text));
            assert!(why.starts_with(&format!("data.{key} ")), "{why}");
        }
    }
    let why = refusal(NetworkKind::OlderFlannel, &config("other", ""));
    assert_eq!(why, "data.net-conf.json null is not a JSON object, flannel's settings");
}

/// What the arguments of a Node's installer say.
fn argued(annotation: &str, arguments: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let object = json!({"metadata": {"name": "a", "annotations": {annotation: arguments}}});
    let mut faults = Vec::new();
    let arguments = super::arguments(&Field::root(&object), &mut faults);
    texts(arguments.get(annotation).map_or(&ClusterNetworks::default(), |networks| networks), &faults)
}

#[test]
fn the_arguments_of_k3s_and_rke2_name_networks_in_either_spelling() {
    let arguments = r#"["server", "--cluster-cidr", "10.42.0.0/16,fd42::/56", "--service-cidr=10.43.0.0/16",
                        "--cluster-cidr=10.44.0.0/16", "--cluster-cidr-x", "10.45.0.0/16", 7]"#;
    for annotation in ANNOTATIONS {
        let (pods, services, faults) = argued(annotation, arguments);
        assert_eq!(pods, ["10.42.0.0/16", "fd42::/56", "10.44.0.0/16"]);
        assert_eq!((services, faults), (vec!["10.43.0.0/16".to_owned()], vec![]));
    }
    assert_eq!(argued("k3s.io/node-args", r#"["agent", "--cluster-cidr"]"#), Default::default());
}

#[test]
fn arguments_that_cannot_be_read_are_named_and_cost_themselves() {
    let (pods, _, faults) = argued("k3s.io/node-args", r#"["--cluster-cidr=10.42.0.0/16,0.0.0.0/0"]"#);
    assert_eq!(pods, ["10.42.0.0/16"]);
    assert!(faults[0].starts_with("metadata.annotations.k3s.io/node-args \"0.0.0.0/0\" is not narrow"), "{faults:?}");
    let (_, _, faults) = argued("rke2.io/node-args", "server --cluster-cidr=10.42.0.0/16");
    assert!(faults[0].ends_with("is not a JSON list of arguments"), "{faults:?}");
}
