//! What becomes of packets of pods that are not translated, or not known, and of connections that contradict a change.

use anyhow::{Result, bail};
use egressd_core::decision::{OnChange, OnUnavailable};
use egressd_core::plan::UnknownPods;

use crate::cli::{self, Source};
use crate::source::{Extent, Origin, PodWatch};

pub(super) fn on_unavailable(source: &Source) -> OnUnavailable {
    match source.on_unavailable {
        cli::OnUnavailable::Pass => OnUnavailable::Pass,
        cli::OnUnavailable::Drop => OnUnavailable::Drop,
    }
}

pub(super) fn on_change(source: &Source) -> OnChange {
    match source.on_change {
        cli::OnChange::Keep => OnChange::Keep,
        cli::OnChange::Sever => OnChange::Sever,
    }
}

/// At an API server pods are known only where they are watched: without that, all would be unknown.
pub(super) fn unknown_pods(source: &Source, origin: &Origin) -> Result<UnknownPods> {
    match (source.unknown_pods, origin) {
        (cli::UnknownPods::Pass, _) => Ok(UnknownPods::Pass),
        (cli::UnknownPods::Drop, Origin::Cluster(_, Extent { pods: PodWatch::Ignore, .. })) => bail!(
            "cannot drop what unknown pods send: --unknown-pods drop (EGRESSD_UNKNOWN_PODS) needs the pods of this node, and \
             they are not watched; add the component deploy/components/pods, which sets EGRESSD_PODS=watch, or remove \
             the setting"
        ),
        (cli::UnknownPods::Drop, Origin::Cluster(..) | Origin::Manifests(_)) => Ok(UnknownPods::Drop),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::Parser;

    use super::*;
    use crate::config::origin::origin;

    fn typed(arguments: &[&str]) -> Result<UnknownPods> {
        let cli = cli::Cli::try_parse_from([&["egressd", "plan"], arguments].concat())?;
        let cli::Command::Plan(plan) = cli.command else { panic!("plan was typed") };
        let source = &plan.input.source;
        unknown_pods(source, &origin(source)?)
    }

    #[test]
    fn unknown_pods_are_dropped_only_where_pods_can_be_known() {
        let refused = typed(&["--unknown-pods=drop"]).unwrap_err().to_string();
        assert!(refused.contains("EGRESSD_PODS=watch"), "{refused}");
        for known in [&["--pods=watch"][..], &["--manifests=/m"]] {
            assert_eq!(typed(&[known, &["--unknown-pods=drop"]].concat()).unwrap(), UnknownPods::Drop);
        }
        assert_eq!(typed(&[]).unwrap(), UnknownPods::Pass);
    }
}
