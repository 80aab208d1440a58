//! Drafts that earlier policies left.

use super::subject::parse;
use crate::{Draft, Network, PortRange, Rule};

/// A draft of these rules.
///
/// # Panics
/// When two of them have the same id.
pub fn draft(rules: impl IntoIterator<Item = Rule>) -> Draft {
    let rules = rules.into_iter().collect();
    Draft::default().with_rules(rules).unwrap_or_else(|error| panic!("{error}"))
}

/// A rule from these sources to everywhere.
///
/// # Panics
/// When something is no address, or of another family than the rule.
pub fn rule(id: &str, address: &str, sources: &[&str]) -> Rule {
    let rule = Rule::new(id, parse(address)).from(sources.iter().map(|source| parse(source)));
    rule.unwrap_or_else(|error| panic!("{error}"))
}

/// Networks as text.
///
/// # Panics
/// When one is none.
pub fn networks(texts: &[&str]) -> Vec<ipnet::IpNet> {
    let network = |text: &&str| text.parse::<Network>().unwrap_or_else(|error| panic!("{error}")).into();
    texts.iter().map(network).collect()
}

/// Ranges of ports as text.
///
/// # Panics
/// When one is none.
pub fn ports(texts: &[&str]) -> Vec<PortRange> {
    texts.iter().map(|text| text.parse().unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Reads the YAML of a case's `draft.yaml`:
///
/// ```yaml
/// on-change: sever            # or keep
/// on-unavailable: drop        # or pass
/// gateways: {matchLabels: {egress: "yes"}}
/// rules:
/// - id: ipv4
///   sources: [10.244.1.7]
///   address: 192.0.2.10               # or addresses: [192.0.2.10, 192.0.2.11]
///   to: [198.51.100.0/24]             # nothing: everywhere
///   except: [198.51.100.7]
///   source-ports: ["tcp:1024-65535"]  # nothing: all
///   destination-ports: ["tcp:443"]    # nothing: all
///   translated-ports: {first: 1024, last: 2047}
///   dscp: 46
///   mark: {value: 1, mask: 255}
/// ```
///
/// # Errors
/// What is wrong, in one sentence.
pub fn draft_from_yaml(text: &str) -> Result<Draft, String> {
    serde_saphyr::from_str(text).map_err(|error| super::objects::sentence(&error))
}

#[cfg(test)]
mod tests {
    use super::draft_from_yaml;

    #[test]
    fn what_is_wrong_with_a_draft_is_reported() {
        for (text, part) in [
            ("rules: [{id: a}]", "address"),
            ("rules: [{id: a, address: 192.0.2.1, from: []}]", "from"),
            ("rules: [{id: a, address: 192.0.2.1, to: [10.0.0.1/8]}]", "write 10.0.0.0/8"),
            ("rules: [{id: a, address: 192.0.2.1, sources: ['::1']}]", "is not IPv4"),
            ("on-change: cut", "cut"),
        ] {
            let message = draft_from_yaml(text).err().unwrap_or_default();
            assert!(message.contains(part), "{text}: {message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}
