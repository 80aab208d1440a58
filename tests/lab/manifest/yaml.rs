//! Just enough YAML to write manifests as people do: block style, quotes where they are needed.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yaml {
    /// A string; quoted when it would be read as something else.
    Text(String),
    Number(i64),
    List(Vec<Self>),
    /// A mapping, in order.
    Map(Vec<(String, Self)>),
}

impl Yaml {
    /// A mapping; entries with an empty list or mapping are left out, as a person would.
    pub fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(
            entries.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, v)| (key.to_owned(), v)).collect(),
        )
    }

    /// A list of strings.
    pub fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(|item| Self::Text(item.to_string())).collect())
    }

    /// A mapping from strings to strings.
    pub fn table(entries: &[(String, String)]) -> Self {
        Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::Text(value.clone()))).collect())
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) => false,
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        match self {
            Self::Text(text) => writeln!(f, "{}", quoted(text)),
            Self::Number(number) => writeln!(f, "{number}"),
            Self::List(items) => items.iter().enumerate().try_for_each(|(position, item)| {
                write!(f, "{}- ", margin(position, indent))?;
                item.write(f, indent + 2)
            }),
            Self::Map(entries) => entries.iter().enumerate().try_for_each(|(position, (key, value))| {
                write!(f, "{}{}:", margin(position, indent), quoted(key))?;
                value.write_after_key(f, indent)
            }),
        }
    }

    fn write_after_key(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        match self {
            Self::Text(_) | Self::Number(_) => {
                f.write_str(" ")?;
                self.write(f, indent)
            }
            Self::List(_) | Self::Map(_) => {
                write!(f, "\n{}", " ".repeat(indent + 2))?;
                self.write(f, indent + 2)
            }
        }
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for Yaml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// The first entry stands where the cursor is; the others begin a line.
fn margin(position: usize, indent: usize) -> String {
    if position == 0 { String::new() } else { " ".repeat(indent) }
}

/// Plain when it begins like a name or an IPv4 network, and is no keyword or number of YAML.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let ambiguous =
        text.is_empty() || reserved.contains(&text.to_ascii_lowercase().as_str()) || text.parse::<f64>().is_ok();
    if ambiguous || text.starts_with(['-', '.']) || !text.chars().all(plain) {
        return format!("{text:?}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::Yaml;

    #[test]
    fn a_manifest_is_written_in_the_usual_style() {
        let manifest = Yaml::map([
            ("kind", "Service".into()),
            ("labels", Yaml::Map(vec![])),
            ("metadata", Yaml::map([("name", "web".into()), ("egress", "true".into())])),
            ("ports", Yaml::List(vec![Yaml::map([("name", "http".into()), ("port", Yaml::Number(80))])])),
            ("addresses", Yaml::texts(["10.0.0.1", "fd00::1"])),
        ]);
        let expected = "kind: Service\nmetadata:\n  name: web\n  egress: \"true\"\nports:\n  - name: http\n    port: 80\naddresses:\n  - 10.0.0.1\n  - \"fd00::1\"\n";
        assert_eq!(manifest.to_string(), expected);
    }
}
