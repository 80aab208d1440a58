//! ConfigMaps that are policies.

use super::{Manifest, Yaml};

/// A policy's ConfigMap in egressd's own namespace, without a component until it is given one.
pub fn policy(name: &str) -> Policy {
    Policy { name: name.to_owned(), annotations: Vec::new(), settings: None, binary: Vec::new() }
}

#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    annotations: Vec<(String, String)>,
    settings: Option<String>,
    binary: Vec<(String, String)>,
}

impl Policy {
    /// With a component; the bytes need not be valid.
    pub fn wasm(self, bytes: &[u8]) -> Self {
        self.binary("policy.wasm", bytes)
    }

    /// With a compressed component.
    pub fn gzip(self, bytes: &[u8]) -> Self {
        self.binary("policy.wasm.gz", bytes)
    }

    pub fn settings(self, settings: &str) -> Self {
        Self { settings: Some(settings.to_owned()), ..self }
    }

    /// With an annotation `egressd.io/<name>`.
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.push((format!("egressd.io/{name}"), value.to_owned()));
        self
    }

    fn binary(self, name: &str, bytes: &[u8]) -> Self {
        Self { binary: vec![(name.to_owned(), base64(bytes))], ..self }
    }
}

impl Manifest for Policy {
    fn file_name(&self) -> String {
        format!("policy-{}.yaml", self.name)
    }

    fn yaml(&self) -> Yaml {
        let label = [("egressd.io/policy".to_owned(), "true".to_owned())];
        let settings: Vec<(String, String)> =
            self.settings.iter().map(|settings| ("settings".to_owned(), settings.clone())).collect();
        let metadata = Yaml::map([
            ("name", self.name.as_str().into()),
            ("namespace", "egressd".into()),
            ("labels", Yaml::table(&label)),
            ("annotations", Yaml::table(&self.annotations)),
        ]);
        Yaml::map([
            ("apiVersion", "v1".into()),
            ("kind", "ConfigMap".into()),
            ("metadata", metadata),
            ("data", Yaml::table(&settings)),
            ("binaryData", Yaml::table(&self.binary)),
        ])
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= chunk.len() { DIGITS[index].into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn bytes_are_encoded_as_base64() {
        let written = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(written, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
