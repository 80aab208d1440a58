#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::*;
use crate::cni::plugin::{Request, Step, begin};

fn question(socket: &Path, wait: u64, fail: &str) -> Question {
    let config = json!({
        "cniVersion": "1.0.0", "socket": socket, "wait": wait, "fail": fail,
        "prevResult": {"ips": [{"address": "10.0.0.5/24"}, {"address": "fd00::5/64"}]},
    });
    let arguments = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u";
    match begin(Request { command: "ADD", arguments, input: config.to_string().as_bytes() }) {
        Step::Ask(question) => question,
        Step::Finish(output) => panic!("nothing is asked: {output:?}"),
    }
}

/// The text of one whole request.
fn received(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    let mut part = [0; 1024];
    loop {
        let length = stream.read(&mut part).unwrap();
        text += std::str::from_utf8(&part[..length]).unwrap();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(_, body)| serde_json::from_str::<Value>(body).is_ok());
        if whole || length == 0 {
            return text;
        }
    }
}

/// An egressd that gives these answers, one a connection, and shows what it was asked.
fn egressd(listener: UnixListener, answers: &'static [&'static str]) -> mpsc::Receiver<String> {
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            sender.send(received(&mut stream)).unwrap();
            let body = format!(r#"{{"answer":"{answer}","message":"why"}}"#);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    asked
}

#[test]
fn a_question_is_one_request_with_the_time_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let asked = egressd(UnixListener::bind(&socket).unwrap(), &["in-force"]);
    assert_eq!(ask(&question(&socket, 2, "open")), Outcome::InForce);
    let request = asked.recv().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /cni/add HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    let mut body: Value = serde_json::from_str(body).unwrap();
    let wait = body["wait_ms"].take().as_u64().unwrap();
    assert!((1000..=2000).contains(&wait), "{wait}");
    let expected = json!({
        "namespace": "shop", "name": "web-0", "uid": "u", "addresses": ["10.0.0.5", "fd00::5"], "wait_ms": null,
    });
    assert_eq!(body, expected);
}

#[test]
fn without_an_egressd_open_passes_at_once_and_closed_waits_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let begun = clock::now();
    assert!(matches!(ask(&question(&socket, 60, "open")), Outcome::Unreachable(_)));
    // A process that has ended leaves its socket.
    drop(UnixListener::bind(&socket).unwrap());
    assert!(matches!(ask(&question(&socket, 60, "open")), Outcome::Unreachable(_)));
    assert!(clock::since(begun) < Duration::from_secs(5));
    assert!(matches!(ask(&question(&socket, 1, "closed")), Outcome::Unreachable(_)));
    std::fs::remove_file(&socket).unwrap();
    let late = socket.clone();
    let starting = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        egressd(UnixListener::bind(&late).unwrap(), &["unavailable", "in-force"])
    });
    assert_eq!(ask(&question(&socket, 60, "closed")), Outcome::InForce);
    assert_eq!(starting.join().unwrap().iter().count(), 2);
}

#[test]
fn an_egressd_that_closes_a_connection_is_asked_again_and_one_that_has_ended_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let closing = thread::spawn(move || {
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        received(&mut stream);
        drop(stream);
        egressd(listener, &["in-force"]).iter().count()
    });
    assert_eq!(ask(&question(&socket, 60, "open")), Outcome::InForce);
    assert_eq!(closing.join().unwrap(), 1);
    let begun = clock::now();
    assert!(matches!(ask(&question(&socket, 60, "open")), Outcome::Unreachable(_)));
    assert!(clock::since(begun) < Duration::from_secs(5));
}

#[test]
fn what_egressd_knows_is_not_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let _asked = egressd(UnixListener::bind(&socket).unwrap(), &["timeout"]);
    assert_eq!(ask(&question(&socket, 60, "closed")), Outcome::Late("why".to_owned()));
}

#[test]
fn an_egressd_that_hangs_is_waited_for_as_long_as_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let _hangs = UnixListener::bind(&socket).unwrap();
    for fail in ["open", "closed"] {
        let begun = clock::now();
        assert!(matches!(ask(&question(&socket, 1, fail)), Outcome::Late(_)));
        let waited = clock::since(begun);
        assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(10), "{waited:?}");
    }
}
