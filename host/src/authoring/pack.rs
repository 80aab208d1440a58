//! `policy pack`: the ConfigMap that loads a policy.

use std::io::Write;

use egressd_core::chain::MemberRole;
use egressd_core::finding::sentences;
use egressd_core::model::{Labels, PolicyMark, PolicyObject};
use egressd_core::policy::PolicySpec;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Error;
use super::check::Checked;
use crate::cli::{Pack, PackMode, PackOnFailure};
use crate::policies::{BUILT_IN, digest};
use crate::source::config_map;

/// What `kubectl apply` can keep a copy of in an annotation.
const MAX_APPLY_COPY: usize = 256 << 10;

/// What a ConfigMap may hold.
const MAX_CONFIG_MAP: usize = 1 << 20;

/// The YAML, and what has to be known to use it.
pub(super) struct Packed {
    pub(super) yaml: String,
    pub(super) hint: Option<String>,
}

/// Packs a policy that was checked already.
pub(super) fn pack(checked: &Checked, args: &Pack) -> Result<Packed, Error> {
    let name = args.name.clone().unwrap_or_else(|| checked.description.name.clone());
    let refused = |reasons: String| Error::Pack { policy: name.clone(), reasons };
    if name == BUILT_IN {
        return Err(refused("the built-in policy has this name; take another one with --name".to_owned()));
    }
    let object = PolicyObject {
        labels: Default::default(),
        name: name.clone(),
        annotations: annotations(args, checked),
        settings: checked.settings.clone(),
        wasm: None,
        gzip: Some(gzip(&checked.bytes)?.into()),
        mark: PolicyMark::default(),
    };
    // The same eyes as those of `run`.
    PolicySpec::read(&object, BUILT_IN).map_err(|findings| refused(sentences(&findings)))?;
    let yaml = config_map::yaml(&args.namespace, &object);
    if yaml.len() > MAX_CONFIG_MAP {
        return Err(refused(format!(
            "its ConfigMap has {} bytes, and the limit is {MAX_CONFIG_MAP}; make the component smaller",
            yaml.len()
        )));
    }
    Ok(Packed { hint: hint(&yaml), yaml })
}

fn annotations(args: &Pack, checked: &Checked) -> Labels {
    let mode = match args.mode {
        PackMode::Enforce => "enforce",
        PackMode::Shadow => "shadow",
    };
    let always = [
        ("order", args.order.to_string()),
        ("mode", mode.to_owned()),
        ("sha256", digest(&checked.bytes)),
        failing(args, checked),
    ];
    let selectors = [("services", &args.services), ("namespaces", &args.namespaces)];
    let selectors = selectors.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)));
    let named = always.into_iter().chain(selectors).map(|(name, value)| (format!("egressd.io/{name}"), value));
    named.collect()
}

/// A validator is a guard, and a guard that is silently away is none.
fn failing(args: &Pack, checked: &Checked) -> (&'static str, String) {
    let on_failure = match (args.on_failure, &checked.asked) {
        _ if args.required => return ("required", "true".to_owned()),
        (None, MemberRole::Validator(_)) => return ("required", "true".to_owned()),
        (Some(PackOnFailure::KeepLast), _) | (None, MemberRole::Policy(_) | MemberRole::Missing(_)) => "keep-last",
        (Some(PackOnFailure::Closed), _) => "closed",
        (Some(PackOnFailure::Skip), _) => "skip",
    };
    ("on-failure", on_failure.to_owned())
}

/// Without a time in it: the same component gives the same ConfigMap.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn hint(yaml: &str) -> Option<String> {
    let bytes = yaml.len();
    let hint = || {
        format!(
            "the ConfigMap has {bytes} bytes, too many for a plain `kubectl apply`: use `kubectl apply --server-side`"
        )
    };
    (bytes > MAX_APPLY_COPY).then(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_config_maps_come_with_a_hint() {
        assert_eq!(hint(&"x".repeat(MAX_APPLY_COPY)), None);
        let large = hint(&"x".repeat(MAX_APPLY_COPY + 1)).unwrap_or_default();
        assert!(large.ends_with("use `kubectl apply --server-side`"), "{large}");
    }
}
