//! The kinds of subjects that a member can be asked about. A subject that it cannot be shown is denied: a guard that
//! does not see a subject cannot forbid it.

use super::Member;
use crate::finding::Finding;
use crate::model::{Subject, SubjectKind};

/// The code of the finding on a subject that a policy in whose scope it is cannot be shown.
pub const NOT_SHOWN: &str = "subject-not-supported";

/// The first contract that has a form for subjects of every kind.
const SUBJECTS_SINCE: &str = "0.2.0";

/// How a member is shown subjects, which decides what its author has to do about a kind that it does not handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// As they are: it is a part of this program.
    Native,
    /// By a version of the contract that has a form for Services alone.
    Services(&'static str),
    /// By a version of the contract that has a form for any kind.
    Subjects(&'static str),
}

/// The first of these members that cannot be shown this subject. One that could not be loaded has its own way: what it
/// would handle is not known.
pub(super) fn blind<'m>(members: &[&'m Member], subject: &Subject) -> Option<&'m Member> {
    members.iter().copied().find(|member| !member.is_missing() && !member.handles.has(subject.kind()))
}

/// What is reported about the subject.
pub(super) fn finding(member: &Member, kind: SubjectKind) -> Finding {
    let because = match member.contract {
        Contract::Native => format!("it is built into egressd and handles {} only", member.handles),
        Contract::Services(version) => format!(
            "it is a component of contract {version}, which knows Services only; rebuild it with contract {SUBJECTS_SINCE} and \
             list {kind} in its subject kinds"
        ),
        Contract::Subjects(version) => format!(
            "it is a component of contract {version} that lists {} in its subject kinds; list {kind} there, or take the \
             subject out of its scope",
            member.handles
        ),
    };
    let article = match kind {
        SubjectKind::Service => "a",
        SubjectKind::EgressPolicy => "an",
    };
    Finding::error(NOT_SHOWN, format!("policy {} cannot evaluate {article} {kind}: {because}", member.name))
}
