#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cni::PLUGIN_NAME;

const POD: &str = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u";

/// A configuration as a runtime hands it over, with these members in it.
fn config(version: &str, members: &[(&str, Value)]) -> Value {
    let mut config =
        json!({"cniVersion": version, "name": "pods", "type": PLUGIN_NAME, "prevResult": previous(version)});
    members.iter().for_each(|(name, value)| config[*name] = value.clone());
    config
}

fn previous(version: &str) -> Value {
    json!({
        "cniVersion": version,
        "interfaces": [{"name": "cni0"}, {"name": "eth0", "sandbox": "/run/netns/x"}],
        "ips": [{"interface": 1, "address": "10.0.0.5/24"}],
        "dns": {"x-unknown": [1]},
    })
}

fn begun(command: &str, config: &Value) -> Step {
    begin(Request { command, arguments: POD, input: config.to_string().as_bytes() })
}

fn asked(config: &Value) -> Question {
    match begun("ADD", config) {
        Step::Ask(question) => question,
        Step::Finish(output) => panic!("nothing is asked: {output:?}"),
    }
}

fn finished(step: Step) -> Output {
    match step {
        Step::Finish(output) => output,
        Step::Ask(question) => panic!("it asks: {question:?}"),
    }
}

fn printed(output: &Output) -> Value {
    serde_json::from_str(&output.result).unwrap()
}

/// The code and the sentence of an error.
fn refusal(output: &Output) -> (u64, String) {
    let document = printed(output);
    assert_eq!(output.end, End::Failure, "{document}");
    (document["code"].as_u64().unwrap(), document["msg"].as_str().unwrap().to_owned())
}

#[test]
fn a_pod_is_asked_about_with_its_addresses_in_every_version() {
    for version in SpecVersion::names() {
        let question = asked(&config(version, &[]));
        let body = question.body(Duration::from_millis(1500));
        let expected = json!({
            "namespace": "shop", "name": "web-0", "uid": "u", "addresses": ["10.0.0.5"], "wait_ms": 1500,
        });
        assert_eq!(body, expected);
        let output = question.finish(Outcome::InForce);
        assert_eq!((printed(&output), output.note, output.end), (previous(version), None, End::Success));
    }
}

#[test]
fn what_is_not_set_has_its_default() {
    let question = asked(&config("1.0.0", &[]));
    assert_eq!((question.wait, question.on_failure), (config::DEFAULT_WAIT, OnFailure::Open));
    assert_eq!(question.socket, PathBuf::from(config::DEFAULT_SOCKET));
    let set = [("socket", json!("/s")), ("wait", json!(60)), ("fail", json!("closed"))];
    let question = asked(&config("1.0.0", &set));
    assert_eq!((question.wait, question.on_failure), (config::MAX_WAIT, OnFailure::Closed));
    assert_eq!(question.socket, PathBuf::from("/s"));
}

#[test]
fn open_begins_a_pod_whatever_is_known_and_notes_why() {
    let why = || "why".to_owned();
    let question = asked(&config("0.4.0", &[]));
    for outcome in
        [Outcome::Late(why()), Outcome::Unavailable(why()), Outcome::Refused(why()), Outcome::Unreachable(why())]
    {
        let output = question.finish(outcome);
        assert_eq!((printed(&output), output.end), (previous("0.4.0"), End::Success));
        let note = output.note.unwrap();
        assert!(note.starts_with("pod shop/web-0 begins although ") && note.ends_with(": why"), "{note}");
    }
    assert_eq!(question.finish(Outcome::Unselected).note, None);
}

#[test]
fn closed_stops_a_pod_with_one_sentence_and_what_egressd_answers() {
    let question = asked(&config("1.1.0", &[("fail", json!("closed"))]));
    let output = question.finish(Outcome::Late("no slice yet".to_owned()));
    assert_eq!(
        printed(&output),
        json!({
            "cniVersion": "1.1.0",
            "code": 11,
            "msg": "pod shop/web-0 does not begin: its rules were not in force within 10 s; see `egressd status` on this \
                    node, or set `fail` of egressd-cni to `open`",
            "details": "no slice yet",
        })
    );
    let down = question.finish(Outcome::Unreachable("refused".to_owned()));
    assert_eq!(refusal(&down).0, 11);
    assert!(refusal(&down).1.contains("no egressd answers on this node; start egressd"), "{}", refusal(&down).1);
    for outcome in [Outcome::InForce, Outcome::Unselected] {
        assert_eq!(question.finish(outcome).end, End::Success);
    }
}

#[test]
fn a_container_of_no_kubelet_and_one_without_an_address_pass_unasked() {
    let config_text = config("1.0.0", &[("fail", json!("closed"))]).to_string();
    let other = begin(Request { command: "ADD", arguments: "IP=10.0.0.5", input: config_text.as_bytes() });
    assert_eq!(printed(&finished(other)), previous("1.0.0"));
    let bare = json!({"interfaces": []});
    let output = finished(begun("ADD", &config("1.0.0", &[("prevResult", bare)])));
    assert_eq!(printed(&output), json!({"cniVersion": "1.0.0", "interfaces": []}));
}

#[test]
fn a_pod_can_always_go() {
    for input in [&b""[..], b"{", b"[]", b"{\"cniVersion\":\"9\"}"] {
        let output = finished(begin(Request { command: "DEL", arguments: "", input }));
        assert_eq!(output, silent());
    }
}

#[test]
fn the_commands_for_what_runs_succeed_without_a_question() {
    for command in ["CHECK", "GC", "STATUS"] {
        assert_eq!(finished(begun(command, &config("1.1.0", &[("fail", json!("closed"))]))), silent());
        assert_eq!(refusal(&finished(begun(command, &config("1.1.0", &[("wait", json!(0))])))).0, 7);
    }
}

#[test]
fn the_versions_are_listed() {
    let output = finished(begun("VERSION", &json!({"cniVersion": "0.4.0"})));
    let expected = json!({"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]});
    assert_eq!(printed(&output), expected);
}

#[test]
fn a_field_that_cannot_be_used_is_named_with_what_it_has_to_be() {
    let cases = [
        ("wait", json!(0), "wait of egressd-cni is \"0\", and has to be a whole number of seconds from 1 to 60"),
        ("wait", json!(61), "from 1 to 60"),
        ("wait", json!("2"), "from 1 to 60"),
        ("fail", json!("no"), "fail of egressd-cni is \"no\", and has to be `open` or `closed`"),
        ("socket", json!("run/x"), "has to be an absolute path"),
        ("prevResult", json!([]), "has to be an object"),
    ];
    for (field, value, sentence) in cases {
        let (code, msg) = refusal(&finished(begun("ADD", &config("1.0.0", &[(field, value)]))));
        assert!(code == 7 && msg.contains(sentence) && msg.contains("configuration file"), "{code}: {msg}");
    }
}

#[test]
fn what_cannot_be_a_request_is_refused_by_its_number() {
    let with = |command, input: &[u8]| refusal(&finished(begin(Request { command, arguments: POD, input }))).0;
    assert_eq!(with("ADD", b""), 6);
    assert_eq!(with("ADD", b"[]"), 6);
    assert_eq!(with("ADD", &vec![b' '; config::MAX_CONFIG + 1]), 6);
    assert_eq!(with("ADD", b"{}"), 1);
    assert_eq!(with("ADD", br#"{"cniVersion":"2.0.0"}"#), 1);
    assert_eq!(with("ADD", br#"{"cniVersion":"1.0.0"}"#), 7);
    assert_eq!(with("", b"{}"), 4);
    assert_eq!(with("add", b"{}"), 4);
}
