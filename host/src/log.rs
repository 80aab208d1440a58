//! How log lines are written: each event is one line of plain text and not longer than 4 KiB, whatever a field holds.

use std::io::{self, Write};

use egressd_core::text::{cut, is_plain};
use serde_json::Value;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged where nothing else is asked for. The client of the API server logs every failed try by itself; ours are
/// reported once, in one sentence.
pub const DEFAULT_FILTER: &str = "info,kube_client=off";

/// The longest line, in bytes, with its line feed.
pub const MAX_LINE: usize = 4096;

/// To this length the strings of a JSON line are cut that is too long, the first that suffices.
const SHORTER: [usize; 3] = [1024, 256, 32];

/// Ends colours that were cut off with the end of a line.
const RESET: &str = "\u{1b}[0m";

/// The sequences with which `tracing` colours a line, behind the escape character. A value can bring the same ones, and
/// then it is coloured: nothing is hidden or moved by them.
const COLOURS: [&str; 10] = ["[0m", "[1m", "[2m", "[3m", "[31m", "[32m", "[33m", "[34m", "[35m", "[36m"];

/// What the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Plain,
    /// Text with the colours of `tracing`.
    Coloured,
    /// One JSON object per line.
    Json,
}

/// Begins to log what a filter selects: the given one, or the default.
///
/// # Errors
/// When the given filter cannot be read. Then the default counts.
pub fn begin<O: Write + 'static>(
    form: Form,
    filter: Option<&str>,
    out: impl Fn() -> O + Send + Sync + 'static,
) -> Result<(), ParseError> {
    let parsed = filter.map(str::parse::<EnvFilter>).transpose();
    let default = || EnvFilter::new(DEFAULT_FILTER);
    let selected = parsed.as_ref().map_or_else(|_| default(), |given| given.clone().unwrap_or_else(default));
    let logging =
        tracing_subscriber::fmt().with_env_filter(selected).with_writer(Lines::new(form, out)).with_target(false);
    match form {
        Form::Plain | Form::Coloured => logging.with_ansi(form == Form::Coloured).init(),
        Form::Json => logging.json().flatten_event(true).init(),
    }
    parsed.map(drop)
}

/// Where lines go, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Lines<W> {
    form: Form,
    out: W,
}

/// Takes one event.
#[derive(Debug)]
pub struct Line<W> {
    form: Form,
    out: W,
}

impl<W> Lines<W> {
    /// Lines of one form; `out` gives the stream.
    pub fn new(form: Form, out: W) -> Self {
        Self { form, out }
    }
}

impl<'a, O: Write, W: Fn() -> O> MakeWriter<'a> for Lines<W> {
    type Writer = Line<O>;

    fn make_writer(&'a self) -> Line<O> {
        Line { form: self.form, out: (self.out)() }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = fit(self.form, text.strip_suffix('\n').unwrap_or(&text));
        // A full disk is no reason to stop. `tracing` would report an error on stderr, and panic where that fails, too.
        let _ = self.out.write_all(line.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The line with its line feed.
fn fit(form: Form, event: &str) -> String {
    let colours = |rest: &str| form == Form::Coloured && COLOURS.iter().any(|colour| rest[1..].starts_with(colour));
    let shown = |(at, c): (usize, char)| is_plain(c) || c == '\u{1b}' && colours(&event[at..]);
    let mut line: String =
        event.char_indices().map(|character| if shown(character) { character.1 } else { ' ' }).collect();
    let most = MAX_LINE - 1;
    match form {
        Form::Plain => cut(&mut line, most),
        Form::Coloured if line.len() > most => {
            cut(&mut line, most - RESET.len());
            line.push_str(RESET);
        }
        Form::Coloured => {}
        Form::Json => line = shorter_json(line, most),
    }
    line.push('\n');
    line
}

/// The same object with shorter strings, where it is too long.
fn shorter_json(line: String, most: usize) -> String {
    if line.len() <= most {
        return line;
    }
    let Ok(mut value) = serde_json::from_str::<Value>(&line) else { return String::new() };
    for length in SHORTER {
        shorten(&mut value, length);
        let line = value.to_string();
        if line.len() <= most {
            return line;
        }
    }
    String::new()
}

fn shorten(value: &mut Value, length: usize) {
    match value {
        Value::String(text) => cut(text, length),
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, length)),
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, length)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::{Arc, Mutex, PoisonError};

    use tracing_subscriber::EnvFilter;

    use super::*;
    use crate::out::FullDisk;

    const FORMS: [Form; 3] = [Form::Plain, Form::Coloured, Form::Json];

    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `run` logs of a field with this text, and of a message with it.
    fn logged(form: Form, text: &str) -> String {
        let kept = Kept::default();
        let out = kept.clone();
        let lines = Lines::new(form, move || out.clone());
        let logging = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info")).with_writer(lines);
        let log = || {
            tracing::info!(text, shown = %text, error = ?text, "fields");
            tracing::warn!(code = "bad", "{text}");
        };
        match form {
            Form::Json => tracing::subscriber::with_default(logging.json().flatten_event(true).finish(), log),
            Form::Plain | Form::Coloured => {
                tracing::subscriber::with_default(logging.with_ansi(form == Form::Coloured).finish(), log);
            }
        }
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_one_short_plain_line_whatever_it_holds() {
        let forged = "node-b\n2026-11-25T00:00:00Z  INFO changed service=victim/web FORGED\u{1b}[2J\u{9b}31m\u{202e}\r";
        let long = ["x", "\"", "\u{1b}", "\u{202e}", "東", "\n"].map(|text| text.repeat(100_000 / text.len()));
        for text in long.iter().map(String::as_str).chain([forged, ""]) {
            for form in FORMS {
                let log = logged(form, text);
                assert_eq!(log.lines().count(), 2, "{form:?} {log:?}");
                assert!(log.lines().all(|line| line.len() < MAX_LINE && !line.is_empty()), "{form:?}");
                let acts = |c: char| !is_plain(c) && c != '\n' && !(form == Form::Coloured && c == '\u{1b}');
                assert!(!log.contains(acts), "{form:?} {log:?}");
                assert!(!log.contains("\u{1b}[2J"), "{form:?} {log:?}");
            }
        }
    }

    #[test]
    fn a_long_json_line_stays_json_with_all_its_fields() {
        for line in logged(Form::Json, &"x".repeat(100_000)).lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value["level"].is_string() && value["message"].is_string(), "{line}");
        }
    }

    #[test]
    fn a_short_line_is_written_as_it_is() {
        assert_eq!(fit(Form::Plain, "changed service=shop/web endpoints=\"10.0.0.1\""), {
            "changed service=shop/web endpoints=\"10.0.0.1\"\n"
        });
        assert_eq!(fit(Form::Json, r#"{"b":"\n","a":1}"#), "{\"b\":\"\\n\",\"a\":1}\n");
    }

    #[test]
    fn a_line_that_cannot_be_written_stops_nothing() {
        for form in FORMS {
            let lines = Lines::new(form, || FullDisk);
            assert_eq!(lines.make_writer().write(b"event\n").unwrap(), 6);
        }
    }
}
