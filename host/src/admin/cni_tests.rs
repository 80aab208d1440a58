#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const WHOLE: &str =
    r#"{"namespace":"shop","name":"web-1","uid":"1-2","addresses":["10.0.0.5","fd00::5"],"wait_ms":1500}"#;

fn refused(body: &str) -> String {
    AddRequest::read(body.as_bytes()).unwrap_err().to_string()
}

fn answered(end: WaitEnd, trouble: Option<&str>) -> serde_json::Value {
    serde_json::from_str(&answer(&ObjectReference::new("shop", "web-1"), &end, trouble)).unwrap()
}

#[test]
fn a_request_is_read_with_and_without_a_uid() {
    let AddRequest { announcement, wait } = AddRequest::read(WHOLE.as_bytes()).unwrap();
    assert_eq!(announcement.pod, ObjectReference::new("shop", "web-1"));
    assert_eq!((announcement.uid, wait), (Some(Uid::new("1-2").unwrap()), Duration::from_millis(1500)));
    assert_eq!(announcement.addresses.len(), 2);
    for without in [WHOLE.replace("1-2", ""), WHOLE.replace(r#""uid":"1-2","#, "")] {
        assert_eq!(AddRequest::read(without.as_bytes()).unwrap().announcement.uid, None);
    }
}

#[test]
fn what_is_malformed_is_refused_with_the_reason() {
    let many = vec![r#""10.0.0.5""#; 17].join(",");
    let cases = [
        ("".to_owned(), "the body is not the JSON object of a pod"),
        ("[]".to_owned(), "the body is not the JSON object of a pod"),
        (WHOLE.replace("10.0.0.5", "10.0.0.5/24"), "the body is not the JSON object of a pod"),
        (WHOLE.replace(r#""wait_ms":1500"#, r#""wait_ms":-1"#), "the body is not the JSON object of a pod"),
        (WHOLE.replace("shop", ""), "namespace is empty or longer than 253 bytes"),
        (WHOLE.replace("web-1", &"x".repeat(254)), "name is empty or longer than 253 bytes"),
        (WHOLE.replace("1-2", "a b"), "uid \"a b\" is not 1 to 64 letters, digits or dashes"),
        (WHOLE.replace(r#""10.0.0.5","fd00::5""#, ""), "the pod has no address, or more than 16"),
        (WHOLE.replace(r#""10.0.0.5","fd00::5""#, &many), "the pod has no address, or more than 16"),
        (WHOLE.replace("1500", "60001"), "wait_ms is greater than 60000"),
    ];
    for (body, expected) in cases {
        let why = refused(&body);
        assert!(why.starts_with(expected), "{why}");
    }
    assert!(AddRequest::read(WHOLE.replace("1500", "60000").as_bytes()).is_ok());
}

#[test]
fn every_end_has_its_answer_and_one_sentence() {
    let key = SubjectKey::service("shop", "web");
    let waits = |missing| WaitEnd::Late(WaitState::Known(PodProgress::Waits(missing)));
    let cases = [
        (WaitEnd::Done(PodProgress::InForce([key.clone()].into())), "in-force"),
        (WaitEnd::Done(PodProgress::Unselected), "unselected"),
        (WaitEnd::Done(PodProgress::NotWatched), "unavailable"),
        (WaitEnd::Late(WaitState::NotBegun), "timeout"),
        (WaitEnd::TooMany, "timeout"),
        (waits(Missing::Object), "timeout"),
        (waits(Missing::Address), "timeout"),
        (waits(Missing::Answer(key.clone())), "timeout"),
        (waits(Missing::Commit(key.clone())), "timeout"),
    ];
    for (end, expected) in cases {
        let answer = answered(end, None);
        assert_eq!(answer["answer"], expected);
        assert!(answer["message"].as_str().is_some_and(|message| message.len() > 20), "{answer}");
    }
    let refused = answered(waits(Missing::Commit(key)), Some("the kernel refuses"));
    assert!(refused["message"].as_str().unwrap().ends_with("the kernel refuses"), "{refused}");
}
