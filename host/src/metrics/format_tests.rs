use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egressd_core::compile::Instance;
use egressd_core::finding::Finding;
use egressd_core::model::SubjectKey;
use egressd_core::net::Family;

use super::*;
use crate::metrics::Metrics;

#[test]
fn only_who_accepts_openmetrics_gets_it() {
    let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                        text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.1";
    for accept in [
        prometheus_2,
        prometheus_3,
        "Application/OpenMetrics-Text",
        "text/plain;q=0.5, application/openmetrics-text; q=0.5",
    ] {
        assert_eq!(Format::accepted_by(Some(accept)), Format::OpenMetrics, "{accept}");
    }
    for accept in ["", "*/*", "text/plain;version=0.0.4", "text/plain, application/openmetrics-text;q=0.9"] {
        assert_eq!(Format::accepted_by(Some(accept)), Format::Text, "{accept}");
    }
    for refused in
        ["application/openmetrics-text;q=0", "application/openmetrics-text;q=0.000", "application/openmetrics-text;q=x"]
    {
        assert_eq!(Format::accepted_by(Some(refused)), Format::Text, "{refused}");
    }
    assert_eq!(Format::accepted_by(None), Format::Text);
}

#[test]
fn the_text_format_is_what_promtool_checks() {
    let text = everything(Format::Text);
    assert_eq!(complaints(&text), Vec::<String>::new(), "{text}");
    for line in [
        "# TYPE egressd_commits_total counter\n",
        "# TYPE egressd_build_info gauge\n",
        "# TYPE egressd_commit_duration_seconds histogram\n",
        "# HELP egressd_connections_total Connections that were translated, by Service.\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing:\n{text}");
    }
}

#[test]
fn both_formats_have_the_same_samples() {
    let samples =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<BTreeSet<_>>();
    let [text, open_metrics] = [Format::Text, Format::OpenMetrics].map(everything);
    assert_eq!(samples(&text), samples(&open_metrics));
    assert!(open_metrics.ends_with("# EOF\n") && !text.contains("EOF"), "{text}");
}

/// A scrape in which every family has a sample.
fn everything(format: Format) -> String {
    let metrics = Metrics::default();
    metrics.committed(Duration::from_micros(30));
    metrics.refused();
    metrics.round(Duration::from_micros(30));
    metrics.audited();
    let policy = metrics.policy("annotations");
    policy.asked();
    policy.failed();
    let scrape = metrics.scrape();
    scrape.service("translating", 1);
    scrape.connections(&SubjectKey::service("shop", "web"), 7);
    scrape.finding(&Finding::warning("orphaned-table", "a table"));
    let tables = Instance::Default.tables();
    for family in [Family::Ipv4, Family::Ipv6] {
        let table = tables.of(family);
        scrape.elements(family.into(), table, 1);
        scrape.orphan(family.into(), table, 1);
    }
    scrape.text(format)
}

/// What `promtool check metrics` says: the rules of its parser and of its linter that these metrics can break.
fn complaints(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut types = BTreeMap::new();
    let mut helped = BTreeSet::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.splitn(4, ' ').collect();
        match parts[..] {
            ["#", "HELP", name, help] if !help.is_empty() && helped.insert(name) => {}
            ["#", "TYPE", name, kind] => {
                let known = ["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind);
                let family = of_family(name, kind);
                let first = types.insert(name, kind).is_none();
                complaints.extend((!known || !family || !first || !helped.contains(name)).then(|| line.to_owned()));
            }
            ["#", ..] => complaints.push(line.to_owned()),
            _ => complaints.extend((!sample(line, &types)).then(|| line.to_owned())),
        }
    }
    complaints
}

/// Whether a family of this type may have this name.
fn of_family(name: &str, kind: &str) -> bool {
    let suffixed = ["_bucket", "_count", "_sum"].iter().any(|suffix| name.ends_with(suffix));
    let typed =
        ["counter", "gauge", "histogram", "summary"].iter().any(|kind| name.split('_').any(|part| part == *kind));
    snake_case(name) && !suffixed && !typed && name.ends_with("_total") == (kind == "counter")
}

/// Whether a sample belongs to a family before it, and its labels and value are what they should be.
fn sample(line: &str, types: &BTreeMap<&str, &str>) -> bool {
    let Some((series, value)) = line.rsplit_once(' ') else { return false };
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let histogram = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let known = types.contains_key(name) || histogram.is_some_and(|name| types.get(name) == Some(&"histogram"));
    let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
    let labelled = labels.clone().all(|label| label.split_once('=').is_some_and(|(name, _)| snake_case(name)));
    let lower_case = labels.filter(|label| *label != "le=\"+Inf\"").all(|label| label.to_lowercase() == label);
    known && labelled && lower_case && value.parse::<f64>().is_ok()
}

fn snake_case(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
