//! Text that is shown to people: of findings, and of the log in all its forms.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use egressd::log::{Form, Lines, MAX_LINE};
use egressd_core::text::{self, Text, is_plain, quoted};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::{InputResult, lossy};

/// The longest value in quotation marks, in bytes: 64 of it, escaped.
const MAX_QUOTED_LENGTH: usize = 512;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let written = lossy(bytes);
    let shown = Text::new(written.as_str());
    assert!(shown.len() <= text::MAX_MESSAGE_LENGTH && shown.chars().all(is_plain), "{shown:?}");
    assert_eq!(Text::new(shown.as_str()), shown, "what is plain stays as it is");
    assert!(
        quoted(&written).len() <= MAX_QUOTED_LENGTH && quoted(&written).chars().all(is_plain),
        "{}",
        quoted(&written)
    );
    for form in [Form::Plain, Form::Coloured, Form::Json] {
        is_one_line(form, &written);
    }
    InputResult::Taken
}

fn is_one_line(form: Form, written: &str) {
    let event = match form {
        Form::Plain | Form::Coloured => format!("{written}\n"),
        Form::Json => format!("{}\n", json!({"level": "INFO", "message": written})),
    };
    let logged = logged(form, event.as_bytes());
    let line = logged.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {logged:?}"));
    assert!(logged.len() <= MAX_LINE, "a line of {} bytes", logged.len());
    // Colours begin with the escape character, and it begins nothing else.
    let acts = |c: char| !(is_plain(c) || form == Form::Coloured && c == '\u{1b}');
    assert!(!line.contains(acts), "{line:?}");
    for (at, _) in line.match_indices('\u{1b}') {
        let colour = line[at + 1..].strip_prefix('[').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        assert!(colour.is_some_and(|rest| rest.starts_with('m')), "{line:?}");
    }
    if form == Form::Json {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert_eq!(value["level"], "INFO", "{line:?}");
    }
}

fn logged(form: Form, event: &[u8]) -> String {
    let kept = LogBuffer::default();
    let out = kept.clone();
    let lines = Lines::new(form, move || out.clone());
    lines.make_writer().write_all(event).unwrap_or_else(|error| panic!("cannot write: {error}"));
    String::from_utf8_lossy(&kept.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

#[derive(Clone, Debug, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
