//! The names in the contract: its versions, its worlds, and what a component of each exports.

use std::fmt;

use egressd_core::chain::Contract;

/// The contract's package, up to the name of an interface.
pub(super) const PACKAGE: &str = "egressd:policy/";

/// A version of the contract that is served. A component is built for one version, and every version is a contract of its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `egressd:policy@0.1.0`: Services only.
    V0_1,
    /// `egressd:policy@0.2.0`: subjects of any kind, and endpoints of this node unless more are asked for.
    V0_2,
}

impl Version {
    /// All, from the oldest to the newest.
    pub const ALL: [Self; 2] = [Self::V0_1, Self::V0_2];

    /// The one that the SDK of this egressd implements.
    pub const NEWEST: Self = Self::V0_2;

    /// The number after the `@` of names.
    pub fn number(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1.0",
            Self::V0_2 => "0.2.0",
        }
    }

    /// What subjects it has a form for.
    pub fn form(self) -> Contract {
        match self {
            Self::V0_1 => Contract::Services(self.number()),
            Self::V0_2 => Contract::Subjects(self.number()),
        }
    }

    /// The version with this number, if it is served.
    pub(super) fn of(number: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }

    /// The numbers of all, for sentences.
    pub(super) fn all() -> String {
        Self::ALL.map(Self::number).join(" and ")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// It answers with a draft.
    Policy,
    /// It reports on the draft of all policies.
    Validator,
}

impl World {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Policy, Self::Validator];

    /// The interface that a component of this world exports, without package and version.
    fn interface(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Policy, Version::V0_1 | Version::V0_2) => "evaluator",
            (Self::Validator, Version::V0_1) => "complainer",
            (Self::Validator, Version::V0_2) => "checker",
        }
    }

    /// The same in full.
    pub(super) fn export(self, version: Version) -> String {
        format!("{PACKAGE}{}@{version}", self.interface(version))
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

/// What a component of world `subjects` exports, of which there is none that this egressd can ask.
pub(super) const SELECTOR: &str = "egressd:policy/selector@0.2.0";

/// Of which version and for what a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) version: Version,
    pub(super) world: World,
}

impl Kind {
    /// Every kind that is served.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let worlds = |version| World::ALL.into_iter().map(move |world| Self { version, world });
        Version::ALL.into_iter().flat_map(worlds)
    }

    /// The interface that such a component exports, in full.
    pub(super) fn export(self) -> String {
        self.world.export(self.version)
    }
}
