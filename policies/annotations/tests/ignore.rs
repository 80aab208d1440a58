//! The switch that takes a Service out of egress.

use egressd_policy_annotations::Annotations;
use egressd_policy_sdk::testkit::{self, SubjectBuilder};
use egressd_policy_sdk::{Decision, Draft, Outcome, Severity};

fn web() -> SubjectBuilder {
    testkit::load_balancer("shop", "web").address("192.0.2.10").local_endpoint("10.244.1.7")
}

fn egress() -> SubjectBuilder {
    web().annotation("kube-vip.io/egress", "true")
}

fn evaluate(service: SubjectBuilder) -> Outcome {
    testkit::evaluate::<Annotations>("{}", &service.build(), Draft::default())
}

/// Severity and code of each diagnostic.
fn reported(outcome: &Outcome) -> Vec<(Severity, &str)> {
    outcome.diagnostics.iter().map(|d| (d.severity, d.code.as_str())).collect()
}

#[test]
fn an_ignore_that_reads_like_yes_switches_off_and_one_that_reads_like_neither_keeps_what_it_was() {
    for value in ["True", "yes", "ON", "1", " true "] {
        let ignored = evaluate(egress().annotation("kube-vip.io/ignore", value));
        assert_eq!(ignored.decision, Decision::Pass, "{value}");
        let warned = reported(&ignored).contains(&(Severity::Warning, "reads-as-true"));
        assert_eq!(warned, value.trim() != "true", "{value}");
    }
    assert_eq!(evaluate(web().annotation("kube-vip.io/ignore", "yes")), Outcome::pass());
    let unclear = evaluate(egress().annotation("kube-vip.io/ignore", "maybe"));
    assert_eq!(reported(&unclear), [(Severity::Error, "not-a-boolean")]);
    assert_eq!(unclear.decision, Decision::Invalid);
    let no = evaluate(egress().annotation("kube-vip.io/ignore", "No"));
    assert_eq!((no.draft(), reported(&no)), (evaluate(egress()).draft(), vec![(Severity::Warning, "reads-as-false")]));
}
