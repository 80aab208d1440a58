//! The plan as a table: one line a rule.

use std::fmt::{self, Display, Formatter};

use super::Plan;
use crate::decision::Rule;
use crate::text::plain;

const HEADINGS: [&str; 6] = ["SERVICE", "RULE", "SOURCES", "TO", "PORTS", "ADDRESS"];

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        for (key, service) in &self.subjects {
            rows.extend(service.rules.iter().map(|rule| row(key.to_string(), rule)));
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn row(service: String, rule: &Rule) -> [String; 6] {
    [service, plain(rule.id()), list("-", rule.sources()), destinations(rule), ports(rule), rule.address().to_string()]
}

fn destinations(rule: &Rule) -> String {
    let include = list("any", rule.include());
    if rule.exclude().is_empty() { include } else { format!("{include} except {}", list("", rule.exclude())) }
}

fn ports(rule: &Rule) -> String {
    let destination = list("any", rule.destination_ports());
    if rule.source_ports().is_empty() {
        destination
    } else {
        format!("{destination} from {}", list("", rule.source_ports()))
    }
}

/// A cell of thousands of networks is no table any more; JSON and nft text have them all.
const MOST_ITEMS: usize = 8;

fn list<T: Display>(empty: &str, items: &[T]) -> String {
    if items.is_empty() {
        return empty.to_owned();
    }
    let shown = items.iter().take(MOST_ITEMS).map(ToString::to_string).collect::<Vec<_>>().join(",");
    if items.len() > MOST_ITEMS { format!("{shown},... ({} in all)", items.len()) } else { shown }
}
