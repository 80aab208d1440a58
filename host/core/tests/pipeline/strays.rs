//! Names that are almost those that are read: the policies never see them, and the pipeline does.

use egressd_core::finding::Severity;
use egressd_core::model::ServiceType;

use super::*;

const MISSPELLED: &str = "kube-vip.io/Egress-Destination-Ports";

/// `web` with one more annotation.
fn with(action: Option<&str>, annotation: &str) -> Service {
    let mut service = web(action);
    service.annotations.insert(annotation.to_owned(), "tcp:443".to_owned());
    service
}

fn found(round: &Round) -> Vec<(Severity, &str)> {
    let status = &round.statuses[&SubjectKey::service("default", "web")];
    status.findings.iter().map(|finding| (finding.severity, finding.code.as_str())).collect()
}

#[test]
fn a_misspelled_filter_beside_a_request_leaves_in_force_what_was_accepted_last() {
    let mut fixture = Fixture::new();
    fixture.web(Some("translate"), &["10.0.0.1"]);
    let mut labelled = web(Some("translate"));
    labelled.labels.insert("kube-vip.io/egress-denied-networks".to_owned(), "x".to_owned());
    for service in [with(Some("translate"), MISSPELLED), with(Some("translate"), "egress-source-port"), labelled] {
        let round = fixture.put(service, &["10.0.0.1", "10.0.0.2"]);
        assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "10.0.0.1,10.0.0.2 -> 11.0.0.2"));
        assert_eq!(found(&round), [(Severity::Error, "misspelled-name"), (Severity::Info, "last-good-in-force")]);
    }
    let mut later = Fixture::remembering(fixture.pipeline.accepted().clone());
    let round = later.put(with(Some("translate"), MISSPELLED), &["10.0.0.3"]);
    assert_eq!(in_force(&round), "10.0.0.3 -> 11.0.0.2", "after a restart as well");
    let corrected = fixture.web(Some("translate"), &["10.0.0.2"]);
    assert_eq!((state(&corrected), in_force(&corrected).as_str()), (State::Translating, "10.0.0.2 -> 11.0.0.2"));
}

#[test]
fn with_nothing_accepted_before_a_misspelled_filter_translates_nothing() {
    let round = Fixture::new().put(with(Some("translate"), MISSPELLED), &["10.0.0.1"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Invalid, "nothing"));
}

#[test]
fn what_narrows_nothing_is_a_warning_and_what_is_asked_for_is_in_force() {
    let round = Fixture::new().put(with(Some("translate"), "kube-vip.io/loadBalancerIPs"), &["10.0.0.1"]);
    assert_eq!((state(&round), in_force(&round).as_str()), (State::Translating, "10.0.0.1 -> 11.0.0.2"));
    assert_eq!(found(&round), [(Severity::Warning, "misspelled-name")]);
}

#[test]
fn where_nothing_is_asked_for_by_its_right_name_the_misspelled_one_is_reported() {
    for kind in [ServiceType::LoadBalancer, ServiceType::ClusterIp, ServiceType::NodePort] {
        let mut fixture = Fixture::new();
        fixture.reload([annotation_policy().reading(egressd_core::model::Interest::new(&["do".to_owned()], &[]))]);
        let round = fixture.put(Service { kind, ..with(None, "kube-vip.io/egres") }, &["10.0.0.1"]);
        assert_eq!(
            (state(&round), found(&round)),
            (State::Idle, vec![(Severity::Warning, "misspelled-name")]),
            "{kind}"
        );
        let round = fixture.put(Service { kind, ..web(None) }, &["10.0.0.1"]);
        assert!(round.statuses.values().all(|status| status.findings.is_empty()), "{kind}");
    }
}
