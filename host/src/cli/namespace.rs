//! The name of a namespace, as `--namespace` takes it.

use egressd_core::model::is_dns_label;

/// Why a text is no namespace's name. The text itself is in clap's sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the name of a namespace: 1 to {MAX_LENGTH} lowercase letters, digits and dashes that begin and end with a letter \
     or digit"
)]
pub(super) struct NotANamespace;

/// Of a DNS label, in bytes.
const MAX_LENGTH: usize = 63;

/// Reads a name that a namespace can have. Under any other no policy would be found, and without its policies egress is
/// wider than asked for.
pub(super) fn namespace(text: &str) -> Result<String, NotANamespace> {
    if is_dns_label(text) && text.len() <= MAX_LENGTH { Ok(text.to_owned()) } else { Err(NotANamespace) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_namespace_is_a_dns_label() {
        let longest = "a".repeat(MAX_LENGTH);
        for name in ["egressd", "a", "0", "a-0", &longest] {
            assert_eq!(namespace(name).as_deref(), Ok(name));
        }
        let longer = "a".repeat(MAX_LENGTH + 1);
        for name in ["", " ", "Bad NS", "Bad_NS", "A", "a.b", "a/b", "-a", "a-", "-", "é", "a\n", &longer] {
            assert_eq!(namespace(name), Err(NotANamespace), "{name:?}");
        }
    }

    #[test]
    fn every_command_with_a_namespace_checks_it() {
        let commands: [&[&str]; 6] = [
            &["run"],
            &["plan"],
            &["diff"],
            &["policy", "pack", "a.wasm"],
            &["policy", "run", "a.wasm", "-f", "m"],
            &["policy", "diff", "a.wasm", "b.wasm", "-f", "m"],
        ];
        for command in commands {
            let with = |name: &str| {
                let setting = format!("--namespace={name}");
                Cli::try_parse_from([&["egressd"], command, &[setting.as_str()]].concat()).err()
            };
            assert!(with("blue").is_none(), "{command:?}: {:?}", with("blue"));
            for name in ["", "Bad NS"] {
                let error = with(name).map(|error| error.to_string()).unwrap_or_default();
                let begin =
                    format!("error: invalid value '{name}' for '--namespace <NAME>': not the name of a namespace");
                assert!(error.starts_with(&begin), "{command:?}: {error}");
            }
        }
    }
}
