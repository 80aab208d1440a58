//! The names in the contract.

/// The contract's package, up to the name of an interface.
pub(super) const PACKAGE: &str = "egressd:policy/";

/// The one version that is served. A component is built against one version, and another is another contract.
pub(super) const VERSION: &str = "0.1.0";

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// It answers with a draft.
    Policy,
    /// It may only complain.
    Validator,
}

impl World {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Policy, Self::Validator];

    /// The interface that a component of this world exports, without package and version.
    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::Policy => "evaluator",
            Self::Validator => "complainer",
        }
    }

    /// The same in full.
    pub(super) fn export(self) -> String {
        format!("{PACKAGE}{}@{VERSION}", self.interface())
    }

    /// The function of it that is called for every Service.
    pub(super) fn question(self) -> &'static str {
        match self {
            Self::Policy => "evaluate",
            Self::Validator => "validate",
        }
    }

    /// What `wit/` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Validator => "validator",
        }
    }
}
