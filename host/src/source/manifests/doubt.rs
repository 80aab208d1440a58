//! Whether what cannot be read of a manifest could say where pods live: then what is inside is not known (P2).

use serde::{Deserialize, Serialize};

/// Kinds that say where pods live, and lists of them, in lower case.
const KINDS: [&str; 8] = [
    "node",
    "nodelist",
    "ippool",
    "ippoollist",
    "ciliumnode",
    "ciliumnodelist",
    "ciliumpodippool",
    "ciliumpodippoollist",
];

/// How likely it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Doubt {
    /// All of it is read, or its text names no such object.
    #[default]
    None,
    /// There is no text to look at.
    Possible,
    /// Its text names such an object.
    Likely,
}

impl Doubt {
    /// Of a text, some of which cannot be read.
    pub(super) fn of_text(text: &str) -> Self {
        let lower = text.to_lowercase();
        let mut after_kind = lower.split("kind").skip(1);
        let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
        let names_one = after_kind.any(|after| {
            let Some(value) = after.trim_start_matches(is_around).strip_prefix(':') else { return false };
            let value = value.trim_start_matches(is_around);
            let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
            value.get(..end).is_some_and(|value| KINDS.contains(&value))
        });
        if names_one {
            return Self::Likely;
        }
        if text.trim().is_empty() { Self::Possible } else { Self::None }
    }
}

#[cfg(test)]
mod tests {
    use super::Doubt;

    #[test]
    fn a_text_that_names_a_node_or_a_pool_is_in_doubt_however_it_is_written() {
        for text in
            ["kind: Node\nspec: [", "{\"kind\": \"Node\",", "- {kind: 'node', x", "KIND:NodeList", "kind: IPPool\n{"]
        {
            assert_eq!(Doubt::of_text(text), Doubt::Likely, "{text}");
        }
        for text in
            ["kind: Service\nmetadata: [", "# a kind node\nnode: kind", "kind: NodePort", "{", "nodes: of a kind"]
        {
            assert_eq!(Doubt::of_text(text), Doubt::None, "{text}");
        }
        assert_eq!(Doubt::of_text(" \n"), Doubt::Possible);
    }
}
