//! What policies are shown of a subject's namespace.

use egressd_core::model::{Interest, Namespace};

use super::*;

/// Reads annotations of namespaces that begin with `team/`.
fn reader_of_namespaces() -> Member {
    annotation_policy().reading(Interest::new(&["do".to_owned()], &[]).of_namespaces(&["team/".to_owned()]))
}

impl Fixture {
    /// Gives the namespace this annotation and no other; returns how many questions that costs.
    fn annotate(&mut self, name: &str, value: &str) -> usize {
        let namespace = Namespace { annotations: Labels::from([(name, value)]), ..Namespace::default() };
        self.snapshot.namespaces.insert("default".to_owned(), Arc::new(namespace));
        let before = self.asked;
        self.look_at([ChangeKey::Namespace("default".to_owned())]);
        self.asked - before
    }
}

#[test]
fn a_service_is_asked_about_again_where_an_annotation_of_its_namespace_changes_that_a_policy_reads() {
    let mut fixture = Fixture::new();
    fixture.reload([reader_of_namespaces()]);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    assert_eq!(fixture.annotate("team/gateway", "a"), 1);
    assert_eq!(fixture.annotate("team/gateway", "a"), 0);
    assert_eq!(fixture.annotate("team/gateway", "b"), 1);
}

#[test]
fn nothing_is_asked_where_an_annotation_of_a_namespace_changes_that_no_policy_is_shown() {
    let mut fixture = Fixture::new();
    fixture.reload([reader_of_namespaces()]);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    for name in ["note", "do", "egressd.io/note", "kubectl.kubernetes.io/last-applied-configuration"] {
        assert_eq!(fixture.annotate(name, "a"), 0, "{name}");
    }
    // One that reads everything is not shown what egressd and kubectl write, either.
    fixture.reload([annotation_policy()]);
    for name in ["egressd.io/note", "kubectl.kubernetes.io/last-applied-configuration"] {
        assert_eq!(fixture.annotate(name, "b"), 0, "{name}");
    }
    assert_eq!(fixture.annotate("note", "b"), 1);
}
