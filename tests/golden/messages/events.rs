//! Notes of Events, by reason.

use egressd::instances::orphans::Orphan;
use egressd::kernel::nft::TableId;
use egressd::policies::{PolicyReport, PolicyState};
use egressd::publish::{EventText, Failing, Reason, policy_event};
use egressd_core::chain::{FailureKind, PolicyFailure};
use egressd_core::compile::Instance;
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{SubjectKey, SubjectKind};
use egressd_core::net::Family;
use egressd_core::status::{State, SubjectStatus};
use egressd_core::testkit::a;
use egressd_core::text::Text;

/// One line for each.
pub(super) fn lines() -> impl Iterator<Item = String> {
    let all = of_services().into_iter().chain(of_policies()).chain([EventText::removed(), orphaned()]);
    let all = all.chain(super::process::changed_tables().into_iter().map(|changed| EventText::changed_table(&changed)));
    all.map(|event| format!("{} {}: {}\n", event.reason.as_str(), event.event_type.as_str(), event.note))
}

fn status(state: State, findings: Vec<Finding>) -> SubjectStatus {
    let translated = state == State::Translating;
    SubjectStatus {
        state,
        addresses: translated.then(|| a("192.0.2.10")).into_iter().collect(),
        endpoints: if translated { (1..=6).map(|last| a(&format!("10.244.0.{last}"))).collect() } else { vec![] },
        policy: (state == State::Denied).then(|| "guard".to_owned()),
        findings,
        shadows: vec![],
    }
}

fn of_services() -> Vec<EventText> {
    let error = |code: &str, message: &str| Finding::error(code, message);
    let info = |code: &str, message: &str| Finding::new(Severity::Info, code, message);
    let elsewhere = "nothing is translated to 192.0.2.10 here: MetalLB announces it from node node-b";
    let failure = failing().1;
    let statuses = [
        status(State::Translating, vec![]),
        status(State::Translating, vec![Finding::warning("no-effect", "egress_withnftables is false")]),
        status(State::Idle, vec![]),
        status(State::Idle, vec![info("held-elsewhere", elsewhere)]),
        status(
            State::Invalid,
            vec![
                error("not-a-boolean", "egress: \"yes\" is not a boolean; write \"true\""),
                error("no-protocol", "egress-destination-ports: \"443\" has no protocol"),
            ],
        ),
        status(State::Denied, vec![error("forbidden", "port 25 is not allowed").of_policy(Text::new("guard"))]),
        status(State::Denied, vec![]),
        status(State::Failed, vec![failure.attributed(error("policy-failed", &failure.to_string()))]),
        SubjectStatus::held_back(SubjectKind::Service, Some(&status(State::Translating, vec![])), "EINVAL; retrying"),
    ];
    let events: Vec<EventText> = statuses.iter().filter_map(|status| EventText::of(status, "node-a")).collect();
    let changed = events.iter().take(2).cloned().map(|event| EventText { reason: Reason::Changed, ..event });
    events.iter().cloned().chain(changed).collect()
}

fn failing() -> Failing {
    let failure = PolicyFailure {
        policy: "guard".to_owned(),
        reason: "it trapped: unreachable executed".to_owned(),
        kind: FailureKind::Prompt,
    };
    (SubjectKey::service("shop", "web"), failure)
}

fn of_policies() -> Vec<EventText> {
    let report = |state| {
        let report = PolicyReport::unloaded("guard", state, None);
        PolicyReport { version: Some("1.2.0".to_owned()), ..report }
    };
    let trouble = "label egressd.io/required is not read; write egressd.io/required as an annotation";
    let refused = PolicyReport::unloaded("guard", PolicyState::Refused, Some(trouble.to_owned()));
    let states =
        [PolicyState::Enforced, PolicyState::Shadow, PolicyState::Off, PolicyState::Refused, PolicyState::Missed];
    let events = states.map(|state| policy_event(&report(state), None));
    let failed = policy_event(&report(PolicyState::Enforced), Some(&failing()));
    events.into_iter().chain([failed, policy_event(&refused, None)]).collect()
}

fn orphaned() -> EventText {
    let instance = Instance::Default;
    let name = instance.tables().of(Family::Ipv4).clone();
    EventText::orphaned(&Orphan { table: TableId { family: Family::Ipv4.into(), name }, instance, pods: 3 })
}
