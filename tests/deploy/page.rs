//! `docs/install.md`: the files that it names exist, and its examples work unchanged.
//!
//! Its commands are in blocks that a trial with real nodes runs: `sh` where `kubectl` is, `sh on=node` on a node,
//! `sh needs=registry` only where there is a registry.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::objects::{Objects, root};
use crate::overlay::render_text;
use crate::written::{IMAGE, kustomizations, name};

const PAGE: &str = "docs/install.md";
const COMMANDS: [&str; 3] = ["sh", "sh on=node", "sh needs=registry"];
const OTHERS: [&str; 1] = ["yaml"];

/// A fenced block.
struct Block {
    /// The text behind the opening fence.
    info: String,
    text: String,
}

fn page() -> Result<String> {
    Ok(fs::read_to_string(root().join(PAGE))?)
}

fn blocks() -> Result<Vec<Block>> {
    let page = page()?;
    // Every second part is inside of fences.
    let inside = page.split("```").skip(1).step_by(2);
    let blocks = inside.filter_map(|part| part.split_once('\n'));
    Ok(blocks.map(|(info, text)| Block { info: info.to_owned(), text: text.to_owned() }).collect())
}

/// The arguments of all commands, and their names.
fn arguments() -> Result<Vec<String>> {
    let commands = blocks()?.into_iter().filter(|block| COMMANDS.contains(&block.info.as_str()));
    Ok(commands.flat_map(|block| block.text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect())
}

pub(crate) fn every_block_of_commands_says_where_it_runs() -> Result<()> {
    for block in blocks()? {
        let known = COMMANDS.contains(&block.info.as_str()) || OTHERS.contains(&block.info.as_str());
        ensure!(known, "{PAGE} has a block {:?}:\n{}", block.info, block.text);
    }
    Ok(())
}

/// And so is every version in it that of the program.
pub(crate) fn every_path_of_a_command_is_there() -> Result<()> {
    let arguments = arguments()?;
    let paths: Vec<&String> =
        arguments.iter().filter(|argument| argument.as_str() == "deploy" || argument.starts_with("deploy/")).collect();
    ensure!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        ensure!(root().join(path).exists(), "{PAGE} names {path}, which is not there");
    }
    let version = env!("CARGO_PKG_VERSION");
    let images: Vec<&String> =
        arguments.iter().filter(|argument| argument.contains("egressd:") || argument.contains("egressd-")).collect();
    ensure!(images.iter().any(|image| **image == format!("{IMAGE}:{version}")), "{images:?}");
    for image in images {
        ensure!(image.contains(version), "{PAGE} names {image}, which is not of version {version}");
    }
    Ok(())
}

pub(crate) fn every_kustomization_has_its_row() -> Result<()> {
    let pages = [page()?, fs::read_to_string(root().join("deploy/README.md"))?].concat();
    for directory in kustomizations()?.iter().map(|directory| name(directory)).filter(|name| !name.is_empty()) {
        ensure!(pages.contains(&format!("{directory}`")), "{directory} is neither in {PAGE} nor in deploy/README.md");
    }
    Ok(())
}

/// None of them has a Namespace that is not egressd's own.
pub(crate) fn the_kustomizations_of_the_page_render() -> Result<()> {
    let yaml = blocks()?.into_iter().filter(|block| block.info == "yaml");
    let kustomizations: Vec<Block> = yaml.filter(|block| block.text.contains("kind: Kustomization\n")).collect();
    ensure!(kustomizations.len() >= 3, "{PAGE} has {} kustomizations", kustomizations.len());
    for block in kustomizations {
        let objects = render_text(&block.text)?;
        let fields = &Objects::parse(&block.text)?.0[0];
        let own = fields["namespace"] == Value::Null;
        let expected: &[&str] = if own { &["egressd"] } else { &[] };
        ensure!(objects.names_of("Namespace") == expected, "{:?}\n{}", objects.names_of("Namespace"), block.text);
        let image = objects.container()?["image"].as_str().unwrap_or_default();
        let replaced = block.text.contains("images:");
        ensure!(image.starts_with("YOUR.REGISTRY/") == replaced, "the image is {image}:\n{}", block.text);
    }
    Ok(())
}
