//! A refusal names the file, the object, the field, and the remedy.

use crate::app::{APP, annotated, app, plan};

#[test]
fn a_value_of_another_type_is_named_with_its_path() {
    let object = "error: app.yaml: document 1 (Service app) cannot be read: ";
    for (text, sentence) in [
        (
            app("\"true\"", "true"),
            "metadata.annotations[\"kube-vip.io/egress\"] true is not a string; write it in quotes",
        ),
        (
            annotated("example.org/n: 5"),
            "metadata.annotations[\"example.org/n\"] 5 is not a string; write it in quotes",
        ),
        (app("\"true\"", "[true]"), "metadata.annotations[\"kube-vip.io/egress\"] [...] is not a string"),
        (
            app("egress: \"true\"", "egress:true"),
            "metadata.annotations \"kube-vip.io/egress:true\" is not a map of texts; write a colon and a blank after each name",
        ),
        (app("type: LoadBalancer", "type: Loud"), "spec.type \"Loud\" is not ClusterIP, NodePort, LoadBalancer or"),
        (app("spec:\n  type", "spec:\n- type"), "spec [...] is not an object"),
    ] {
        plan(text).expect_error(&format!("{object}{sentence}"));
    }
    let label = plan(app("service-name: app", "service-name: 5"));
    label.expect_error(
        "document 2 (EndpointSlice app-x7k2p) cannot be read: \
     metadata.labels.kubernetes.io/service-name 5 is not a string; write it in quotes",
    );
    let addresses = plan(app("addresses: [\"10.0.0.1\"]", "addresses: 10.0.0.1"));
    addresses.expect_error("endpoints[0].addresses \"10.0.0.1\" is not a list");
    let name = plan(app("  name: app\n", "  name: 5\n"));
    name.expect_error("document 1 (Service) cannot be read: metadata.name 5 is not a string; write it in quotes");
    let port = plan(app("port: 80", "port: http"));
    port.expect_translated("default/app", "11.0.0.2");
    port.expect_error("document 1 (Service app): spec.ports[0].port \"http\" is not 1 to 65535; it is left out");
}

#[test]
fn invalid_yaml_is_reported_with_line_and_column_and_a_remedy() {
    let name = "    kube-vip.io/egress: \"true\"\n";
    for (text, sentence) in [
        (
            app(name, &format!("{name}{name}")),
            "line 7, column 5: the key \"kube-vip.io/egress\" is there twice; remove one",
        ),
        (app(name, "\tkube-vip.io/egress: \"true\"\n"), "at line 6, column 2; indent with blanks"),
        (app(name, &format!("{name}    example.org/a:\"b\"\n")), "; write a colon and a blank after each name"),
        (
            app("name: app", "name: {{ .Release.Name }}"),
            "at line 4, column 10; write a name or value that begins with { or [",
        ),
        (app("\"true\"", "*yes"), "; write a value that begins with * in quotes"),
    ] {
        let planned = plan(text);
        planned.expect_error("error: app.yaml: it is not YAML: ");
        planned.expect_error(sentence);
        assert!(!planned.text.contains("Options"), "advice to programmers: {}", planned.text);
    }
}

#[test]
fn a_document_that_is_not_an_object_is_reported_with_its_position() {
    let planned = plan(format!("hello world\n---\n{APP}"));
    planned.expect_translated("default/app", "11.0.0.2");
    planned.expect_error(
        "error: app.yaml: document 1 is \"hello world\", not an object; every object needs apiVersion and kind",
    );
    plan("5\n").expect_error("document 1 is 5, not an object");
    plan(app("kind: Service", "sort: Service"))
        .expect_error("document 1 has no kind; every object needs apiVersion and kind");
    plan("").expect_error("app.yaml: it is empty; delete the file to remove its objects");
}

#[test]
fn a_truncated_or_misspelled_list_is_refused() {
    let indented: String =
        APP.split("---\n").map(|object| format!("- {}\n", object.trim_end().replace('\n', "\n  "))).collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{indented}");
    plan(&list).expect("default/app", "11.0.0.2");
    let head = &list[..list.find("items:").unwrap()];
    plan(format!("{head}items:\n"))
        .expect_error("document 1: items is not a list; an empty one is written as items: []");
    plan(head).expect_error("document 1: items is not a list");
    let in_an_item = &list[..list.find("kind: EndpointSlice").unwrap()];
    plan(in_an_item).expect_error("document 1, item 2 has no kind; every object needs apiVersion and kind");
    plan(list.replace("kind: List", "kind: Lsit"))
        .expect_error("document 1: kind \"Lsit\" has items and is no list; write List");
    plan(app("kind: EndpointSlice", "kind: EndpointSlices"))
        .expect_error("discovery.k8s.io/v1 has no kind \"EndpointSlices\"; write EndpointSlice");
    plan(app("kind: Service", "kind: Servcie")).expect_error("document 1: v1 has no kind \"Servcie\"; write Service");
}

#[test]
fn a_list_of_networks_by_line_is_underlined_where_it_is_wrong() {
    let lines =
        "kube-vip.io/egress-allowed-networks: |\n      192.168.0.0/24,\n      # head office\n      172.18.0.0/16,";
    let planned = plan(annotated(lines));
    planned.expect_error("where an address belongs");
    assert!(planned.text.contains("^^^"), "{}", planned.text);
}
