//! A filter of ours in another domain. It may be another program's, so it is never bad input; but no program filters
//! egress that it is not asked for, and beside a request of ours it was probably meant for that.

use super::domain::split;
use super::{MISSPELLED_NAME, MOST_NAMES};
use crate::finding::{Finding, Severity, Span};
use crate::model::{AnnotationPrefix, Service};

/// What narrows egress.
const FILTERS: [&str; 4] =
    ["egress-source-ports", "egress-destination-ports", "egress-allowed-networks", "egress-denied-networks"];

/// What a program of another domain is asked for egress by.
const REQUEST: &str = "egress";

/// Whether it depends on an annotation of this name what is reported.
pub(super) fn matters(name: &str) -> bool {
    name.split_once('/').is_some_and(|(_, rest)| rest == REQUEST || filter(rest).is_some())
}

/// The filters in domains that ask for no egress on this Service, without those that stand there under our domain, too.
pub(super) fn filters(service: &Service, prefix: &AnnotationPrefix) -> impl Iterator<Item = Finding> {
    let of_others = service.annotations.iter().filter(|(name, _)| split(name, prefix).is_none());
    let found = of_others.filter_map(|(name, value)| {
        let (domain, rest) = name.split_once('/')?;
        let right = prefix.name(filter(rest)?);
        let has = |name: &str| service.annotations.contains_key(name);
        let is_meant = !has(&right) && !has(&format!("{domain}/{REQUEST}"));
        is_meant.then(|| warning(name, value, &right))
    });
    found.take(MOST_NAMES)
}

fn filter(rest: &str) -> Option<&'static str> {
    FILTERS.into_iter().find(|filter| *filter == rest)
}

fn warning(name: &str, value: &str, right: &str) -> Finding {
    let message = format!(
        "annotation {name} belongs to another domain and is not read; if it is meant for egress, write {right}"
    );
    let span = Span { annotation: name.to_owned(), offset: 0, length: value.len() };
    Finding { span: Some(span), ..Finding::new(Severity::Warning, MISSPELLED_NAME, message) }
}
