//! A ConfigMap → the settings of a policy.

use egressd::source::documents::Object;
use egressd::source::kind::Kind;
use egressd::source::read::read;
use egressd_core::finding::Finding;
use egressd_core::model::PolicyObject;
use egressd_core::policy::{Module, PolicySpec, Selector};
use serde_json::Value;

use super::InputResult;

/// The name under which a component is not needed.
const BUILT_IN: &str = "annotations";

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let Ok(object) = serde_json::from_slice::<Value>(bytes) else { return InputResult::Refused };
    let read = read(Kind::Policies, &object, None).ok().and_then(|reading| reading.object);
    let Some(Object::Policy(_, policy)) = read else { return InputResult::Refused };
    match PolicySpec::read(&policy, BUILT_IN) {
        Ok(spec) => {
            is_what_was_asked_for(&spec, &policy);
            InputResult::Taken
        }
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a reason");
            findings.iter().for_each(|finding| is_in_place(finding, &policy));
            InputResult::Refused
        }
    }
}

fn is_what_was_asked_for(spec: &PolicySpec, policy: &PolicyObject) {
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    assert!(!spec.name.is_empty() && spec.name.bytes().all(is_label), "{:?} becomes a file's name", spec.name);
    assert_eq!(spec.module == Module::BuiltIn, policy.wasm.is_none() && policy.gzip.is_none());
    assert!(spec.digest.iter().all(|digest| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())));
    for selector in [&spec.scope.namespaces, &spec.scope.services] {
        let printed = selector.to_string();
        assert_eq!(printed.parse::<Selector>().as_ref(), Ok(selector), "{printed:?}");
    }
}

fn is_in_place(finding: &Finding, policy: &PolicyObject) {
    let Some(span) = &finding.span else { return };
    let value = policy.annotations.get(&span.annotation);
    let part = value.and_then(|value| value.get(span.offset..span.offset.checked_add(span.length)?));
    assert!(part.is_some(), "{span:?} is outside {value:?}");
}
