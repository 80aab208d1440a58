//! The rules of a part of a plan.

use std::borrow::Cow;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use crate::decision::{Draft, Rule};

/// Rules in order. Nearly all plans have all rules of what the policies answered, which is kept anyway: those share it.
#[derive(Clone, Debug)]
pub struct Rules(Origin);

#[derive(Clone, Debug)]
enum Origin {
    /// All of a draft.
    Draft(Arc<Draft>),
    /// Others.
    Own(Arc<[Rule]>),
}

impl Rules {
    /// Those of a draft that are left of it.
    pub(super) fn left(draft: &Arc<Draft>, left: Cow<'_, [Rule]>) -> Self {
        match left {
            Cow::Borrowed(rules) if std::ptr::eq(rules, draft.rules()) => Self(Origin::Draft(Arc::clone(draft))),
            Cow::Borrowed(_) | Cow::Owned(_) => Self(Origin::Own(left.into_owned().into())),
        }
    }
}

#[cfg(feature = "testkit")]
impl Rules {
    /// To change them in a test, as its own.
    pub fn to_mut(&mut self) -> &mut [Rule] {
        *self = self.iter().cloned().collect();
        match &mut self.0 {
            Origin::Own(rules) => Arc::make_mut(rules),
            Origin::Draft(_) => &mut [],
        }
    }
}

impl Deref for Rules {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        match &self.0 {
            Origin::Draft(draft) => draft.rules(),
            Origin::Own(rules) => rules,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self(Origin::Own(Arc::default()))
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Rules {}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        Self(Origin::Own(rules.into()))
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Self(Origin::Own(rules.into_iter().collect()))
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
