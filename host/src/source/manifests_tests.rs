#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::finding::Severity;
use egressd_core::model::{Completeness, Snapshot};

use super::*;
use crate::source::handover::Update;

const WEB: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
const DNS: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: dns}\n";

struct Fixture {
    dir: tempfile::TempDir,
    places: Places,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::one(dir.path(), "node-a");
        Self { dir, places }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn scan(&mut self) -> Update {
        let first = self.places.scan(&BTreeSet::new());
        if !self.places.is_unsettled() {
            return first;
        }
        // Written in place, and no event says that it is closed: it counts when it looks the same twice.
        let second = self.places.scan(&BTreeSet::new());
        Update { keys: first.keys.into_iter().chain(second.keys).collect(), ..second }
    }

    fn services(update: &Update) -> Vec<String> {
        update.snapshot.services.keys().map(ToString::to_string).collect()
    }
}

#[test]
fn only_what_changed_is_handed_over_as_a_key() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", WEB);
    fixture.write("dns.yaml", DNS);
    assert_eq!(fixture.scan().keys.len(), 2);
    assert!(fixture.scan().keys.is_empty());
    fixture.write("web.yaml", &WEB.replace("{name: web}", "{name: web, labels: {a: b}}"));
    let keys: Vec<ChangeKey> = fixture.scan().keys.into_iter().collect();
    assert_eq!(keys, [ChangeKey::Subject(egressd_core::model::SubjectKey::service("default", "web"))]);
}

#[test]
fn a_broken_file_keeps_its_last_good_state_and_says_so() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", WEB);
    fixture.scan();
    fixture.write("web.yaml", "kind: [");
    let update = fixture.scan();
    assert_eq!(Fixture::services(&update), ["default/web"]);
    let message = &update.findings[0].message;
    assert!(message.starts_with("web.yaml: it is not YAML: "), "{message}");
    assert!(message.ends_with("; its last good state stays in force"), "{message}");
}

#[test]
fn a_truncated_file_keeps_its_last_good_state() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", WEB);
    fixture.scan();
    fixture.write("web.yaml", "");
    assert_eq!(Fixture::services(&fixture.scan()), ["default/web"]);
}

#[test]
fn policies_of_another_namespace_are_none() {
    let mut fixture = Fixture::new();
    let policy = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: egressd, labels: \
                  {egressd.io/policy: 'true'}}\nbinaryData: {policy.wasm: AGFzbQ==}\n";
    fixture.write("a.yaml", policy);
    fixture.write("b.yaml", &policy.replace("namespace: egressd, ", ""));
    fixture.write("c.yaml", &policy.replace("name: p", "name: q").replace("'true'", "'false'"));
    let update = fixture.scan();
    assert_eq!(update.snapshot.policies["p"].wasm.as_deref(), Some(&b"\0asm"[..]));
    assert_eq!(update.snapshot.policies.len(), 1);
    let messages: Vec<&str> = update.findings.iter().map(|finding| finding.message.as_str()).collect();
    let expected = "b.yaml: ConfigMap default/p is not used as a policy; policies are read from namespace egressd only";
    assert_eq!(messages, [expected]);
}

#[test]
fn of_a_policy_of_another_namespace_no_other_mistake_is_named_since_correcting_it_would_not_help() {
    let mut fixture = Fixture::new();
    let guard = |namespace: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: p, {namespace}labels: {{egressd.io/policy: 'yes'}}}}\n"
        )
    };
    let mut found = |namespace: &str| {
        fixture.write("a.yaml", &guard(namespace));
        let findings = fixture.scan().findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        (findings[0].severity, findings[0].message.to_string())
    };
    for (namespace, name) in [("", "default/p"), ("namespace: shop, ", "shop/p")] {
        let sentence = "is not used as a policy; policies are read from namespace egressd only";
        assert_eq!(found(namespace), (Severity::Warning, format!("a.yaml: ConfigMap {name} {sentence}")));
    }
    let (severity, sentence) = found("namespace: egressd, ");
    assert!(severity == Severity::Error && sentence.contains("\"yes\" is not \"true\""), "{sentence}");
}

#[test]
fn a_deleted_file_takes_its_objects_along() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", WEB);
    fixture.scan();
    fs::remove_file(fixture.dir.path().join("web.yaml")).unwrap();
    let update = fixture.scan();
    assert!(update.snapshot.services.is_empty());
    assert_eq!(update.keys.len(), 1);
}

#[test]
fn of_two_files_that_say_the_same_object_the_first_by_name_is_used() {
    let mut fixture = Fixture::new();
    fixture.write("a.yaml", WEB);
    fixture.write("b.yaml", WEB);
    let update = fixture.scan();
    let messages: Vec<&str> = update.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["b.yaml: Service default/web is in a.yaml already, which takes precedence; remove one of the two"]
    );
}

#[test]
fn a_service_with_the_uid_of_another_is_refused_and_takes_nothing_from_it() {
    let mut fixture = Fixture::new();
    let manifest = |name: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, uid: u-1}}\n");
    fixture.write("a.yaml", &manifest("web"));
    fixture.write("b.yaml", &manifest("evil"));
    let update = fixture.scan();
    assert_eq!(Fixture::services(&update), ["default/web"]);
    let message = "b.yaml: Service default/evil has the metadata.uid of Service default/web, which takes precedence; \
                   remove the uid, or make it unique";
    assert_eq!(update.findings[0].message, message);
}

#[test]
fn a_directory_that_vanishes_is_named_and_forgets_nothing() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", WEB);
    fixture.scan();
    let away = fixture.dir.path().with_extension("away");
    fs::rename(fixture.dir.path(), &away).unwrap();
    let gone = fixture.scan();
    assert_eq!((Fixture::services(&gone), gone.keys.len()), (vec!["default/web".to_owned()], 0));
    let message = &gone.findings[0].message;
    let expected = format!("cannot read the manifests directory {}: No such file", fixture.dir.path().display());
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.ends_with("; its objects stay in force until it can be read again"), "{message}");
    fs::rename(&away, fixture.dir.path()).unwrap();
    let update = fixture.scan();
    assert_eq!(Fixture::services(&update), ["default/web"]);
    assert!(update.keys.is_empty());
}

#[test]
fn a_bad_object_keeps_its_own_last_good_state_and_the_rest_of_its_file_is_new() {
    let mut fixture = Fixture::new();
    fixture.write("all.yaml", &format!("{WEB}---\n{DNS}"));
    fixture.scan();
    let bad = DNS.replace("{name: dns}", "{name: dns}\nspec: {type: Loud}");
    let (new, lost) = (WEB.replace("web", "new"), "kind: Service\nmetadata: {name: web}\n");
    fixture.write("all.yaml", &format!("{new}---\n{bad}"));
    let update = fixture.scan();
    assert_eq!(Fixture::services(&update), ["default/dns", "default/new"]);
    let message = &update.findings[0].message;
    assert!(message.starts_with("all.yaml: document 2 (Service dns) cannot be read: spec.type "), "{message}");
    assert!(message.ends_with("; its last good state stays in force"), "{message}");
    // What has lost its type could be any object that was there.
    fixture.write("all.yaml", &format!("{new}---\n{lost}"));
    assert_eq!(Fixture::services(&fixture.scan()), ["default/dns", "default/new"]);
    fixture.write("all.yaml", &new);
    assert_eq!(Fixture::services(&fixture.scan()), ["default/new"]);
}

#[test]
fn a_node_of_which_a_part_cannot_be_read_keeps_what_was_inside() {
    let mut fixture = Fixture::new();
    let node =
        |cidr: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: n1}}\nspec: {{podCIDRs: [{cidr}]}}\n");
    fixture.write("node.yaml", &node("10.0.1.0/24"));
    fixture.scan();
    fixture.write("node.yaml", &node("10.0.2.0/24, here"));
    let networks = |update: &Update| {
        let node = &update.snapshot.nodes["n1"];
        [node.pod_networks.clone(), node.before.pod_networks.clone()].concat()
    };
    let expected = ["10.0.2.0/24", "10.0.1.0/24"].map(|network| network.parse().unwrap());
    assert_eq!(networks(&fixture.scan()), expected);
    fixture.write("node.yaml", &node("10.0.2.0/24"));
    assert_eq!(networks(&fixture.scan()), expected[..1]);
}

#[test]
fn a_kustomization_beside_its_manifests_is_none() {
    let mut fixture = Fixture::new();
    fixture.write("kustomization.yaml", "resources: [web.yaml]");
    fixture.write("web.yaml", WEB);
    let update = fixture.scan();
    assert_eq!((Fixture::services(&update).len(), update.findings.len()), (1, 0));
}

#[test]
fn a_files_name_forges_no_line() {
    let mut fixture = Fixture::new();
    fixture.write("a\n\u{1b}[2JFORGED.yaml", "kind: [");
    let message = &fixture.scan().findings[0].message;
    assert!(message.starts_with("a  [2JFORGED.yaml: it is not YAML: "), "{message}");
}

#[test]
fn of_two_places_that_say_the_same_object_the_first_given_is_used_and_both_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("z")).unwrap();
    fs::create_dir_all(at("a")).unwrap();
    fs::write(at("z/web.yaml"), WEB).unwrap();
    fs::write(at("a/dns.yaml"), DNS).unwrap();
    fs::write(at("a/web.yaml"), WEB.replace("{name: web}", "{name: web, labels: {a: b}}")).unwrap();
    fs::write(at("more.txt"), DNS).unwrap();
    let given = ["z", "a", "more.txt"].map(|name| PlaceArgument::Path(at(name))).to_vec();
    let update = Places::new(given, "node-a").read().unwrap();
    assert_eq!(Fixture::services(&update), ["default/dns", "default/web"]);
    assert!(update.snapshot.services.values().all(|service| service.labels.is_empty()));
    let sentence = |second: &str, name: &str, first: &str| {
        let (second, first) = (at(second).display().to_string(), at(first).display().to_string());
        format!("{second}: Service default/{name} is in {first} already, which takes precedence; remove one of the two")
    };
    let expected = [sentence("a/web.yaml", "web", "z/web.yaml"), sentence("more.txt", "dns", "a/dns.yaml")];
    assert_eq!(update.findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_place_that_is_not_there_at_the_start_is_an_error_and_later_costs_nothing_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("web.yaml"), WEB).unwrap();
    let given = ["web.yaml", "d"].map(|name| PlaceArgument::Path(at(name))).to_vec();
    let mut places = Places::new(given, "node-a");
    let error = places.read().unwrap_err().to_string();
    assert_eq!(error, format!("cannot read the manifests directory {}", at("d").display()));
    fs::create_dir(at("d")).unwrap();
    fs::write(at("d/dns.yaml"), DNS).unwrap();
    assert_eq!(Fixture::services(&places.read().unwrap()), ["default/dns", "default/web"]);
    fs::rename(at("d"), at("away")).unwrap();
    fs::write(at("new"), WEB.replace("web", "new")).unwrap();
    fs::rename(at("new"), at("web.yaml")).unwrap();
    let update = places.scan(&BTreeSet::new());
    assert_eq!(Fixture::services(&update), ["default/dns", "default/new"]);
    assert_eq!(update.findings.iter().map(|finding| &*finding.code).collect::<Vec<_>>(), ["manifests-unreachable"]);
}

#[test]
fn endpoints_count_for_a_service_that_has_no_slice_at_all() {
    let mut fixture = Fixture::new();
    let endpoints = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Endpoints\nmetadata: {{name: {name}}}\nsubsets: [{{addresses: [{{ip: \
             10.0.0.1}}]}}]\n"
        )
    };
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: \
                 {kubernetes.io/service-name: web}}\naddressType: IPv4\nendpoints: []\n";
    fixture.write("a.yaml", &format!("{}---\n{}", endpoints("web"), endpoints("dns")));
    fixture.write("b.yaml", slice);
    let count = |update: &Update| {
        let slices = update.snapshot.slices.iter();
        let count =
            slices.map(|(key, slices)| (key.name.to_string(), slices.values().map(|s| s.endpoints.len()).sum()));
        count.collect::<Vec<(String, usize)>>()
    };
    let update = fixture.scan();
    assert_eq!(count(&update), [("dns".to_owned(), 1), ("web".to_owned(), 0)]);
    assert!(update.findings.is_empty(), "a dump has both: {:?}", update.findings);
    fs::remove_file(fixture.dir.path().join("b.yaml")).unwrap();
    let update = fixture.scan();
    assert_eq!(count(&update), [("dns".to_owned(), 1), ("web".to_owned(), 1)]);
    assert_eq!(update.keys.len(), 1, "the Service is looked at again");
}

#[test]
fn what_an_installer_says_stays_where_it_cannot_be_read_any_more() {
    let mut fixture = Fixture::new();
    let map = |text: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kubeadm-config, namespace: kube-system}}\ndata:\n  \
             ClusterConfiguration: '{text}'\n"
        )
    };
    fixture.write("config.yaml", &map("networking: {podSubnet: 10.1.0.0/16}"));
    let first = fixture.scan();
    assert_eq!(first.keys, [ChangeKey::Cluster].into());
    fixture.write("config.yaml", &map("networking: ["));
    let second = fixture.scan();
    assert_eq!(first.snapshot.cluster_networks, second.snapshot.cluster_networks);
    assert_eq!((first.snapshot.cluster_networks.len(), second.findings.len()), (1, 1));
}

#[test]
fn what_never_could_be_read_is_known_to_be_there_and_has_no_good_state() {
    let pool = "apiVersion: crd.projectcalico.org/v1\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: nowhere}\n";
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: []\n";
    for text in [pool, node] {
        let mut fixture = Fixture::new();
        for more in ["", "# the same again\n"] {
            fixture.write("a.yaml", &format!("{text}{more}"));
            let update = fixture.scan();
            let Snapshot { nodes, cluster_networks, .. } = &update.snapshot;
            let nodes = nodes.values().map(|node| node.completeness);
            let all: Vec<_> = nodes.chain(cluster_networks.values().map(|networks| networks.completeness)).collect();
            assert_eq!(all, [Completeness::Partial]);
            let message = &update.findings[0].message;
            assert!(message.ends_with("; none of it is in force"), "{message}");
        }
    }
}
