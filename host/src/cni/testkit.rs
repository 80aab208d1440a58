//! What holds for any bytes that the plugin is given.

use std::time::Duration;

use serde_json::Value;

use super::answer::{self, Outcome};
use super::plugin::{End, Output, Request, Step, begin};

/// Whether something is read from these bytes as a configuration. Panics where a law does not hold.
pub fn plugin_laws(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    for command in ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", &text] {
        if let Step::Finish(output) = begin(Request { command, arguments: &text, input: bytes }) {
            is_well_formed(&output);
            assert!(command != "DEL" || output.end == End::Success, "a pod cannot go");
        }
    }
    let arguments = "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b";
    match begin(Request { command: "ADD", arguments, input: bytes }) {
        Step::Finish(output) => output.end == End::Success,
        Step::Ask(question) => {
            assert!(!question.addresses.is_empty() && question.wait <= super::MAX_WAIT, "{question:?}");
            let outcomes = [answer::read(bytes), Outcome::InForce, Outcome::Late(text.into_owned())];
            outcomes.into_iter().for_each(|outcome| is_well_formed(&question.finish(outcome)));
            assert!(question.body(Duration::MAX).is_object());
            true
        }
    }
}

fn is_well_formed(output: &Output) {
    let printed: Option<Value> = serde_json::from_str(&output.result).ok();
    match output.end {
        End::Success => assert!(output.result.is_empty() || printed.is_some_and(|result| result.is_object())),
        End::Failure => {
            let error = printed.unwrap_or_default();
            assert!(error["code"].is_u64() && error["msg"].is_string() && error["cniVersion"].is_string(), "{error}");
        }
    }
    assert!(!output.result.contains('\n'), "{output:?}");
}
