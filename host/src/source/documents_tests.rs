#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\n";

fn read(text: &str) -> Contents {
    contents(text, "node-a").unwrap()
}

fn error(text: &str) -> String {
    contents(text, "node-a").unwrap_err().to_string()
}

fn names(contents: &Contents) -> Vec<String> {
    contents.objects.iter().map(|object| object.identity().1.name.to_string()).collect()
}

#[test]
fn a_service_without_uid_and_namespace_gets_lasting_ones() {
    let objects = read(SERVICE).objects;
    assert!(matches!(&objects[..], [Object::Service(service)] if service.key.to_string() == "default/web"));
    assert_eq!(objects, read(SERVICE).objects, "the same text gives the same uid");
}

#[test]
fn lists_are_unpacked_in_lists_too_and_foreign_kinds_passed_over() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Namespace, metadata: {name: c}}]}\n";
    assert_eq!(names(&read(list)), ["a", "c"]);
    assert_eq!(read("apiVersion: v1\nkind: List\nitems: []\n"), Contents::default());
}

#[test]
fn items_of_a_typed_list_need_no_kind_of_their_own() {
    let list = "apiVersion: v1\nkind: ServiceList\nitems: [{metadata: {name: a}}, {metadata: {name: b}}]\n";
    assert_eq!(names(&read(list)), ["a", "b"]);
    let slices = "{apiVersion: discovery.k8s.io/v1beta1, kind: EndpointSliceList, items: [{metadata: {name: s, labels: {kubernetes.io/service-name: a}}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1], topology: {kubernetes.io/hostname: node-b}}]}]}";
    let objects = read(slices).objects;
    let [Object::Slice(_, slice)] = &objects[..] else { panic!("{objects:?}") };
    assert_eq!(slice.endpoints[0].node.as_deref(), Some("node-b"));
}

#[test]
fn one_bad_object_loses_only_itself_and_is_named_with_its_place() {
    let bad = "{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {type: Loud}}";
    let several = read(&format!("{SERVICE}---\n{bad}\n---\n{{apiVersion: v1, kind: List, items: [null, {bad}]}}\n"));
    assert_eq!(names(&several), ["web"]);
    let why = "(Service b) cannot be read: spec.type \"Loud\" is not ClusterIP, NodePort, LoadBalancer or ExternalName";
    let reasons: Vec<&str> = several.unreadable.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(reasons, [format!("document 2 {why}"), format!("document 3, item 2 {why}")]);
}

#[test]
fn one_bad_field_loses_only_itself_and_is_named_with_its_path() {
    let node = read("{apiVersion: v1, kind: Node, metadata: {name: node-a}, spec: {podCIDRs: [10.0.1.0/24, here]}}");
    let Object::Node(_, known, _) = &node.objects[0] else { panic!("{node:?}") };
    assert_eq!(known.pod_networks, ["10.0.1.0/24".parse().unwrap()]);
    let sentence =
        "document 1 (Node node-a): spec.podCIDRs[1] \"here\" is not a network like 10.244.1.0/24; it is left out";
    assert_eq!(node.faults[0].1, sentence);
}

#[test]
fn what_says_not_what_it_is_is_named() {
    let contents = read(&format!("{SERVICE}---\nkind: Service\nmetadata: {{name: b}}\n---\nhello\n"));
    assert_eq!(names(&contents), ["web"]);
    let needed = "every object needs apiVersion and kind";
    let no_version = format!("document 2 has no apiVersion; {needed}");
    assert_eq!(contents.unknown, [no_version, format!("document 3 is \"hello\", not an object; {needed}")]);
    let number = "{apiVersion: 1, kind: Service, metadata: {name: b}}";
    assert_eq!(read(number).unknown, [format!("document 1 has 1 as its apiVersion, which is a text; {needed}")]);
}

#[test]
fn what_could_be_any_object_of_the_file_is_unknown() {
    for (document, place) in [
        ("{apiVersion: v1, kind: List}", "document 1: items is not a list"),
        ("{apiVersion: v1, kind: List, items: null}", "document 1: items is not a list"),
        ("{apiVersion: v1, kind: Service, metadata: [web]}", "document 1 (Service) cannot be read: metadata "),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: 1}}",
            "document 1 (Service) cannot be read: metadata.name 1",
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: [a]}}",
            "document 1 (Service web) cannot be read",
        ),
        ("{apiVersion: discovery.k8s.io/v1, kind: End}", "document 1: discovery.k8s.io/v1 has no kind \"End\""),
    ] {
        let unknown = read(document).unknown;
        assert!(unknown.len() == 1 && unknown[0].starts_with(place), "{document}: {unknown:?}");
    }
    for nothing in ["# a comment\n", "---\n", "null\n", "\u{feff}"] {
        assert!(matches!(contents(nothing, "node-a"), Err(Error::Empty)), "{nothing:?}");
    }
}

#[test]
fn an_unquoted_boolean_is_named_with_what_to_write() {
    let text = SERVICE.replace("{name: web}", "{name: web, annotations: {kube-vip.io/egress: true}}");
    let sentence = "document 1 (Service web) cannot be read: metadata.annotations[\"kube-vip.io/egress\"] true is not \
                    a string; write it in quotes";
    assert_eq!(read(&text).unreadable[0].1, sentence);
}

#[test]
fn broken_yaml_is_named_with_its_place() {
    let message = error("apiVersion: v1\nkind: [Service\n");
    assert!(message.starts_with("it is not YAML: "), "{message}");
    assert!(message.contains("line "), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn a_file_may_hold_thousands_of_objects() {
    let many: String = (0..3_000).map(|i| SERVICE.replace("web", &format!("web-{i}")) + "---\n").collect();
    assert_eq!(read(&many).objects.len(), 3_000);
}

#[test]
fn a_small_file_cannot_become_a_large_one() {
    let bomb = (1..12).fold("a0: &a0 [x]\n".to_owned(), |text, i| {
        let list = vec![format!("*a{}", i - 1); 9].join(", ");
        format!("{text}a{i}: &a{i} [{list}]\n")
    });
    let message = error(&bomb);
    assert!(message.starts_with("it is not YAML: "), "{message}");
}

#[test]
fn an_empty_file_is_no_state() {
    assert_eq!(error(" \n"), "it is empty; delete the file to remove its objects");
}

#[test]
fn config_maps_are_distinguished_by_namespace_and_name() {
    let map = |namespace: &str, name: &str, more: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{namespace: {namespace}, name: {name}{more}}}, data: {{net-conf.json: '{{\"Network\": \"10.244.0.0/16\"}}', ClusterConfiguration: '{{networking: {{podSubnet: 10.1.0.0/16}}}}'}}}}"
        )
    };
    let titles = |text: &str| -> Vec<String> {
        let title = |object: &Object| {
            let Object::Networks(identity, networks) = object else { return format!("{:?}", object.identity().0) };
            format!("{} {:?}", networks::title(identity.0, &identity.1), networks.pods)
        };
        read(text).objects.iter().map(title).collect()
    };
    for (namespace, name, network) in [
        ("kube-flannel", "kube-flannel-cfg", "10.244.0.0/16"),
        ("kube-system", "kube-flannel-cfg", "10.244.0.0/16"),
        ("kube-system", "kubeadm-config", "10.1.0.0/16"),
    ] {
        assert_eq!(titles(&map(namespace, name, "")), [format!("ConfigMap {namespace}/{name} [{network}]")]);
        assert_eq!(titles(&map("default", name, "")), [""; 0]);
    }
    assert_eq!(titles(&map("kube-system", "other", "")), [""; 0]);
    assert_eq!(titles(&map("kube-system", "other", ", labels: {egressd.io/policy: 'true'}")), ["Policies"]);
}

#[test]
fn a_kind_or_version_that_is_almost_right_is_named_with_the_right_one() {
    for (version, kind, sentence) in [
        ("v1", "Lsit", "v1 has no kind \"Lsit\"; write List"),
        ("v1", "service", "v1 has no kind \"service\"; write Service"),
        ("v1", "Servcie", "v1 has no kind \"Servcie\"; write Service"),
        ("v1", "Nodes", "v1 has no kind \"Nodes\"; write Node"),
        ("v1", "Endpoint", "v1 has no kind \"Endpoint\"; write Endpoints"),
        ("networking.k8s.io/v1", "ServiceCidr", "networking.k8s.io/v1 has no kind \"ServiceCidr\"; write ServiceCIDR"),
        (
            "discovery.k8s.io/v2",
            "EndpointSlice",
            "EndpointSlice of discovery.k8s.io/v2 is not read; write discovery.k8s.io/v1",
        ),
        ("v", "Service", "Service of v is not read; write v1"),
    ] {
        let contents = read(&format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}"));
        assert_eq!(contents.unknown, [format!("document 1: {sentence}")]);
    }
    let list = read("{apiVersion: v1, kind: Bundle, items: [{apiVersion: v1, kind: Service, metadata: {name: a}}]}");
    assert_eq!(list.unknown, ["document 1: kind \"Bundle\" has items and is no list; write List"]);
    for (version, kind) in [
        ("v1", "Secret"),
        ("v1", "Event"),
        ("v1", "PodTemplate"),
        ("v1", "ServiceAccount"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "IPAddress"),
        ("serving.knative.dev/v1", "Service"),
        ("example.org/v1", "Lsit"),
    ] {
        let contents = read(&format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}"));
        assert_eq!(contents, Contents::default(), "{version} {kind}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_named_with_its_place_and_no_advice_to_programmers() {
    let message = error("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations:\n    a: b\n    a: c\n");
    let expected = "it is not YAML: line 7, column 5: the key \"a\" is there twice; remove one of the two";
    assert_eq!(message, expected);
}

#[test]
fn a_name_of_an_annotation_with_a_sign_that_cannot_be_seen_points_at_it() {
    let text = SERVICE.replace("{name: web}", "{name: web, annotations: {\u{a0}kube-vip.io/egress: 'true'}}");
    let sentence = "document 1 (Service web) cannot be read: metadata.annotations \"<U+00A0>kube-vip.io/egress\" is not a name: it has a sign that is none of ASCII, shown by its number; write the name anew";
    assert_eq!(read(&text).unreadable[0].1, sentence);
}

#[test]
fn a_name_that_yaml_takes_for_a_boolean_is_to_be_quoted() {
    let sentence = "document 1 (Service) cannot be read: metadata.name true is not a string; write it in quotes";
    assert_eq!(read(&SERVICE.replace("web", "y")).unknown, [sentence]);
}

#[test]
fn what_the_parser_says_has_a_remedy_where_people_stumble() {
    for (bad, place, remedy) in [
        ("metadata:\n\tname: web\n", "line 2, column 2", "indent with blanks"),
        ("a: b\nkube-vip.io/egress:\"true\"\nc: d\n", "line 2, column 1", "write a colon and a blank after each name"),
        ("a: *yes\n", "line 1, column 4", "write a value that begins with * in quotes"),
        ("a: {{ .Values.name }}\n", "line 1, column 5", "write a name or value that begins with { or [ in quotes"),
    ] {
        let message = error(bad);
        assert!(message.contains(place) && message.ends_with(&format!("; {remedy}")), "{bad:?}: {message}");
    }
}

#[test]
fn an_annotation_that_a_blank_of_another_kind_moves_out_of_its_place_is_pointed_at() {
    let text =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations:\n\u{a0}   kube-vip.io/egress: 'true'\n";
    let sentence = "document 1 (Service web) cannot be read: the field \"<U+00A0>   kube-vip.io/egress\" is not a name: it has a sign that is none of ASCII, shown by its number; write the name anew";
    assert_eq!(read(text).unreadable[0].1, sentence);
    let below = "{apiVersion: v1, kind: Service, metadata: {name: web, \u{200b}annotations: {}}}";
    assert!(
        read(below).unreadable[0].1.contains("metadata \"<U+200B>annotations\" is not a name"),
        "{:?}",
        read(below)
    );
}
