//! Errors of the plugin, as a runtime reads them: a number of the specification, one sentence, and details.

use egressd_core::text::{Text, quoted};
use serde_json::{Value, json};

use super::PLUGIN_NAME;
use super::spec_version::SpecVersion;

/// Why the plugin ends with an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("CNI_COMMAND is {}, and the plugin knows ADD, DEL, CHECK, GC, STATUS and VERSION: let a container runtime start it", quoted(.0))]
    Command(String),
    #[error("the network configuration on standard input has more than {0} bytes: shorten the configuration file")]
    Long(usize),
    #[error("the network configuration on standard input is no JSON object: repair the configuration file")]
    NoJson {
        /// Where it ends to be JSON.
        details: String,
    },
    #[error(
        "cniVersion is {}, and {PLUGIN_NAME} speaks {}: set one of them in the configuration file, or install a newer \
         egressd", quoted(.0), SpecVersion::names().join(", ")
    )]
    Version(String),
    #[error("{field} of {PLUGIN_NAME} is {}, and has to be {expected}: correct it in the configuration file", quoted(.found))]
    Field {
        field: &'static str,
        found: String,
        /// As the sentence ends.
        expected: String,
    },
    #[error(
        "{PLUGIN_NAME} got no prevResult: chain it behind the plugin that gives pods their addresses, in a conflist"
    )]
    NotChained,
    #[error("pod {pod} does not begin: {state}; {remedy}, or set `fail` of {PLUGIN_NAME} to `open`")]
    Blocked {
        /// NAMESPACE/NAME.
        pod: String,
        state: String,
        remedy: &'static str,
        /// As egressd answered.
        details: String,
    },
}

impl Error {
    /// As the specification numbers them.
    fn code(&self) -> u32 {
        match self {
            Self::Version(_) => 1,
            Self::Command(_) => 4,
            Self::Long(_) | Self::NoJson { .. } => 6,
            Self::Field { .. } | Self::NotChained => 7,
            // "Try again later": a runtime does.
            Self::Blocked { .. } => 11,
        }
    }

    fn details(&self) -> &str {
        match self {
            Self::NoJson { details } | Self::Blocked { details, .. } => details,
            Self::Command(_) | Self::Long(_) | Self::Version(_) | Self::Field { .. } | Self::NotChained => "",
        }
    }

    /// What is printed.
    pub(super) fn document(&self, version: SpecVersion) -> Value {
        let plain = |text: &str| Text::new(text).as_str().to_owned();
        json!({
            "cniVersion": version.name(),
            "code": self.code(),
            "msg": plain(&self.to_string()),
            "details": plain(self.details()),
        })
    }
}
