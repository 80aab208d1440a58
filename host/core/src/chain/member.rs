//! The members of a chain and their order.

use std::fmt;
use std::sync::Arc;

use super::{Contract, Policy, Validator};
use crate::model::{Interest, SubjectKinds};
use crate::policy::{Mode, OnFailure, PolicySpec, Scope};

/// One policy of the chain, with what its operator says about it.
#[derive(Clone, Debug)]
pub struct Member {
    /// As status and messages name it.
    pub name: String,
    /// Smaller is asked earlier, among its kind.
    pub order: i32,
    /// Whether its answers are applied.
    pub mode: Mode,
    /// What becomes of a Service when it fails.
    pub on_failure: OnFailure,
    /// Which Services it is asked about.
    pub scope: Scope,
    /// Which annotations and labels it reads.
    pub interest: Interest,
    /// Which kinds of subjects it is asked about; those of any other kind in its scope are denied.
    pub handles: SubjectKinds,
    /// The version of the contract that it is called by.
    pub contract: Contract,
    /// The component, if it could be loaded.
    pub asked: MemberRole,
}

/// The part that a component has in the chain.
#[derive(Clone)]
pub enum MemberRole {
    /// Answers with a draft.
    Policy(Arc<dyn Policy>),
    /// Checks the draft of all policies, and can only refuse it.
    Validator(Arc<dyn Validator>),
    /// In vain: it could not be loaded, for this reason, and is to be missed.
    Missing(String),
}

impl fmt::Debug for MemberRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(policy) => write!(f, "Policy({})", policy.name()),
            Self::Validator(validator) => write!(f, "Validator({})", validator.name()),
            Self::Missing(reason) => write!(f, "Missing({reason})"),
        }
    }
}

impl Member {
    /// A policy of this program that is asked about every Service and whose failures keep the last good rules.
    pub fn new(asked: MemberRole) -> Self {
        let name = match &asked {
            MemberRole::Policy(policy) => policy.name().to_owned(),
            MemberRole::Validator(validator) => validator.name().to_owned(),
            MemberRole::Missing(_) => String::new(),
        };
        let interest = match &asked {
            MemberRole::Policy(_) | MemberRole::Validator(_) => Interest::everything(),
            MemberRole::Missing(_) => Interest::default(),
        };
        Self {
            name,
            order: 0,
            mode: Mode::default(),
            on_failure: OnFailure::default(),
            scope: Scope::default(),
            interest,
            handles: SubjectKinds::services(),
            contract: Contract::Native,
            asked,
        }
    }

    /// The same with what a ConfigMap says.
    #[must_use]
    pub fn with(self, spec: &PolicySpec) -> Self {
        let PolicySpec { name, order, mode, on_failure, need: _, scope, settings: _, module: _, digest: _ } =
            spec.clone();
        Self { name, order, mode, on_failure, scope, ..self }
    }

    /// The same, reading these annotations and labels and no others.
    #[must_use]
    pub fn reading(self, interest: Interest) -> Self {
        Self { interest, ..self }
    }

    /// The same, asked about subjects of these kinds, in the form that this contract has for them.
    #[must_use]
    pub fn handling(self, handles: SubjectKinds, contract: Contract) -> Self {
        Self { handles, contract, ..self }
    }

    /// Whether there is nothing to ask.
    pub(super) fn is_missing(&self) -> bool {
        match self.asked {
            MemberRole::Missing(_) => true,
            MemberRole::Policy(_) | MemberRole::Validator(_) => false,
        }
    }

    fn rank(&self) -> (Phase, i32, &str) {
        let phase = match self.asked {
            MemberRole::Policy(_) | MemberRole::Missing(_) => Phase::Draft,
            MemberRole::Validator(_) => Phase::Validate,
        };
        (phase, self.order, &self.name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Draft,
    Validate,
}

/// All policies: by order and then by name, and after all of them the validators, likewise.
#[derive(Clone, Debug, Default)]
pub struct Chain(Vec<Member>);

impl Chain {
    /// Puts them into their order. Those that are off are left out.
    pub fn new(members: impl IntoIterator<Item = Member>) -> Self {
        let mut members: Vec<Member> = members.into_iter().filter(|member| member.mode != Mode::Off).collect();
        members.sort_by(|a, b| a.rank().cmp(&b.rank()));
        Self(members)
    }

    /// In the order in which they are asked.
    pub fn members(&self) -> &[Member] {
        &self.0
    }

    /// Which annotations and labels its members read, and by which labels it is chosen who is asked.
    pub fn interest(&self) -> Interest {
        let with_interest =
            |all: Interest, member: &Member| all.and(&member.interest).choosing_by(member.scope.services.labels());
        self.0.iter().fold(Interest::default(), with_interest)
    }
}

/// A chain of one policy for all subjects.
impl From<Box<dyn Policy>> for Chain {
    fn from(policy: Box<dyn Policy>) -> Self {
        Self::new([Member::new(MemberRole::Policy(policy.into()))])
    }
}
