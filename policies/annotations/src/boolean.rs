//! The grammar of yes and no: `true` or `false`, with blanks around it, and nothing else.
//!
//! kube-vip compares with `"true"` exactly and takes anything else for no, so `True` there is silently off.

use egressd_policy_sdk::Diagnostic;

use crate::annotations::Annotation;

/// Reads an annotation; an absent one says neither yes nor no.
pub(crate) fn parse(annotation: Option<Annotation<'_>>) -> Result<Option<bool>, Vec<Diagnostic>> {
    let Some(annotation) = annotation else { return Ok(None) };
    let text = annotation.value.trim_ascii();
    match text {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(vec![annotation.error("not-a-boolean", offset(annotation.value), text, &sentence(text))]),
    }
}

/// Where the text without blanks begins.
fn offset(value: &str) -> usize {
    value.len() - value.trim_ascii_start().len()
}

fn sentence(text: &str) -> String {
    let yes = ["true", "yes", "on", "1", "y", "t"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let no = ["false", "no", "off", "0", "n", "f"].iter().any(|word| text.eq_ignore_ascii_case(word));
    match (yes, no) {
        (true, _) => "is not a boolean; write \"true\"".to_owned(),
        (false, true) => "is not a boolean; write \"false\"".to_owned(),
        (false, false) => "is not a boolean; write \"true\" or \"false\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
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
            ("False", "write \"false\""),
            ("", "write \"true\" or \"false\""),
            ("tru e", "write \"true\" or \"false\""),
            ("true,", "write \"true\" or \"false\""),
            ("\u{a0}true", "write \"true\" or \"false\""),
        ] {
            let wrong = parse(Some(annotation(value))).err().unwrap_or_default();
            let told: Vec<_> = wrong.into_iter().map(|d| (d.code, d.message)).collect();
            let message = format!("egress: {value:?} is not a boolean; {right}");
            assert_eq!(told, [("not-a-boolean".to_owned(), message)]);
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
