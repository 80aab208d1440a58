//! Messages about the API server and its objects.

use std::sync::Arc;
use std::time::Duration;

use egressd::clock::Moment;
use egressd::source::cluster::event::{Content, Event, Kind, Reading};
use egressd::source::cluster::state::State;
use egressd::source::cluster::trouble::{ApiError, Verb};
use egressd::source::documents::Object;
use egressd::source::networks::Arguments;
use egressd_core::finding::Finding;
use egressd_core::model::ObjectReference;

/// All of them.
pub(super) fn findings() -> Vec<Finding> {
    errors().into_iter().map(at_one_time).chain(objects()).collect()
}

/// The time in a message is that of the test.
fn at_one_time(error: ApiError) -> Finding {
    let since = Moment::now();
    let finding = error.finding(since);
    let message = finding.message.replace(&since.to_string(), "2026-03-01T10:00:00Z");
    Finding { message: message.into(), ..finding }
}

fn errors() -> Vec<ApiError> {
    let server: Arc<str> = "https://192.0.2.1:6443".into();
    let user = || "the service account system:serviceaccount:egressd:egressd".to_owned();
    let forbidden = |verb, kind| ApiError::Forbidden { verb, kind, user: user() };
    vec![
        ApiError::timed_out(&server, Duration::from_secs(30)),
        ApiError::Away { server: Arc::clone(&server), cause: "Connection refused (os error 111)".to_owned() },
        ApiError::Certificate { server: Arc::clone(&server), cause: "certificate has expired".to_owned() },
        ApiError::Unauthorized { server: Arc::clone(&server) },
        forbidden(Verb::List, Kind::Slices),
        forbidden(Verb::List, Kind::Policies),
        forbidden(Verb::Watch, Kind::Pods),
        forbidden(Verb::List, Kind::EgressNodes),
        ApiError::Withdrawn { kind: Kind::Pods },
        ApiError::Refused {
            verb: Verb::Watch,
            kind: Kind::Nodes,
            server: Arc::clone(&server),
            code: 500,
            message: "etcdserver: request timed out".to_owned(),
        },
        ApiError::Unreadable {
            verb: Verb::List,
            kind: Kind::Services,
            server,
            cause: "expected value at line 1 column 1".to_owned(),
        },
    ]
}

/// Objects of which something cannot be read, the first of them twice: the second time it is known.
fn objects() -> Vec<Finding> {
    let read = |kind: Kind, namespace: &str, content: Content, faults: &[&str]| {
        let mut state = State::of([kind]);
        let name = ObjectReference::new(namespace, "web");
        let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
        state.apply(kind, Event::Changed(Reading { name, uid: Some("1-2-3".to_owned()), content, faults }));
        state.findings()
    };
    let unreadable = |kind, namespace| {
        read(kind, namespace, Content::Unreadable("spec.type \"Loud\" is not a type of Service".to_owned()), &[])
    };
    let node = Object::Node("web".to_owned(), Arc::default(), Arguments::new());
    let fault = "spec.podCIDRs[0] \"10.0.0.0/99\" is not a network like 10.244.1.0/24";
    [
        unreadable(Kind::Services, "shop"),
        unreadable(Kind::Slices, "shop"),
        read(Kind::Nodes, "", Content::Object(node), &[fault]),
    ]
    .concat()
}
