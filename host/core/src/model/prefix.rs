//! The part before the slash in the names of annotations.

use std::fmt;

use super::Labels;

/// A DNS name in lower case: `kube-vip.io`, unless the operator chose another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationPrefix(String);

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid lowercase DNS name; write one like kube-vip.io, without a slash")]
pub struct AnnotationPrefixError(String);

impl AnnotationPrefix {
    /// Kubernetes takes no longer one.
    const MAX_LENGTH: usize = 253;

    /// A DNS name in lower case, as Kubernetes wants it before the slash of an annotation's name.
    ///
    /// # Errors
    /// When it is anything else: no annotation could have such a name, so everything would be silently off.
    pub fn new(text: impl Into<String>) -> Result<Self, AnnotationPrefixError> {
        let text = text.into();
        if text.len() > Self::MAX_LENGTH || !text.split('.').all(is_dns_label) {
            return Err(AnnotationPrefixError(text));
        }
        Ok(Self(text))
    }

    /// The name, without a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An annotation that a load balancer reads or writes, with its full name: behind this prefix, or else as kube-vip
    /// has it, which knows no prefix but its own. An empty one counts as none.
    pub fn of_load_balancer<'a>(&self, annotations: &'a Labels, name: &str) -> Option<(String, &'a str)> {
        let value = |prefix: &Self| {
            let name = prefix.name(name);
            let value = annotations.get(&name).filter(|value| !value.trim().is_empty())?;
            Some((name, value))
        };
        value(self).or_else(|| value(&Self::default()))
    }

    /// The full name of an annotation.
    pub fn name(&self, annotation: &str) -> String {
        format!("{self}/{annotation}")
    }
}

/// kube-vip's own.
impl Default for AnnotationPrefix {
    fn default() -> Self {
        Self("kube-vip.io".to_owned())
    }
}

impl fmt::Display for AnnotationPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a part of a DNS name as Kubernetes takes it: lowercase letters, digits and dashes, with a letter or
/// digit at both ends. Its length is not looked at.
pub fn is_dns_label(label: &str) -> bool {
    let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::AnnotationPrefix;

    #[test]
    fn a_prefix_is_a_dns_name_in_lower_case() {
        for good in ["kube-vip.io", "example.org", "a", "0.b-c"] {
            assert_eq!(AnnotationPrefix::new(good).map(|prefix| prefix.name("egress")), Ok(format!("{good}/egress")));
        }
        for bad in ["", "Example.org", "example.org/", "example..org", "-a.org", "a-.org", "a b", "ä.org", "*"] {
            assert!(AnnotationPrefix::new(bad).is_err(), "{bad:?}");
        }
        assert!(AnnotationPrefix::new("a".repeat(254)).is_err());
    }
}
