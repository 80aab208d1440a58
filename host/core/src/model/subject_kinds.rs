//! Sets of kinds of subjects.

use std::collections::BTreeSet;
use std::fmt;

use super::SubjectKind;

/// Kinds of subjects: those that a policy handles, say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectKinds(BTreeSet<SubjectKind>);

impl SubjectKinds {
    /// Services alone.
    pub fn services() -> Self {
        [SubjectKind::Service].into_iter().collect()
    }

    pub fn has(&self, kind: SubjectKind) -> bool {
        self.0.contains(&kind)
    }
}

impl FromIterator<SubjectKind> for SubjectKinds {
    fn from_iter<I: IntoIterator<Item = SubjectKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().collect())
    }
}

/// As a sentence lists them; `no kind` where there is none.
impl fmt::Display for SubjectKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.0.iter().map(SubjectKind::to_string).collect();
        f.write_str(if kinds.is_empty() { "no kind" } else { "" })?;
        f.write_str(&kinds.join(", "))
    }
}
