//! The plan as a table: one line per rule. The alternate form has all columns and whole lists.

use std::fmt::{self, Display, Formatter};

use super::Plan;
use crate::decision::Rule;
use crate::text::plain;

const HEADINGS: [&str; 7] = ["SERVICE", "RULE", "SOURCES", "TO", "PORTS", "ADDRESS", "ALTERNATIVES"];

/// Those of the usual form.
const USUAL: usize = 6;

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (columns, most) = if f.alternate() { (HEADINGS.len(), usize::MAX) } else { (USUAL, MOST_ITEMS) };
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        for (key, service) in &self.subjects {
            rows.extend(service.rules.iter().map(|rule| row(key.to_string(), rule, most)));
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn row(service: String, rule: &Rule, most: usize) -> [String; 7] {
    [
        service,
        plain(rule.id()),
        list("-", rule.sources(), most),
        destinations(rule, most),
        ports(rule, most),
        rule.address().to_string(),
        list("-", rule.alternatives(), most),
    ]
}

fn destinations(rule: &Rule, most: usize) -> String {
    let include = list("any", rule.include(), most);
    if rule.exclude().is_empty() { include } else { format!("{include} except {}", list("", rule.exclude(), most)) }
}

fn ports(rule: &Rule, most: usize) -> String {
    let destination = list("any", rule.destination_ports(), most);
    if rule.source_ports().is_empty() {
        destination
    } else {
        format!("{destination} from {}", list("", rule.source_ports(), most))
    }
}

/// A cell of thousands of networks is no table any more; the alternate form, JSON and nft text have them all.
const MOST_ITEMS: usize = 8;

fn list<T: Display>(empty: &str, items: &[T], most: usize) -> String {
    if items.is_empty() {
        return empty.to_owned();
    }
    let shown = items.iter().take(most).map(ToString::to_string).collect::<Vec<_>>().join(",");
    if items.len() > most { format!("{shown},... ({} in all)", items.len()) } else { shown }
}
