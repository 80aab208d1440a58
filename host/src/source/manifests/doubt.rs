//! Whether what cannot be read of a manifest could say where pods live, or which node announces addresses: then what is inside
//! is not known (P2), or who holds addresses.

use egressd_core::model::ChangeKey;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::source::kind::Kind;

/// Kinds that say where pods live, and lists of them, in lower case.
const NETWORKS: [&str; 8] = [
    "node",
    "nodelist",
    "ippool",
    "ippoollist",
    "ciliumnode",
    "ciliumnodelist",
    "ciliumpodippool",
    "ciliumpodippoollist",
];

/// The same of kinds that say which node announces addresses.
const CLAIMS: [&str; 4] = ["servicel2status", "servicel2statuslist", "lease", "leaselist"];

/// The beginning of the versions of these kinds: of an object whose kind is misspelled or missing, too.
const CLAIM_GROUPS: [&str; 2] = ["metallb.io/v", "coordination.k8s.io/v"];

/// What a manifest could say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PossibleObjects {
    /// Where pods live.
    pub(super) networks: Likelihood,
    /// Which node announces addresses.
    pub(super) claims: Likelihood,
}

/// How likely it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Likelihood {
    /// All of it is read, or its text names no such object.
    #[default]
    None,
    /// There is no text to look at.
    Possible,
    /// Its text names such an object.
    Likely,
}

impl PossibleObjects {
    /// Of a file that has no text. Most clusters have no claims in manifests, so that it is not taken for one.
    pub(super) fn without_text() -> Self {
        Self { networks: Likelihood::Possible, claims: Likelihood::None }
    }

    /// Of a file that cannot be read as text, or of which a part cannot.
    pub(super) fn of_error(error: &files::Error) -> Self {
        match error {
            files::Error::Encoding { legible, .. } => {
                let Self { networks, claims } = Self::of_text(legible);
                Self { networks: networks.max(Likelihood::Possible), claims }
            }
            files::Error::System(_)
            | files::Error::Special(_)
            | files::Error::Long { .. }
            | files::Error::Binary
            | files::Error::Utf16 => Self::without_text(),
        }
    }

    /// Of a text, some of which cannot be read.
    pub(super) fn of_text(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::without_text();
        }
        let claims =
            if CLAIM_GROUPS.iter().any(|group| text.contains(group)) { Likelihood::Likely } else { Likelihood::None };
        Self {
            networks: Likelihood::of_kinds(&NETWORKS, text),
            claims: claims.max(Likelihood::of_kinds(&CLAIMS, text)),
        }
    }

    /// Of objects of these kinds whose names cannot be read.
    pub(super) fn of_kinds(kinds: &[Kind]) -> Self {
        let any =
            |is_such: fn(&Kind) -> bool| if kinds.iter().any(is_such) { Likelihood::Likely } else { Likelihood::None };
        Self {
            networks: any(|kind| matches!(kind, Kind::Nodes | Kind::Networks(_))),
            claims: any(|kind| matches!(kind, Kind::Claims(_))),
        }
    }

    /// Whether there is none.
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// What to look at again when they come or go.
    pub(super) fn keys(self) -> impl Iterator<Item = ChangeKey> {
        self.differing(Self::default())
    }

    /// The same where there were others before.
    pub(super) fn differing(self, before: Self) -> impl Iterator<Item = ChangeKey> {
        let networks = (self.networks != before.networks).then_some(ChangeKey::Cluster);
        networks.into_iter().chain((self.claims != before.claims).then_some(ChangeKey::Announced))
    }
}

impl Likelihood {
    /// Whether a text names an object of one of these kinds.
    fn of_kinds(kinds: &[&str], text: &str) -> Self {
        let lower = text.to_lowercase();
        let mut after_kind = lower.split("kind").skip(1);
        let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
        let names_one = after_kind.any(|after| {
            let Some(value) = after.trim_start_matches(is_around).strip_prefix(':') else { return false };
            let value = value.trim_start_matches(is_around);
            let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
            value.get(..end).is_some_and(|value| kinds.contains(&value))
        });
        if names_one { Self::Likely } else { Self::None }
    }
}

#[cfg(test)]
mod tests {
    use super::{Likelihood, PossibleObjects};

    #[test]
    fn a_text_that_names_a_node_or_a_pool_is_in_doubt_however_it_is_written() {
        for text in
            ["kind: Node\nspec: [", "{\"kind\": \"Node\",", "- {kind: 'node', x", "KIND:NodeList", "kind: IPPool\n{"]
        {
            assert_eq!(
                PossibleObjects::of_text(text),
                PossibleObjects { networks: Likelihood::Likely, claims: Likelihood::None },
                "{text}"
            );
        }
        for text in
            ["kind: Service\nmetadata: [", "# a kind node\nnode: kind", "kind: NodePort", "{", "nodes: of a kind"]
        {
            assert!(PossibleObjects::of_text(text).is_none(), "{text}");
        }
        assert_eq!(
            PossibleObjects::of_text(" \n"),
            PossibleObjects { networks: Likelihood::Possible, claims: Likelihood::None }
        );
    }

    #[test]
    fn a_text_that_names_a_lease_or_a_status_leaves_open_which_node_announces() {
        for text in ["kind: Lease\nspec: [", "{\"kind\": \"ServiceL2Status\",", "- {kind: 'LeaseList', x"] {
            assert_eq!(
                PossibleObjects::of_text(text),
                PossibleObjects { networks: Likelihood::None, claims: Likelihood::Likely },
                "{text}"
            );
        }
        for text in ["kind: LeaseCandidate\nspec: [", "# a kind of lease: it ends"] {
            assert!(PossibleObjects::of_text(text).is_none(), "{text}");
        }
    }
}
