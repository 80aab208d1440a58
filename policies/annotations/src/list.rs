//! Lists: items between commas, with blanks around each, and none of them empty.

use std::collections::BTreeSet;

use egressd_policy_sdk::{Diagnostic, MOST_DIAGNOSTICS, quoted};

use crate::annotations::Annotation;

/// How many items of a corrected list a sentence shows.
const MAX_SHOWN_MISTAKES: usize = 4;

/// What separates items in other lists.
const OTHER_SIGNS: [char; 2] = [';', '|'];

/// What is wrong with one item, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Kebab-case.
    pub(crate) code: &'static str,
    /// Goes on where the item's text ends.
    pub(crate) sentence: String,
}

impl Mistake {
    pub(crate) fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// All items, each once and in order, which may be `most`; or a diagnostic for each bad one, up to as many as an answer
/// has: what is behind those is not read, because it may be a hundred thousand more.
pub(crate) fn parse<T: Clone + Ord>(
    annotation: Annotation<'_>,
    most: usize,
    item: impl Fn(&str) -> Result<T, Mistake>,
) -> Result<Vec<T>, Vec<Diagnostic>> {
    let mut parsed = Vec::new();
    // Comparing each with each would cost a list of 1,000 networks most of what one evaluation may use.
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for (offset, text) in items(annotation.value) {
        if wrong.len() + 1 == MOST_DIAGNOSTICS {
            wrong.push(unread(annotation, offset));
            break;
        }
        match parse_item(text, &item) {
            Ok(item) if !known.insert(item.clone()) => {}
            Ok(_) if parsed.len() == most => return Err(vec![too_many(annotation, most)]),
            Ok(item) => parsed.push(item),
            Err(mistake) => wrong.push(annotation.error(mistake.code, offset, text, &mistake.sentence)),
        }
    }
    if wrong.is_empty() { Ok(parsed) } else { Err(wrong) }
}

/// One item; or what is wrong with it, which may be the list around it.
fn parse_item<T>(text: &str, item: impl Fn(&str) -> Result<T, Mistake>) -> Result<T, Mistake> {
    if text.is_empty() {
        return Err(empty());
    }
    item(text).map_err(|mistake| {
        let mut parts = parts(text);
        if text.contains('"') {
            Mistake::new("not-a-list", "is JSON; write items between commas, without brackets and quotes")
        } else if parts.clone().nth(1).is_some() && parts.all(|part| item(part).is_ok()) {
            no_comma(text)
        } else {
            mistake
        }
    })
}

/// What stands between blanks, and between the other signs that separate items elsewhere.
fn parts(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(|sign: char| sign.is_ascii_whitespace() || OTHER_SIGNS.contains(&sign)).filter(|part| !part.is_empty())
}

fn no_comma(text: &str) -> Mistake {
    let right: Vec<&str> = parts(text).take(MAX_SHOWN_MISTAKES + 1).collect();
    let rest = if right.len() > MAX_SHOWN_MISTAKES { ",..." } else { "" };
    let between = match text.chars().find(|sign| OTHER_SIGNS.contains(sign)) {
        Some(sign) => quoted(&sign.to_string()),
        None => "spaces".to_owned(),
    };
    let right = right[..right.len().min(MAX_SHOWN_MISTAKES)].join(",");
    Mistake::new("no-comma", format!("has {between} between items; separate them with commas: {right}{rest}"))
}

/// The rest from `offset` on, counted and not read.
fn unread(annotation: Annotation<'_>, offset: usize) -> Diagnostic {
    let rest = annotation.value.get(offset..).unwrap_or_default();
    let more = rest.bytes().filter(|byte| *byte == b',').count() + 1;
    let items = if more == 1 { "item" } else { "items" };
    let name = annotation.name;
    let message = format!("{name}: and {more} more {items}, not read; correct the ones before");
    Diagnostic::error("more-items", message).at(annotation.span(offset, rest.len()))
}

fn too_many(annotation: Annotation<'_>, most: usize) -> Diagnostic {
    let message = format!("{}: has more than {most} different items; write at most as many", annotation.name);
    Diagnostic::error("too-many-items", message).at(annotation.span(0, annotation.value.len()))
}

/// The items without blanks around them, and where each begins.
fn items(value: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    value.split(',').map(move |item| {
        let blanks = item.len() - item.trim_ascii_start().len();
        let offset = next + blanks;
        next += item.len() + 1;
        (offset, item.trim_ascii())
    })
}

fn empty() -> Mistake {
    Mistake::new("empty-item", "is an empty item; write something between the commas, or leave out a comma")
}

#[cfg(test)]
mod tests {
    use egressd_policy_sdk::MOST_DIAGNOSTICS;

    use super::{Mistake, parse};
    use crate::annotations::Annotation;

    fn parsed(value: &str) -> Result<Vec<String>, Vec<(usize, usize)>> {
        let annotation = Annotation { full_name: "kube-vip.io/list", name: "list", value };
        let item = |text: &str| if text == "bad" { Err(Mistake::new("bad", "is bad")) } else { Ok(text.to_owned()) };
        parse(annotation, 1_000, item)
            .map_err(|wrong| wrong.into_iter().filter_map(|d| d.span).map(|span| (span.offset, span.length)).collect())
    }

    #[test]
    fn items_lose_their_blanks_and_doubles() {
        let good = |parsed: &[&str]| Ok(parsed.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(parsed("a"), good(&["a"]));
        assert_eq!(parsed(" a ,b\n, c"), good(&["a", "b", "c"]));
        assert_eq!(parsed("b,a,b"), good(&["b", "a"]));
    }

    #[test]
    fn every_bad_item_is_reported_with_its_place() {
        assert_eq!(parsed("a, bad,b ,bad "), Err(vec![(3, 3), (10, 3)]));
        assert_eq!(parsed("ä,bad"), Err(vec![(3, 3)]));
    }

    #[test]
    fn the_sixteenth_finding_counts_what_is_behind_and_nothing_of_it_is_read() {
        let places = parsed(&vec!["bad"; 5_000].join(",")).err().unwrap_or_default();
        assert_eq!((places.len(), places.last().copied()), (MOST_DIAGNOSTICS, Some((60, 19_939))));
        let annotation = Annotation { full_name: "kube-vip.io/list", name: "list", value: &",".repeat(4_999) };
        let wrong = parse(annotation, 1_000, |text| Ok(text.to_owned())).err().unwrap_or_default();
        let last = wrong.last().map(|last| last.message.as_str());
        assert_eq!(last, Some("list: and 4985 more items, not read; correct the ones before"));
    }

    #[test]
    fn more_good_items_than_may_be_are_one_mistake() {
        let list = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(parsed(&list(1_000)).map(|parsed| parsed.len()), Ok(1_000));
        assert_eq!(
            parsed(&format!("{},0", list(1_000))).map(|parsed| parsed.len()),
            Ok(1_000),
            "a double is none more"
        );
        assert_eq!(parsed(&list(1_001)).map_err(|wrong| wrong.len()), Err(1));
    }

    #[test]
    fn an_empty_item_is_bad_wherever_it_stands() {
        assert_eq!(parsed(""), Err(vec![(0, 0)]));
        assert_eq!(parsed("  "), Err(vec![(2, 0)]));
        assert_eq!(parsed("a,"), Err(vec![(2, 0)]));
        assert_eq!(parsed(",a"), Err(vec![(0, 0)]));
        assert_eq!(parsed("a, ,b"), Err(vec![(3, 0)]));
    }
}
