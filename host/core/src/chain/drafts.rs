//! Drafts that the contract of a member cannot express. The subject is denied: a guard that sees only a part of the
//! draft would let the rest pass.

use super::{Contract, Member};
use crate::decision::{Draft, Rule};
use crate::finding::Finding;

/// The code of the finding on a subject whose draft a policy cannot be shown.
pub const DRAFT_NOT_SHOWN: &str = "draft-not-supported";

/// The first contract that has a form for all of a draft.
const WHOLE_SINCE: &str = "0.2.0";

/// What is reported where a member cannot be shown this draft.
pub(super) fn hidden(member: &Member, draft: &Draft) -> Option<Finding> {
    let version = match member.contract {
        Contract::Native | Contract::Subjects(_) => return None,
        Contract::Services(version) => version,
    };
    let finding = |what: &str| {
        let message = format!(
            "policy {} cannot receive {what}: it is a component of contract {version}; rebuild it with contract \
             {WHOLE_SINCE}, or leave that out of the draft",
            member.name
        );
        Finding::error(DRAFT_NOT_SHOWN, message)
    };
    if draft.gateways().is_some() {
        return Some(finding("gateways of the draft"));
    }
    let (rule, field) = draft.rules().iter().find_map(|rule| Some((rule, beyond(rule)?)))?;
    Some(finding(&format!("{field} of rule {:?}", rule.id())).about_rule(rule.id()))
}

/// What contract 0.1.0 has no form for. That something is left to the host's settings it is shown as what that comes
/// to.
fn beyond(rule: &Rule) -> Option<&'static str> {
    let fields = [
        ("several addresses", !rule.alternatives().is_empty()),
        ("translated-ports", rule.translated_ports().is_some()),
        ("dscp", rule.dscp().is_some()),
        ("mark", rule.mark().is_some()),
    ];
    fields.into_iter().find_map(|(field, is_there)| is_there.then_some(field))
}
