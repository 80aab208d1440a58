//! Drafts that a member's contract has no form for. The subject is denied: a guard that is shown less than there is would let
//! pass what it never saw.

use super::{Contract, Member};
use crate::decision::{Draft, Rule};
use crate::finding::Finding;

/// The code of the finding on a subject whose draft a policy cannot be shown.
pub const DRAFT_NOT_SHOWN: &str = "draft-not-shown";

/// The first contract that has a form for all of a draft.
const WHOLE_SINCE: &str = "0.2.0";

/// What is reported where a member cannot be shown this draft.
pub(super) fn hidden(member: &Member, draft: &Draft) -> Option<Finding> {
    let version = match member.contract {
        Contract::Native | Contract::Subjects(_) => return None,
        Contract::Services(version) => version,
    };
    let what = beyond(draft)?;
    let message = format!(
        "policy {} cannot be shown {what}: it is a component of contract {version}; rebuild it with contract {WHOLE_SINCE}, or \
         leave that out of the draft",
        member.name
    );
    Some(Finding::error(DRAFT_NOT_SHOWN, message))
}

/// What contract 0.1.0 has no form for. That something is left to the host's settings it is shown as what that comes to.
fn beyond(draft: &Draft) -> Option<String> {
    let gateways = draft.gateways().map(|_| "gateways of the draft".to_owned());
    gateways.or_else(|| draft.rules().iter().find_map(beyond_in_rule))
}

fn beyond_in_rule(rule: &Rule) -> Option<String> {
    let fields = [
        ("several addresses", !rule.alternatives().is_empty()),
        ("translated-ports", rule.translated_ports().is_some()),
        ("dscp", rule.dscp().is_some()),
        ("mark", rule.mark().is_some()),
    ];
    let field = fields.into_iter().find_map(|(field, is_there)| is_there.then_some(field))?;
    Some(format!("{field} of rule {:?}", rule.id()))
}
