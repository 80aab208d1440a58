//! The draft that earlier policies left, as a golden case writes it down: the `draft.yaml` of the SDK's test kit.

use egressd_core::decision::Draft;

use crate::source::documents;

/// Reads a draft; what is wrong with it is one sentence.
pub(super) fn from_yaml(text: &str) -> Result<Draft, String> {
    serde_saphyr::from_str(text).map_err(|error| documents::sentence(&error))
}

#[cfg(test)]
mod tests {
    use super::from_yaml;

    #[test]
    fn what_is_wrong_with_a_draft_is_shown() {
        for (text, part) in [
            ("rules: [{id: a}]", "address"),
            ("rules: [{id: a, address: 192.0.2.1, to: [10.0.0.1/8]}]", "write 10.0.0.0/8"),
            ("rules: [{id: a, address: 192.0.2.1, sources: ['::1']}]", "rule \"a\": ::1 is not IPv4"),
            ("rules: [{id: a, address: 192.0.2.1, source-ports: [tcp:9-8]}]", "write 8-9"),
            ("rules: [{id: a, address: 192.0.2.1, destination-ports: ['443']}]", "write one like tcp:443"),
            ("rules: [{id: a, address: 192.0.2.1, dscp: 64}]", "rule \"a\": DSCP 64 is not a code point"),
            ("gateways: {matchLabels: {'-': x}}", "is not a label's name"),
            ("on-change: cut", "cut"),
        ] {
            let message = from_yaml(text).err().unwrap_or_default();
            assert!(message.contains(part), "{text}: {message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}
