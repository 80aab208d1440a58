//! What the running egressd answers.

use egressd_core::text::Text;
use serde_json::Value;

/// What is known about a pod's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its rules are in force.
    InForce,
    /// No Service selects it.
    Unselected,
    /// They were not in force in time.
    Late(String),
    /// egressd cannot know, for now or as it is configured.
    Unavailable(String),
    /// egressd did not understand the question, which does not change.
    Refused(String),
    /// One was there and closed the connection: it ends, or has too many others.
    Cut,
    /// None is there.
    Unreachable(String),
}

/// Reads the whole answer to the one request of a connection.
pub(super) fn read(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut status = head.lines().next().unwrap_or_default().split(' ');
    match (status.next(), status.next()) {
        (Some("HTTP/1.1"), Some("200")) => answered(body),
        (Some("HTTP/1.1"), Some("400")) => Outcome::Refused(message(body)),
        (Some("HTTP/1.1"), Some(code)) => {
            Outcome::Unavailable(format!("it answers {}, so it is of a release without this question", Text::new(code)))
        }
        _ if bytes.is_empty() => Outcome::Cut,
        _ => Outcome::Unavailable("its answer is no HTTP, so it is of a release without this question".to_owned()),
    }
}

fn answered(body: &str) -> Outcome {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    let message = Text::new(message).as_str().to_owned();
    match answer.get("answer").and_then(Value::as_str) {
        Some("in-force") => Outcome::InForce,
        Some("unselected") => Outcome::Unselected,
        Some("timeout") => Outcome::Late(message),
        Some("unavailable") => Outcome::Unavailable(message),
        // Unknown is never open.
        Some(_) | None => Outcome::Unavailable("its answer is of another release".to_owned()),
    }
}

/// The message of a refusal: JSON as other answers, or plain text.
fn message(body: &str) -> String {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let message = answer.get("message").and_then(Value::as_str).unwrap_or(body);
    Text::new(message.trim()).as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(status: &str, body: &str) -> Outcome {
        read(format!("HTTP/1.1 {status}\r\ncontent-length: 1\r\n\r\n{body}").as_bytes())
    }

    #[test]
    fn each_answer_is_known_by_its_name() {
        let body = |answer: &str| format!(r#"{{"answer":"{answer}","message":"why"}}"#);
        let why = || "why".to_owned();
        assert_eq!(with("200 OK", &body("in-force")), Outcome::InForce);
        assert_eq!(with("200 OK", &body("unselected")), Outcome::Unselected);
        assert_eq!(with("200 OK", &body("timeout")), Outcome::Late(why()));
        assert_eq!(with("200 OK", &body("unavailable")), Outcome::Unavailable(why()));
        assert_eq!(with("400 Bad Request", &body("")), Outcome::Refused(why()));
        assert_eq!(with("400 Bad Request", "why\n"), Outcome::Refused(why()));
    }

    #[test]
    fn what_is_not_understood_is_never_in_force() {
        for body in ["", "{}", "[1]", r#"{"answer":"perhaps"}"#, r#"{"answer":1}"#] {
            assert!(matches!(with("200 OK", body), Outcome::Unavailable(_)), "{body}");
        }
        assert!(matches!(with("404 Not Found", "there are ..."), Outcome::Unavailable(_)));
        for bytes in [&b"{\"node\":1}"[..], b"HTTP/1.1", b"\xff\xfe"] {
            assert!(matches!(read(bytes), Outcome::Unavailable(_)), "{bytes:?}");
        }
        assert_eq!(read(b""), Outcome::Cut);
    }
}
