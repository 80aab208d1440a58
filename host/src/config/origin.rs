//! Where Services come from.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cli::{self, Source};
use crate::source::cluster::Access;
use crate::source::manifests::PlaceArgument;
use crate::source::{ClaimWatch, Extent, NetworkWatch, Origin, PodWatch};

/// An empty `--kubeconfig` is none, as for kubectl.
pub(super) fn origin(source: &Source) -> Result<Origin> {
    let published = source.published.publish_dir.clone().filter(|path| !path.as_os_str().is_empty());
    if source.manifests.is_empty() {
        if published.is_some() {
            bail!(
                "cannot use --publish-dir (EGRESSD_PUBLISH_DIR) without --manifests (EGRESSD_MANIFESTS): at an API server nodes publish themselves in \
                 EgressNodes; remove the setting, or name the manifests"
            );
        }
        let kubeconfig = source.kubeconfig.clone().filter(|path| !path.is_empty());
        let (pods, networks) = (pods(source.pods), networks(source.detect_networks));
        let extent = Extent { pods, networks, claims: claims(source.announcements) };
        return Ok(Origin::Cluster(kubeconfig.map_or(Access::Pod, Access::Kubeconfig), extent));
    }
    let given = |path: &PathBuf| match path.to_str() {
        Some("-") => PlaceArgument::StandardInput,
        Some(_) | None => PlaceArgument::Path(path.clone()),
    };
    let given: Vec<PlaceArgument> =
        source.manifests.iter().map(given).chain(published.map(PlaceArgument::Published)).collect();
    if given.iter().filter(|given| **given == PlaceArgument::StandardInput).count() > 1 {
        bail!("cannot read --manifests - more than once: there is one standard input");
    }
    Ok(Origin::Manifests(given))
}

/// That a node of this name can have a file of its own.
pub(super) fn can_be_published(origin: &Origin, node: &str) -> Result<()> {
    let is_letter_or_digit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = node.len() <= MAX_NODE_NAME
        && node.chars().all(|c| is_letter_or_digit(c) || c == '-' || c == '.')
        && [node.chars().next(), node.chars().next_back()].iter().all(|c| c.is_some_and(is_letter_or_digit));
    if origin.publish_dir().is_some() && !is_name {
        bail!(
            "cannot use --publish-dir (EGRESSD_PUBLISH_DIR) on node {node:?}: a file is called as its node, by 1 to {MAX_NODE_NAME} \
             lower-case letters, digits, dashes and dots that begin and end with a letter or digit; set --node (EGRESSD_NODE)"
        );
    }
    Ok(())
}

/// Of a Node's name, in bytes.
const MAX_NODE_NAME: usize = 245;

/// That a source can be followed, and not only read once.
pub(super) fn can_be_followed(origin: &Origin) -> Result<()> {
    match origin {
        Origin::Manifests(given) if given.contains(&PlaceArgument::StandardInput) => bail!(
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
        let path = |path: &str| PlaceArgument::Path(path.into());
        assert_eq!(origin, Origin::Manifests(vec![path("/m"), PlaceArgument::StandardInput, path("n.txt")]));
        let refusal = can_be_followed(&origin).unwrap_err().to_string();
        assert!(refusal.starts_with("cannot follow --manifests -: standard input is read once"), "{refusal}");
        assert!(can_be_followed(&typed(&["--manifests", "./-"]).unwrap()).is_ok(), "a file may be called so");
        let twice = typed(&["--manifests=-", "--manifests=-"]).unwrap_err().to_string();
        assert_eq!(twice, "cannot read --manifests - more than once: there is one standard input");
        assert!(typed(&["--manifests="]).is_err(), "nothing is no way to say: the cluster");
    }

    #[test]
    fn nodes_publish_themselves_in_a_directory_beside_manifests_and_by_names_that_files_may_have() {
        let origin = typed(&["--manifests=/m", "--publish-dir=/p"]).unwrap();
        assert_eq!(origin.publish_dir(), Some(std::path::Path::new("/p")));
        let alone = typed(&["--publish-dir=/p"]).unwrap_err().to_string();
        assert!(alone.starts_with("cannot use --publish-dir (EGRESSD_PUBLISH_DIR) without --manifests"), "{alone}");
        assert!(can_be_published(&origin, "node-1.example.com").is_ok());
        for name in ["", ".", "..", "a/b", "../a", "A", "a_b", ".a", "a-", &"a".repeat(MAX_NODE_NAME + 1)] {
            let refusal = can_be_published(&origin, name).unwrap_err().to_string();
            assert!(refusal.contains(&format!("on node {name:?}: a file is called as its node")), "{refusal}");
        }
        assert!(can_be_published(&typed(&["--manifests=/m"]).unwrap(), "a/b").is_ok(), "it has no file");
    }
}
