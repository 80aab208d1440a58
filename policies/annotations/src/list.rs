//! Lists: items between commas, with blanks around each, and none of them empty.

use std::collections::BTreeSet;

use egressd_policy_sdk::Diagnostic;

use crate::annotations::Annotation;

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

/// All items, each once and in order; or one diagnostic for each bad one.
pub(crate) fn parse<T: Clone + Ord>(
    annotation: Annotation<'_>,
    item: impl Fn(&str) -> Result<T, Mistake>,
) -> Result<Vec<T>, Vec<Diagnostic>> {
    let mut parsed = Vec::new();
    // Comparing each with each would cost a list of 1,000 networks most of what one evaluation may use.
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for (offset, text) in items(annotation.value) {
        match if text.is_empty() { Err(empty()) } else { item(text) } {
            Ok(item) if known.insert(item.clone()) => parsed.push(item),
            Ok(_) => {}
            Err(mistake) => wrong.push(annotation.error(mistake.code, offset, text, &mistake.sentence)),
        }
    }
    if wrong.is_empty() { Ok(parsed) } else { Err(wrong) }
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
    use super::{Mistake, parse};
    use crate::annotations::Annotation;

    fn words(value: &str) -> Result<Vec<String>, Vec<(usize, usize)>> {
        let annotation = Annotation { full_name: "kube-vip.io/words", name: "words", value };
        let item = |text: &str| if text == "bad" { Err(Mistake::new("bad", "is bad")) } else { Ok(text.to_owned()) };
        parse(annotation, item)
            .map_err(|wrong| wrong.into_iter().filter_map(|d| d.span).map(|span| (span.offset, span.length)).collect())
    }

    #[test]
    fn items_lose_their_blanks_and_doubles() {
        let good = |words: &[&str]| Ok(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(words("a"), good(&["a"]));
        assert_eq!(words(" a ,b\n, c"), good(&["a", "b", "c"]));
        assert_eq!(words("b,a,b"), good(&["b", "a"]));
    }

    #[test]
    fn every_bad_item_is_told_with_its_place() {
        assert_eq!(words("a, bad,b ,bad "), Err(vec![(3, 3), (10, 3)]));
        assert_eq!(words("ä,bad"), Err(vec![(3, 3)]));
    }

    #[test]
    fn an_empty_item_is_bad_wherever_it_stands() {
        assert_eq!(words(""), Err(vec![(0, 0)]));
        assert_eq!(words("  "), Err(vec![(2, 0)]));
        assert_eq!(words("a,"), Err(vec![(2, 0)]));
        assert_eq!(words(",a"), Err(vec![(0, 0)]));
        assert_eq!(words("a, ,b"), Err(vec![(3, 0)]));
    }
}
