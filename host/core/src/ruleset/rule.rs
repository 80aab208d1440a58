//! Chains and rules.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Hook, LONGEST_COMMENT, Match, Name, Statement};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// A base chain's place; none for a chain that is only jumped to.
    pub hook: Option<Hook>,
    /// In order.
    pub rules: Vec<Rule>,
}

impl Chain {
    /// One that is only jumped to.
    pub fn with(rules: Vec<Rule>) -> Self {
        Self { hook: None, rules }
    }

    /// Whether a rule of it looks into such a set or map, to match.
    pub fn looks_into_any(&self, is_such: impl Fn(&Name) -> bool) -> bool {
        let sets = self.rules.iter().flat_map(|rule| &rule.matches).filter_map(Match::set);
        sets.into_iter().any(is_such)
    }

    /// The chains that it jumps to by itself, in order.
    pub fn jumps(&self) -> impl Iterator<Item = &Name> {
        self.rules.iter().flat_map(|rule| &rule.statements).filter_map(Statement::chain)
    }
}

/// Copies chains with all that they lead to. One that is there already has what it leads to beside it.
pub fn copy_reachable(from: &BTreeMap<Name, Chain>, mut wanted: Vec<Name>, to: &mut BTreeMap<Name, Chain>) {
    while let Some(name) = wanted.pop() {
        let Some(chain) = from.get(&name).filter(|_| !to.contains_key(&name)) else { continue };
        wanted.extend(chain.jumps().cloned());
        to.insert(name, chain.clone());
    }
}

/// A rule: all matches hold, then the statements, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// In order.
    pub matches: Vec<Match>,
    /// Executed in order where all conditions hold.
    pub statements: Vec<Statement>,
    /// The subject that it belongs to.
    pub tag: Option<Tag>,
}

impl Rule {
    /// For the packets of which all of this holds.
    pub fn new(matches: impl Into<Vec<Match>>, statements: impl Into<Vec<Statement>>) -> Self {
        Self { matches: matches.into(), statements: statements.into(), tag: None }
    }

    /// For every packet that gets there.
    pub fn always(statement: Statement) -> Self {
        Self::new([], [statement])
    }

    /// For the packets of which this holds.
    pub fn when(matched: Match, statement: Statement) -> Self {
        Self::new([matched], [statement])
    }

    /// The same with a tag.
    #[must_use]
    pub fn tagged(self, tag: Tag) -> Self {
        Self { tag: Some(tag), ..self }
    }
}

/// Whose a rule is, as its comment in the kernel: the UID of what asked for it, and which of its rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Separates the two parts of a comment.
    const SEPARATOR: char = '/';

    /// A tag; none where the UID has a separator, or the text is longer or stranger than a comment may be.
    pub fn new(subject: &str, rule: &str) -> Option<Self> {
        let whole = !subject.is_empty() && !subject.contains(Self::SEPARATOR);
        whole.then(|| Self::of_comment(&format!("{subject}{}{rule}", Self::SEPARATOR)))?
    }

    /// The tag in a comment; none where it is no comment of ours.
    pub fn of_comment(comment: &str) -> Option<Self> {
        let is_plain = |c: char| c == ' ' || c.is_ascii_graphic() && c != '"' && c != '\\';
        let (subject, _) = comment.split_once(Self::SEPARATOR)?;
        let fits = !subject.is_empty() && comment.len() <= LONGEST_COMMENT && comment.chars().all(is_plain);
        fits.then(|| Self(comment.into()))
    }

    /// The UID of what asked for it.
    pub fn subject(&self) -> &str {
        self.parts().0
    }

    /// Which of its rules.
    pub fn rule(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(Self::SEPARATOR).unwrap_or((&self.0, ""))
    }

    /// As a comment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_both_of_its_parts() {
        let tag = Tag::new("0a1b-uid", "web/443");
        let parts = tag.as_ref().map(|tag| (tag.subject(), tag.rule(), tag.as_str()));
        assert_eq!(parts, Some(("0a1b-uid", "web/443", "0a1b-uid/web/443")));
        for (subject, rule) in [("", "r"), ("a/b", "r"), ("a", "\""), ("a", "ä"), ("a", &"x".repeat(126))] {
            assert_eq!(Tag::new(subject, rule), None, "{subject} {rule}");
        }
    }
}
