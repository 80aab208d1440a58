//! Whom a setting is about: objects by name and by label.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::labels::Labels;

/// Objects by name and by label, as settings say it: `{"names": ["shop"], "labels": {"team": "web"}}`.
///
/// An object is selected when its name is one of the names, if there are any, and it has every label with that value.
/// An empty selector selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// One of these; empty: any.
    pub names: Vec<String>,
    /// All of these.
    pub labels: BTreeMap<String, String>,
}

impl Selector {
    /// Whether it selects the object of this name with these labels.
    pub fn selects(&self, name: &str, labels: &Labels) -> bool {
        let named = self.names.is_empty() || self.names.iter().any(|known| known == name);
        named && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }

    /// The names of the labels that it looks at, for a description's `label_prefixes`.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.labels.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Selector;
    use crate::labels::Labels;

    fn selects(selector: &str, name: &str) -> bool {
        let labels: Labels = [("team", "web"), ("tier", "front")].into_iter().collect();
        serde_json::from_str::<Selector>(selector).is_ok_and(|selector| selector.selects(name, &labels))
    }

    #[test]
    fn names_are_alternatives_and_labels_are_all_needed() {
        assert!(selects("{}", "a"));
        assert!(selects(r#"{"names": ["a", "b"]}"#, "b"));
        assert!(!selects(r#"{"names": ["a", "b"]}"#, "c"));
        assert!(selects(r#"{"labels": {"team": "web", "tier": "front"}}"#, "a"));
        assert!(!selects(r#"{"labels": {"team": "web", "tier": "back"}}"#, "a"));
        assert!(!selects(r#"{"names": ["b"], "labels": {"team": "web"}}"#, "a"));
    }
}
