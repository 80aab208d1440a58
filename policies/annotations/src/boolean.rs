//! The grammar of yes and no: `true` or `false`, with blanks around it.
//!
//! kube-vip compares with `"true"` exactly and takes anything else for no, so `True` there is silently off. Here what
//! reads like yes is refused, because it would widen, and what reads like no is no: whoever writes `"False"` or leaves
//! the value empty wants less, and keeping what was in force would be more. Of a switch with which yes is less
//! (`ignore`) it is the same the other way round: what reads like yes is yes.

use egressd_policy_sdk::{Diagnostic, quoted};

use crate::annotations::Annotation;

/// Other texts for yes and no that people and templates write, in any case.
const YES: [&str; 6] = ["true", "yes", "on", "1", "y", "t"];
const NO: [&str; 6] = ["false", "no", "off", "0", "n", "f"];

/// Reads an annotation; an absent or empty one says neither yes nor no.
pub(crate) fn parse(annotation: Option<Annotation<'_>>) -> Result<Option<bool>, Vec<Diagnostic>> {
    let Some(annotation) = annotation.filter(|annotation| !annotation.is_empty()) else { return Ok(None) };
    let text = annotation.value.trim_ascii();
    match text {
        "true" => Ok(Some(true)),
        text if is_one_of(&NO, text) => Ok(Some(false)),
        text => Err(vec![annotation.error("not-a-boolean", offset(annotation.value), text, sentence(text))]),
    }
}

/// Reads the annotation of a switch that switches off: what reads like yes does.
pub(crate) fn parse_off_switch(annotation: Option<Annotation<'_>>) -> Result<Option<bool>, Vec<Diagnostic>> {
    if annotation.is_some_and(|annotation| reads_like_yes(annotation.value.trim_ascii())) {
        return Ok(Some(true));
    }
    parse(annotation)
}

/// What reads like no and is not written so.
pub(crate) fn warning(annotation: Option<Annotation<'_>>) -> Option<Diagnostic> {
    let annotation = annotation?;
    let text = annotation.value.trim_ascii();
    (text != "false" && is_one_of(&NO, text)).then(|| counts_as(annotation, "reads-as-false", "false"))
}

/// What reads like yes on a switch that switches off, and is not written so.
pub(crate) fn warning_of_off_switch(annotation: Option<Annotation<'_>>) -> Option<Diagnostic> {
    let annotation = annotation?;
    let text = annotation.value.trim_ascii();
    (text != "true" && reads_like_yes(text)).then(|| counts_as(annotation, "reads-as-true", "true"))
}

fn counts_as(annotation: Annotation<'_>, code: &str, right: &str) -> Diagnostic {
    let text = annotation.value.trim_ascii();
    let message = format!("{}: {} counts as \"{right}\"; write \"{right}\"", annotation.name, quoted(text));
    Diagnostic::warning(code, message).at(annotation.span(offset(annotation.value), text.len()))
}

/// Quotes within quotes are what templates leave.
fn reads_like_yes(text: &str) -> bool {
    is_one_of(&YES, text.trim_matches('"'))
}

/// Where the text without blanks begins.
fn offset(value: &str) -> usize {
    value.len() - value.trim_ascii_start().len()
}

fn is_one_of(texts: &[&str], text: &str) -> bool {
    texts.iter().any(|one| text.eq_ignore_ascii_case(one))
}

fn sentence(text: &str) -> &'static str {
    if reads_like_yes(text) {
        "is not a boolean; write \"true\""
    } else {
        "is not a boolean; write \"true\" or \"false\""
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_off_switch, warning, warning_of_off_switch};
    use crate::annotations::Annotation;

    fn annotation(value: &str) -> Annotation<'_> {
        Annotation { full_name: "kube-vip.io/egress", name: "egress", value }
    }

    #[test]
    fn true_and_false_are_read_with_blanks_around() {
        assert_eq!(parse(None), Ok(None));
        for (value, meaning) in
            [("true", true), ("false", false), (" true", true), ("false\n", false), ("\ttrue ", true)]
        {
            assert_eq!(parse(Some(annotation(value))), Ok(Some(meaning)), "{value:?}");
        }
    }

    #[test]
    fn everything_else_is_wrong_and_says_what_to_write() {
        for (value, right) in [
            ("True", "write \"true\""),
            ("TRUE", "write \"true\""),
            ("yes", "write \"true\""),
            ("1", "write \"true\""),
            ("\"true\"", "write \"true\""),
            ("tru e", "write \"true\" or \"false\""),
            ("true,", "write \"true\" or \"false\""),
            ("\u{a0}true", "write \"true\" or \"false\""),
        ] {
            let wrong = parse(Some(annotation(value))).err().unwrap_or_default();
            let reported: Vec<_> = wrong.into_iter().map(|d| (d.code, d.message)).collect();
            let message = format!("egress: {value:?} is not a boolean; {right}");
            assert_eq!(reported, [("not-a-boolean".to_owned(), message)]);
        }
    }

    #[test]
    fn what_reads_like_no_is_no_and_a_warning() {
        for value in ["False", "FALSE", " no ", "off", "0", "N"] {
            assert_eq!(parse(Some(annotation(value))), Ok(Some(false)), "{value:?}");
            let warned = warning(Some(annotation(value))).map(|diagnostic| diagnostic.message);
            assert_eq!(warned, Some(format!("egress: {:?} counts as \"false\"; write \"false\"", value.trim())));
        }
        for value in ["false", " false", "true", "", "junk"] {
            assert_eq!(warning(Some(annotation(value))), None, "{value:?}");
        }
    }

    #[test]
    fn on_a_switch_that_switches_off_what_reads_like_yes_is_yes_and_a_warning() {
        for value in ["True", "TRUE", " yes ", "on", "1", "y", "\"true\""] {
            assert_eq!(parse_off_switch(Some(annotation(value))), Ok(Some(true)), "{value:?}");
            let warned = warning_of_off_switch(Some(annotation(value))).map(|diagnostic| diagnostic.message);
            assert_eq!(warned, Some(format!("egress: {:?} counts as \"true\"; write \"true\"", value.trim())));
        }
        for value in ["true", " true", "false", "False", "", "junk", "true,"] {
            assert_eq!(parse_off_switch(Some(annotation(value))), parse(Some(annotation(value))), "{value:?}");
            assert_eq!(warning_of_off_switch(Some(annotation(value))), None, "{value:?}");
        }
    }

    #[test]
    fn nothing_written_is_nothing_chosen() {
        for value in ["", " ", "\t\n"] {
            assert_eq!(parse(Some(annotation(value))), Ok(None), "{value:?}");
        }
    }

    #[test]
    fn the_span_leaves_blanks_out() {
        let wrong = parse(Some(annotation("  True "))).err().unwrap_or_default();
        let spans: Vec<_> =
            wrong.into_iter().filter_map(|d| d.span).map(|s| (s.annotation, s.offset, s.length)).collect();
        assert_eq!(spans, [("kube-vip.io/egress".to_owned(), 2, 4)]);
    }
}
