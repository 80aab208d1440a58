//! A page of the documentation whose blocks of `sh` are run in their order.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lab::cluster::copy;
use lab::node::{Cluster, Node};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/install.md");
/// The text before the language of a block.
const FENCE: &str = "```";
/// The node's directory for copied files.
const COPIES: &str = "/run/lab/copies";

/// The host on which the commands of a block run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandHost {
    /// In the project's root, by the administrator of the cluster.
    Project,
    Node,
    /// With a registry, which the lab does not have.
    Registry,
}

/// A block of commands.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The heading above it.
    pub(crate) section: String,
    pub(crate) place: CommandHost,
    pub(crate) text: String,
}

pub(crate) fn blocks() -> Result<Vec<Block>> {
    let (mut blocks, mut section, mut open) = (Vec::<Block>::new(), String::new(), false);
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut section);
        } else if let Some(language) = line.strip_prefix(FENCE) {
            let place = if open { None } else { place(language)? };
            open = place.is_some();
            blocks.extend(place.map(|place| Block { section: section.clone(), place, text: String::new() }));
        } else if let Some(block) = blocks.last_mut().filter(|_| open) {
            block.text += &format!("{line}\n");
        }
    }
    Ok(blocks)
}

/// The kustomization in a section.
pub(crate) fn kustomization(section: &str) -> Result<String> {
    let text = PAGE.split("\n## ").find(|text| text.starts_with(section)).context("the page has no such section")?;
    let block = text.split_once(&format!("{FENCE}yaml\n")).and_then(|(_, rest)| rest.split_once(FENCE));
    let (block, _) = block.with_context(|| format!("section {section:?} shows no YAML"))?;
    Ok(block.to_owned())
}

/// None for a block without commands.
fn place(language: &str) -> Result<Option<CommandHost>> {
    Ok(match language {
        "sh" => Some(CommandHost::Project),
        "sh on=node" => Some(CommandHost::Node),
        "sh needs=registry" => Some(CommandHost::Registry),
        other if other.starts_with("sh") => bail!("docs/install.md has a block {other:?}, which is none that is known"),
        _ => None,
    })
}

/// A writable copy of the project, for the commands of the page.
#[derive(Debug)]
pub(crate) struct Reader {
    project: TempDir,
}

impl Reader {
    pub(crate) fn new(cluster: &Cluster) -> Result<Self> {
        let project = TempDir::new_in(cluster.directory())?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        copy(&source, &project.path().join("deploy"))?;
        Ok(Self { project })
    }

    /// Adds lines to a file of the project.
    pub(crate) fn append(&self, name: &str, lines: &str) -> Result<()> {
        let path = self.project.path().join(name);
        Ok(fs::write(&path, fs::read_to_string(&path)? + lines)?)
    }

    /// Runs the commands of a section, with this node for NODE; returns the output.
    pub(crate) fn follow(&self, cluster: &Cluster, section: &str, node: &str) -> Result<String> {
        let blocks: Vec<_> = blocks()?.into_iter().filter(|block| block.section == section).collect();
        ensure!(!blocks.is_empty(), "docs/install.md has no commands in a section {section:?}");
        let mut printed = String::new();
        for block in blocks {
            let text = block.text.replace("NODE", node);
            match block.place {
                CommandHost::Project if BUILDS.contains(&text.trim()) => {}
                CommandHost::Project => printed += &cluster.shell(&text, self.project.path())?,
                CommandHost::Node => cluster.nodes().iter().try_for_each(|node| on_node(cluster, node, &text))?,
                CommandHost::Registry => {}
            }
        }
        Ok(printed)
    }
}

/// Blocks that make what the lab has made already: the image, which takes minutes.
const BUILDS: [&str; 1] = ["make image"];

/// Runs commands on a node. The archive that they name was copied there.
fn on_node(cluster: &Cluster, node: &Node, text: &str) -> Result<()> {
    let archive = text.split_whitespace().find(|name| name.ends_with(".tar"));
    let name = archive.with_context(|| format!("{text:?} names no archive"))?;
    let copies = node.path(COPIES);
    fs::create_dir_all(&copies)?;
    fs::copy(cluster.image(), copies.join(name))?;
    node.shell(&format!("cd {COPIES}\n{text}")).map(drop)
}
