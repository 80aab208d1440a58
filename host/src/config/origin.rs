//! Where Services come from.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cli::{self, Source};
use crate::source::cluster::Access;
use crate::source::manifests::Given;
use crate::source::{ClaimWatch, Extent, NetworkWatch, Origin, PodWatch};

/// An empty `KUBECONFIG` is none, as for kubectl.
pub(super) fn origin(source: &Source) -> Result<Origin> {
    if source.manifests.is_empty() {
        let kubeconfig = source.kubeconfig.clone().filter(|path| !path.is_empty());
        let (pods, networks) = (pods(source.pods), networks(source.detect_networks));
        let extent = Extent { pods, networks, claims: claims(source.announcements) };
        return Ok(Origin::Cluster(kubeconfig.map_or(Access::Pod, Access::Kubeconfig), extent));
    }
    let given = |path: &PathBuf| match path.to_str() {
        Some("-") => Given::StandardInput,
        Some(_) | None => Given::Path(path.clone()),
    };
    let given: Vec<Given> = source.manifests.iter().map(given).collect();
    if given.iter().filter(|given| **given == Given::StandardInput).count() > 1 {
        bail!("cannot read --manifests - more than once: there is one standard input");
    }
    Ok(Origin::Manifests(given))
}

/// That a source can be followed, and not only read once.
pub(super) fn can_be_followed(origin: &Origin) -> Result<()> {
    match origin {
        Origin::Manifests(given) if given.contains(&Given::StandardInput) => bail!(
            "cannot follow --manifests -: standard input is read once, by plan and diff; give run a directory or a file"
        ),
        Origin::Manifests(_) | Origin::Cluster(..) => Ok(()),
    }
}

fn pods(typed: cli::Pods) -> PodWatch {
    match typed {
        cli::Pods::Ignore => PodWatch::Ignore,
        cli::Pods::Watch => PodWatch::Watch,
    }
}

fn networks(typed: cli::DetectNetworks) -> NetworkWatch {
    match typed {
        cli::DetectNetworks::Nodes => NetworkWatch::Nodes,
        cli::DetectNetworks::All => NetworkWatch::All,
    }
}

fn claims(typed: cli::Announcements) -> ClaimWatch {
    match typed {
        cli::Announcements::Ignore => ClaimWatch::Ignore,
        cli::Announcements::Watch => ClaimWatch::Watch,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::Parser;

    use super::*;

    fn typed(arguments: &[&str]) -> Result<Origin> {
        let cli = cli::Cli::try_parse_from([&["egressd", "plan"], arguments].concat())?;
        let cli::Command::Plan(plan) = cli.command else { panic!("plan was typed") };
        origin(&plan.input.source)
    }

    #[test]
    fn manifests_may_be_several_and_standard_input_is_one_of_them_for_what_reads_once() {
        let origin = typed(&["--manifests", "/m", "--manifests", "-", "--manifests=n.txt"]).unwrap();
        let path = |path: &str| Given::Path(path.into());
        assert_eq!(origin, Origin::Manifests(vec![path("/m"), Given::StandardInput, path("n.txt")]));
        let refusal = can_be_followed(&origin).unwrap_err().to_string();
        assert!(refusal.starts_with("cannot follow --manifests -: standard input is read once"), "{refusal}");
        assert!(can_be_followed(&typed(&["--manifests", "./-"]).unwrap()).is_ok(), "a file may be called so");
        let twice = typed(&["--manifests=-", "--manifests=-"]).unwrap_err().to_string();
        assert_eq!(twice, "cannot read --manifests - more than once: there is one standard input");
        assert!(typed(&["--manifests="]).is_err(), "nothing is no way to say: the cluster");
    }
}
