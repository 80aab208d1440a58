//! Manifests that lead to messages about annotations, addresses, endpoints and policies.

use egressd_core::model::AddressTrust;
use egressd_core::owner::{AddressState, Owner};

use crate::mistakes;
use crate::scenario::{Scenario, service, web};

const EGRESS: &str = "kube-vip.io/egress: \"true\"";
const LOAD_BALANCER: &str = "{type: LoadBalancer, externalTrafficPolicy: Local}";
const ADDRESS: &str = "{ip: 192.0.2.10}";

/// All of them.
pub(super) fn all() -> Vec<Scenario> {
    let own = [annotations(), unavailable(), long_lists(), addresses(), holders(), endpoints(), cluster(), policies()];
    mistakes::scenarios().chain(own.into_iter().flatten()).collect()
}

/// Names and values of annotations, beyond the mistakes of a first Service.
fn annotations() -> Vec<Scenario> {
    let beside = |line: &str| Scenario::with(web(&[EGRESS, line]));
    let ports = |value: &str| beside(&format!("kube-vip.io/egress-destination-ports: {value}"));
    let allowed = |value: &str| beside(&format!("kube-vip.io/egress-allowed-networks: {value}"));
    vec![
        ports("'TCP:80,icmp:8,tcp:0,tcp:65536,tcp:90-80,tcp:http,tcp:080,,'"),
        ports("'\"\"'"),
        ports("''"),
        ports("'tcp:80 udp:53'"),
        ports("'443:tcp,tcp:web,udp:dns'"),
        ports("'tcp:80;tcp:443'"),
        allowed("10.0.0.1-10.0.0.9,198.51.100.0/33,198.51.100.0/,internet,::ffff:192.0.2.1"),
        allowed("2001:db8::/32"),
        Scenario::with(web(&[
            EGRESS,
            "kube-vip.io/egress-allowed-networks: 198.51.100.0/24",
            "kube-vip.io/egress-denied-networks: 0.0.0.0/0",
        ])),
        beside("kube-vip.io/egress-ports: tcp:443"),
        beside("kube-vip.io/egress-ipv4: \"true\""),
        beside("kube-vip.io/denied-networks: 192.0.2.0/24"),
        beside("kube-vip.io/allowed-ports: tcp:443"),
        beside("example.org/egress-denied-networks: 192.0.2.0/24"),
        beside("kube-vip.io/ignore: \"yes\""),
        beside("kube-vip.io/Egress-Ports: tcp:443"),
        beside("kubevip.io/egress-destination-ports: tcp:443"),
        Scenario::with(service(
            "  labels: {kube-vip.io/egress-owner: shop}\n  annotations: {kube-vip.io/egress: \"true\"}\n",
            LOAD_BALANCER,
            ADDRESS,
        )),
        Scenario::with(web(&["kube-vip.io/egress-owner: shop"])),
        Scenario::with(web(&["kube-vip.io/egress: \"False\""])),
        beside("kube-vip.io/egress-ipv6: \"no\""),
        beside("kube-vip.io/ignore: \"true\""),
        beside("kube-vip.io/egress-no-internal-traffic: \"false\""),
        beside("kube-vip.io/egress-detect-api-server: \"false\""),
        beside("kube-vip.io/flush-conntrack: \"true\""),
    ]
}

/// What is asked for pods that are not translated.
fn unavailable() -> Vec<Scenario> {
    let asks = |value: &str| Scenario::with(web(&[EGRESS, &format!("egressd.io/on-unavailable: {value}")]));
    let annotated = format!("  annotations: {{{EGRESS}, egressd.io/on-unavailable: drop}}\n");
    let selecting = service(&annotated, "{type: LoadBalancer, selector: {app: web}}", ADDRESS);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, uid: web-1, labels: {app: web}}\n\
               status: {phase: Running, podIPs: [{ip: 10.244.0.7}, {ip: \"fd00:10:244::7\"}]}\n";
    let two_families = Scenario::with([selecting.as_str(), pod].join("---\n"));
    let misspelled = Scenario::with(web(&[EGRESS, "kube-vip.io/on-unavailable: drop"]));
    vec![misspelled, asks("dorp"), asks("drop").set(|settings| settings.owner = Owner::Auto), two_families]
}

/// More items than are read or may be.
fn long_lists() -> Vec<Scenario> {
    let ports = |items: &[String]| {
        let annotation = format!("kube-vip.io/egress-destination-ports: '{}'", items.join(","));
        Scenario::with(web(&[EGRESS, &annotation]))
    };
    let different: Vec<String> = (1..=1_025).map(|port| format!("tcp:{port}")).collect();
    vec![ports(&vec!["443".to_owned(); 20]), ports(&different)]
}

/// The Service's own addresses, and which node has them.
fn addresses() -> Vec<Scenario> {
    let with =
        |ingress: &str| Scenario::with(service(&format!("  annotations: {{{EGRESS}}}\n"), LOAD_BALANCER, ingress));
    let asked = |value: &str| Scenario::with(web(&[EGRESS, &format!("kube-vip.io/loadbalancerIPs: {value}")]));
    let auto = |scenario: Scenario| scenario.set(|settings| settings.owner = Owner::Auto);
    let vip_host = |node: &str| Scenario::with(web(&[EGRESS, &format!("kube-vip.io/vipHost: {node}")]));
    vec![
        with("{hostname: lb.example.org}"),
        asked("lb.example.org"),
        asked("'::'"),
        asked(&vec!["192.0.2.10"; 70].join(",")),
        asked("192.0.2.99").set(|settings| settings.trust = AddressTrust::Status),
        with("{ip: 127.0.0.1}"),
        with("{ip: 10.244.3.3}"),
        Scenario::of(node("node-a", "192.0.2.10")).and(format!("{}---\n{}", web(&[EGRESS]), slice("10.244.0.7"))),
        auto(with(ADDRESS)),
        auto(vip_host("node-b")),
        auto(vip_host("Node-A")).holding("192.0.2.10", AddressState::Usable),
        with(ADDRESS).set(|settings| settings.owner = Owner::VipHost),
        auto(with(ADDRESS)).holding("192.0.2.10", AddressState::Tentative),
        auto(with(ADDRESS)).holding("192.0.2.10", AddressState::Duplicate),
        auto(with("{ip: 192.0.2.10}, {ip: 192.0.2.11}")).holding("192.0.2.11", AddressState::Usable),
    ]
}

/// What load balancers write about the node that announces an address, which is another one, or unclear.
fn holders() -> Vec<Scenario> {
    let beside = |objects: &[String]| {
        let all = [&[web(&[EGRESS])], objects].concat().join("---\n");
        Scenario::with(all).set(|settings| settings.owner = Owner::Auto)
    };
    let status = |name: &str, status: &str| {
        format!(
            "apiVersion: metallb.io/v1beta1\nkind: ServiceL2Status\nmetadata: {{name: {name}, namespace: metallb-system}}\n\
             status: {{serviceName: web, serviceNamespace: default, node: {status}}}\n"
        )
    };
    let lease = |namespace: &str, name: &str| {
        let metadata = format!("metadata: {{name: {name}, namespace: {namespace}}}");
        format!("apiVersion: coordination.k8s.io/v1\nkind: Lease\n{metadata}\nspec: {{holderIdentity: node-b}}\n")
    };
    vec![
        beside(&[status("l2-x", "node-b")]),
        beside(&[status("l2-x", "node-b")]).holding("192.0.2.10", AddressState::Usable),
        beside(&[status("l2-x", "node-a"), status("l2-y", "node-b")]),
        beside(&[status("l2-x", "5")]),
        beside(&[lease("kube-system", "cilium-l2announce-default-web")]),
        of_one_lease(&lease("kube-system", "cilium-l2announce-shop-web-web")),
        beside(&[lease("default", "kubevip-web")]).holding("192.0.2.10", AddressState::Usable),
        // As k3s has it: one address is this node's, and the other is another's.
        Scenario::of(node("node-a", "192.0.2.10"))
            .and(format!(
                "{}---\n{}",
                service(&format!("  annotations: {{{EGRESS}}}\n"), LOAD_BALANCER, "{ip: 192.0.2.10}, {ip: 192.0.2.20}"),
                slice("10.244.0.7")
            ))
            .set(|settings| settings.owner = Owner::Auto)
            .holding("192.0.2.10", AddressState::Usable),
    ]
}

/// Two Services whose Leases of Cilium's are called alike.
fn of_one_lease(lease: &str) -> Scenario {
    let asking = service(&format!("  namespace: shop-web\n  annotations: {{{EGRESS}}}\n"), LOAD_BALANCER, ADDRESS);
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: web-web, namespace: shop}\nspec: {type: ClusterIP}\n";
    let endpoints = slice("10.244.0.7").replace("{name: one,", "{name: one, namespace: shop-web,");
    let all = [&asking, &endpoints, other, lease].join("---\n");
    Scenario::with(all).set(|settings| settings.owner = Owner::Auto)
}

/// Endpoints that are not translated, or not here.
fn endpoints() -> Vec<Scenario> {
    let listing = |endpoints: &str| {
        let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: more, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\n";
        Scenario::with(format!("{}---\n{slice}endpoints: [{endpoints}]\n", web(&[EGRESS])))
    };
    vec![
        listing("{addresses: [127.0.0.1], nodeName: node-a}"),
        listing("{addresses: [10.244.9.9], nodeName: node-b}"),
        listing("{addresses: [172.20.0.9], nodeName: node-a}"),
        listing("{addresses: [10.244.0.9], nodeName: node-a}").holding("10.244.0.9", AddressState::Usable),
        Scenario::with(format!("{}---\n{}---\n{}", node("node-b", "192.0.2.1"), web(&[EGRESS]), slice("192.0.2.1"))),
        Scenario::with(format!("{}---\n{}", node("node-b", "192.0.2.1, 10.244.0.7"), web(&[EGRESS]))),
        Scenario::of(elsewhere())
            .set(|settings| settings.owner = Owner::Auto)
            .holding("192.0.2.10", AddressState::Usable),
        Scenario::of(elsewhere()),
    ]
}

/// What is known of the cluster, and files that cannot be read.
fn cluster() -> Vec<Scenario> {
    vec![
        Scenario::of(web(&[EGRESS])),
        Scenario::of("apiVersion: v1\nkind: Service\nmetadata: {name: [web]}\n"),
        Scenario::of("apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\nspec: {podCIDRs: [10.244.0.0/99]}\n"),
        Scenario::of("apiVersion: v1\n  kind: Service\n"),
        Scenario::with(web(&[EGRESS]).replace("192.0.2.10", "192.0.2.300")),
    ]
}

/// ConfigMaps that are not read as they were meant.
fn policies() -> Vec<Scenario> {
    let config_map = |labels: &str, annotations: &str| {
        let metadata =
            format!("{{name: guard, namespace: egressd, labels: {{{labels}}}, annotations: {{{annotations}}}}}");
        Scenario::with(format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\nbinaryData: {{policy.wasm: AGFzbQ==}}\n"
        ))
    };
    let built_in = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: annotations, namespace: egressd, labels: {egressd.io/policy: \"true\"}}\n";
    vec![
        config_map("egressd.io/polcy: \"true\"", ""),
        config_map("", "egressd.io/policy: \"true\""),
        config_map("egressd.io/policy: \"true\"", "egressd.io/namespace: a"),
        config_map("egressd.io/policy: \"true\"", "egressd.io/other: a"),
        config_map("egressd.io/policy: \"true\", egressd.io/required: \"true\"", ""),
        Scenario::with(format!("{built_in}data: {{settings: '{{\"prefix\": \"example.org\"}}'}}\n")),
    ]
}

pub(super) fn node(name: &str, addresses: &str) -> String {
    let addresses: Vec<String> =
        addresses.split(", ").map(|address| format!("{{type: InternalIP, address: {address}}}")).collect();
    let networks = if name == "node-a" { "10.244.0.0/16" } else { "10.245.0.0/16" };
    let status = format!("status: {{addresses: [{}]}}", addresses.join(", "));
    format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\nspec: {{podCIDRs: [{networks}]}}\n{status}\n")
}

fn slice(address: &str) -> String {
    let labels = "labels: {kubernetes.io/service-name: web}";
    let head = format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: one, {labels}}}\naddressType: IPv4\n"
    );
    format!("{head}endpoints: [{{addresses: [{address}], nodeName: node-a}}]\n")
}

fn elsewhere() -> String {
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\n";
    format!(
        "{}---\n{slice}endpoints: [{{addresses: [10.245.0.7], nodeName: node-b}}]\n---\n{}",
        web(&[EGRESS]),
        node("node-b", "192.0.2.1")
    )
}
