//! The grammar of yes and no: `true` or `false`, with blanks around it, and nothing else.
//!
//! kube-vip compares with `"true"` exactly and takes anything else for no, so `True` there is silently off.

use egressd_policy_sdk::Diagnostic;

use crate::annotations::Annotation;

/// Reads an annotation; an absent one means no.
pub(crate) fn parse(annotation: Option<Annotation<'_>>) -> Result<bool, Diagnostic> {
    let Some(annotation) = annotation else { return Ok(false) };
    let text = annotation.value.trim_ascii();
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(annotation.error("not-a-boolean", offset(annotation.value), text, &sentence(text))),
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
        assert_eq!(parse(None), Ok(false));
        for (value, meaning) in
            [("true", true), ("false", false), (" true", true), ("false\n", false), ("\ttrue ", true)]
        {
            assert_eq!(parse(Some(annotation(value))), Ok(meaning), "{value:?}");
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
            let diagnostic = parse(Some(annotation(value))).err();
            let message = diagnostic.as_ref().map(|d| d.message.as_str()).unwrap_or_default();
            assert_eq!(message, format!("egress: {value:?} is not a boolean; {right}"));
            assert_eq!(diagnostic.map(|d| d.code), Some("not-a-boolean".to_owned()));
        }
    }

    #[test]
    fn the_span_leaves_blanks_out() {
        let span = parse(Some(annotation("  True "))).err().and_then(|d| d.span);
        assert_eq!(span.map(|s| (s.annotation, s.offset, s.length)), Some(("kube-vip.io/egress".to_owned(), 2, 4)));
    }
}
