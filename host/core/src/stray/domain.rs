//! The owner of a name on a Service, by its domain.

use crate::model::AnnotationPrefix;
use egressd_vocabulary::spelling::{MOST_EDITS, edits};

/// A label of a domain from which on it is known by itself.
const KNOWN_BY_ITSELF: usize = 7;

/// The domain of policies' annotations, which people take for that of Services'.
const PRODUCT: &str = "egressd.io";

/// Whose a name is, by what stands before the slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// The prefix itself.
    Ours,
    /// The prefix in another case.
    OtherCase,
    /// One that can be taken for the prefix.
    Near,
    Absent,
}

/// What stands before the slash, and after it; none where it is another program's.
pub(super) fn split<'a>(name: &'a str, prefix: &AnnotationPrefix) -> Option<(Domain, &'a str)> {
    let Some((domain, rest)) = name.split_once('/') else {
        let behind = behind(name, prefix.as_str()).or_else(|| behind(name, PRODUCT));
        return Some(behind.map_or((Domain::Absent, name), |rest| (Domain::Near, rest)));
    };
    if domain == prefix.as_str() {
        return Some((Domain::Ours, rest));
    }
    // kube-vip knows no prefix but its own: with another one here, that one is not ours.
    if domain.eq_ignore_ascii_case(AnnotationPrefix::default().as_str()) && *prefix != AnnotationPrefix::default() {
        return None;
    }
    if domain.eq_ignore_ascii_case(prefix.as_str()) {
        return Some((Domain::OtherCase, rest));
    }
    let near = is_near_domain(domain, prefix.as_str()) || is_near_domain(domain, PRODUCT);
    near.then_some((Domain::Near, rest))
}

/// What follows a domain without the slash: `kube-vip.io.egress`.
fn behind<'a>(name: &'a str, domain: &str) -> Option<&'a str> {
    let beginning = name.get(..domain.len()).filter(|beginning| beginning.eq_ignore_ascii_case(domain))?;
    name[beginning.len()..].strip_prefix(['.', '-', '_', ':'])
}

/// Whether a domain is another one only by a slip: a few letters, or another end than `.io`. Domains that differ in a
/// number or in a part of two letters are siblings, as of two instances.
fn is_near_domain(domain: &str, ours: &str) -> bool {
    // Most are foreign, and of 30,000 Services all are looked at.
    if domain.len() > ours.len() + MOST_EDITS {
        return false;
    }
    let domain = domain.to_ascii_lowercase();
    same_beginning(&domain, ours) || edits(&domain, ours) <= MOST_EDITS && !are_siblings(&domain, ours)
}

/// `kubevip.com`, `kube-vip/`: domains of one owner have two labels.
fn same_beginning(domain: &str, ours: &str) -> bool {
    let Some((label, end)) = ours.split_once('.').filter(|(_, end)| !end.contains('.')) else { return false };
    let (first, rest) = domain.split_once('.').unwrap_or((domain, end));
    let bare = |label: &str| label.replace(['-', '_'], "");
    label.len() >= KNOWN_BY_ITSELF && !rest.contains('.') && bare(first) == bare(label)
}

fn are_siblings(one: &str, other: &str) -> bool {
    let parts = |domain: &str| domain.split(['.', '-']).map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (parts(one), parts(other));
    let is_number = |part: &str| part.len() <= 2 || part.bytes().any(|byte| byte.is_ascii_digit());
    let mut different = one.iter().zip(&other).filter(|(one, other)| one != other).peekable();
    // With the same parts one of them only has a dot for a dash.
    let is_another = different.peek().is_some();
    is_another && one.len() == other.len() && different.all(|(one, other)| is_number(one) || is_number(other))
}
