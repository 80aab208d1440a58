//! Fuzz targets: readers of bytes from outside, each a plain function that checks what holds for any bytes. It is
//! called with seeds and their mutations in `make test`, and with coverage-guided inputs in `make fuzz`.
//!
//! A law that does not hold panics. None depends on time, and none leaves files behind.

mod addresses;
mod annotations;
mod cni;
mod components;
mod journals;
mod manifests;
mod objects;
mod policies;
mod ruleset;
mod settings;
mod text;

/// A reader and its laws.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Its folder in `corpus/`, and how `make fuzz` calls it.
    pub(crate) name: &'static str,
    pub(crate) reads: &'static str,
    /// Panics where a law does not hold.
    pub(crate) laws: fn(&[u8]) -> InputResult,
}

/// The result of reading the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputResult {
    /// The input is valid.
    Taken,
    /// The input is refused or ignored.
    Refused,
}

pub(crate) const TARGETS: [Target; 11] = [
    Target { name: "addresses", reads: "what the kernel says about interfaces", laws: addresses::laws },
    Target { name: "annotations", reads: "the annotations of a Service", laws: annotations::laws },
    Target { name: "cni", reads: "a configuration of a pod's network", laws: cni::laws },
    Target { name: "components", reads: "a policy's component", laws: components::laws },
    Target { name: "journals", reads: "the files of the state directory", laws: journals::laws },
    Target { name: "manifests", reads: "a file of manifests", laws: manifests::laws },
    Target { name: "objects", reads: "an object of the API server", laws: objects::laws },
    Target { name: "policies", reads: "a policy's ConfigMap", laws: policies::laws },
    Target { name: "ruleset", reads: "what the kernel has in its tables", laws: ruleset::laws },
    Target { name: "settings", reads: "the settings of a policy", laws: settings::laws },
    Target { name: "text", reads: "text that is shown to people", laws: text::laws },
];

/// The text in some bytes: invalid UTF-8 is replaced, as everywhere where texts are read.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
