//! Mistakes that users make, and what is reported: 39 of a developer who writes a first Service with egress.

use anyhow::Result;
use egressd::policies::Sandbox;

use crate::case::plan;
use crate::scenario::{Scenario, service, web};

const EGRESS: &str = "kube-vip.io/egress: \"true\"";
const LOAD_BALANCER: &str = "{type: LoadBalancer, externalTrafficPolicy: Local}";
const ADDRESS: &str = "{ip: 192.0.2.10}";

/// One title, and the output for each.
pub(crate) fn page(sandbox: &Sandbox) -> Result<String> {
    let mut page = String::new();
    for (number, (title, scenario)) in all().into_iter().enumerate() {
        // The command and the exit code are the same for many.
        let printed = plan(&scenario.report(sandbox)?)?;
        let lines: Vec<&str> = printed.lines().skip(1).collect();
        page += &format!("{:02} {title}\n{}\n\n", number + 1, lines.join("\n"));
    }
    Ok(page)
}

/// The reports of all, for the list of messages.
pub(crate) fn scenarios() -> impl Iterator<Item = Scenario> {
    all().into_iter().map(|(_, scenario)| scenario)
}

type Mistake = (&'static str, Scenario);

/// In the order of the report that found them.
fn all() -> Vec<Mistake> {
    [first_tries(), lists(), services(), values()].into_iter().flatten().collect()
}

fn first_tries() -> Vec<Mistake> {
    vec![
        ("a letter is missing", Scenario::with(web(&["kube-vip.io/egres: \"true\""]))),
        ("a capital", Scenario::with(web(&["kube-vip.io/Egress: \"true\""]))),
        ("a dash is missing in the domain", Scenario::with(web(&["kubevip.io/egress: \"true\""]))),
        ("no domain", Scenario::with(web(&["egress: \"true\""]))),
        ("a boolean with a capital", Scenario::with(web(&["kube-vip.io/egress: \"True\""]))),
        ("another spelling of yes", Scenario::with(web(&["kube-vip.io/egress: \"yes\""]))),
        ("a boolean without quotes", Scenario::with(web(&["kube-vip.io/egress: true"]))),
        ("a label", Scenario::with(service(&format!("  labels: {{{EGRESS}}}\n"), LOAD_BALANCER, ADDRESS))),
        ("on the Deployment, which is read nowhere", Scenario::with(deployment())),
    ]
}

fn lists() -> Vec<Mistake> {
    vec![
        (
            "a port without its protocol",
            Scenario::with(web(&[EGRESS, "kube-vip.io/egress-destination-ports: \"443\""])),
        ),
        (
            "a filter's name in the singular",
            Scenario::with(web(&[EGRESS, "kube-vip.io/egress-destination-port: tcp:443"])),
        ),
        ("a port by name", Scenario::with(web(&[EGRESS, "kube-vip.io/egress-destination-ports: tcp:https"]))),
        ("a blank instead of a comma", allowed("10.0.0.0/8 192.168.0.0/16")),
        ("a list of JSON", allowed("'[\"10.0.0.0/8\"]'")),
        ("host bits", allowed("10.0.0.1/8")),
        ("a netmask", allowed("10.0.0.0/255.0.0.0")),
    ]
}

fn services() -> Vec<Mistake> {
    vec![
        ("IPv6 without an address of it", Scenario::with(web(&[EGRESS, "kube-vip.io/egress-ipv6: \"true\""]))),
        ("brackets around an address", allowed("'[fd00::]/64'")),
        ("a DNS name", allowed("api.example.org")),
        ("another type", Scenario::with(service(&annotated(), "{type: ClusterIP}", ""))),
        (
            "pods in another namespace",
            Scenario::with(service(&format!("  namespace: shop\n{}", annotated()), LOAD_BALANCER, ADDRESS)),
        ),
        ("no address yet", Scenario::with(service(&annotated(), LOAD_BALANCER, ""))),
    ]
}

fn values() -> Vec<Mistake> {
    vec![
        ("quotes within quotes", Scenario::with(web(&["kube-vip.io/egress: '\"true\"'"]))),
        ("a range with a colon", Scenario::with(web(&[EGRESS, "kube-vip.io/egress-destination-ports: tcp:8000:9000"]))),
        ("a slash instead of a colon", Scenario::with(web(&[EGRESS, "kube-vip.io/egress-destination-ports: tcp/443"]))),
        ("egressd's own domain", Scenario::with(web(&["egressd.io/egress: \"true\""]))),
        ("a filter without egress", Scenario::with(web(&["kube-vip.io/egress-destination-ports: tcp:443"]))),
        ("an address of others", Scenario::with(web(&[EGRESS, "kube-vip.io/loadbalancerIPs: 192.0.2.99"]))),
        ("a slice of another Service", Scenario::with(web(&[EGRESS]).replace("name: web", "name: shop"))),
        ("a policy in another namespace", Scenario::with(policy("default", "\"true\""))),
        ("another value of a policy's label", Scenario::with(policy("egressd", "\"yes\""))),
        ("the same in another namespace", Scenario::with(policy("default", "\"yes\""))),
        ("a blank behind an annotation's name", Scenario::with(web(&["\"kube-vip.io/egress \": \"true\""]))),
        (
            "an address that is no item of the status",
            Scenario::with(service(&annotated(), LOAD_BALANCER, "192.0.2.10")),
        ),
        (
            "a filter without egress- before it",
            Scenario::with(web(&[EGRESS, "kube-vip.io/denied-networks: 10.0.0.0/8"])),
        ),
        ("another separator", allowed("'10.0.0.0/8;192.168.0.0/16'")),
        ("a range of addresses", allowed("10.0.0.1-10.0.0.9")),
        (
            "a port before its protocol",
            Scenario::with(web(&[EGRESS, "kube-vip.io/egress-destination-ports: \"443:tcp\""])),
        ),
        ("an ignore that reads like yes", Scenario::with(web(&[EGRESS, "kube-vip.io/ignore: \"yes\""]))),
    ]
}

fn annotated() -> String {
    format!("  annotations: {{{EGRESS}}}\n")
}

fn allowed(networks: &str) -> Scenario {
    Scenario::with(web(&[EGRESS, &format!("kube-vip.io/egress-allowed-networks: {networks}")]))
}

fn deployment() -> String {
    let metadata = format!("metadata: {{name: web, annotations: {{{EGRESS}}}}}");
    format!("{}---\napiVersion: apps/v1\nkind: Deployment\n{metadata}\n", service("", LOAD_BALANCER, ADDRESS))
}

fn policy(namespace: &str, value: &str) -> String {
    let labels = format!("{{egressd.io/policy: {value}}}");
    format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: guard, namespace: {namespace}, labels: {labels}}}\n\
         binaryData: {{policy.wasm: AGFzbQ==}}\n",
        web(&[EGRESS])
    )
}
