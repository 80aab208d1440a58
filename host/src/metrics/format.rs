//! The two text formats of metrics, and which of them a scraper asks for.

use std::collections::BTreeMap;

/// A text format. Both carry the same metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4, which every scraper reads.
    Text,
    /// OpenMetrics 1.0.0, for scrapers that ask for it.
    OpenMetrics,
}

/// The media type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text";

impl Format {
    /// What a request with this `Accept` header gets: OpenMetrics where it is accepted at least as gladly as plain text.
    pub fn accepted_by(accept: Option<&str>) -> Self {
        let ranges = || accept.unwrap_or_default().split(',').filter_map(range);
        let most =
            |media_type: &str| ranges().filter(|(range, _)| range == media_type).map(|(_, quality)| quality).max();
        match most(OPEN_METRICS) {
            Some(quality) if quality > 0 && quality >= most("text/plain").unwrap_or_default() => Self::OpenMetrics,
            Some(_) | None => Self::Text,
        }
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// OpenMetrics text in this format.
    pub(super) fn of_open_metrics(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Text => plain(&text),
        }
    }
}

/// A media range in lower case with its quality in thousandths. None where the quality is not a number from 0 to 1.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((media_type, quality.map_or(Some(1000), thousandths)?))
}

/// A quality as RFC 9110 writes it: a digit, and at most three behind a point.
fn thousandths(quality: &str) -> Option<u16> {
    let (whole, rest) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit());
    let rest = format!("{rest:0<3}").parse::<u16>().ok().filter(|_| digits)?;
    let quality = whole.parse::<u16>().ok()?.checked_mul(1000)?.checked_add(rest)?;
    Some(quality).filter(|quality| *quality <= 1000)
}

/// OpenMetrics in the text format, which has neither units, nor an end, nor the type `info`, and which calls counters and
/// infos by the names of their samples.
fn plain(text: &str) -> String {
    let comments = || text.lines().filter_map(Comment::read);
    let types: BTreeMap<&str, &str> =
        comments().filter(|comment| comment.about == "TYPE").map(|comment| (comment.name, comment.rest)).collect();
    let line = |line: &str| match Comment::read(line) {
        None => Some(format!("{line}\n")),
        Some(comment) => comment.plain(types.get(comment.name).copied()),
    };
    text.lines().filter_map(line).collect()
}

/// A line that is no sample.
struct Comment<'a> {
    about: &'a str,
    name: &'a str,
    rest: &'a str,
}

impl<'a> Comment<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut parts = line.strip_prefix("# ")?.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        Some(Self { about: part(), name: part(), rest: part() })
    }

    /// The same in the text format; None where that has no such line.
    fn plain(&self, type_of_family: Option<&str>) -> Option<String> {
        let Self { about, name, rest } = self;
        let suffix = match type_of_family {
            Some("counter") => "_total",
            Some("info") => "_info",
            Some(_) | None => "",
        };
        let rest = if *about == "TYPE" && *rest == "info" { "gauge" } else { rest };
        matches!(*about, "HELP" | "TYPE").then(|| format!("# {about} {name}{suffix} {rest}\n"))
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
