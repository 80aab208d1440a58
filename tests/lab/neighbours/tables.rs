//! Tables of other programs, to be compared before and after.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::namespace::output_of;
use crate::topology::Node;

/// Some tables of a node, as `nft` lists them: without counters, with the kernel's numbers of chains and rules, so that
/// one that was deleted and made again is another one.
#[derive(Debug, PartialEq, Eq)]
pub struct Tables(BTreeMap<String, String>);

impl Tables {
    /// All tables that are on a node now.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn of(node: &Node) -> Result<Self> {
        let names = node.tables()?;
        let names = names.lines().filter_map(|line| line.strip_prefix("table "));
        names.map(|name| Ok((name.to_owned(), list(node, name)?))).collect::<Result<_>>().map(Self)
    }

    /// Only those that were not there before.
    pub fn without(mut self, before: &Self) -> Self {
        self.0.retain(|name, _| !before.0.contains_key(name));
        self
    }

    /// Insists that each of them is on the node as it was; others may have come.
    ///
    /// # Errors
    /// When one is not.
    pub fn expect_untouched(&self, node: &Node) -> Result<()> {
        for (name, before) in &self.0 {
            let after = list(node, name).with_context(|| format!("table {name} is gone"))?;
            ensure!(*before == after, "table {name} was\n{before}\nand is\n{after}");
        }
        Ok(())
    }
}

fn list(node: &Node, table: &str) -> Result<String> {
    let mut command = node.namespace.command("nft");
    output_of(command.args(["--stateless", "--handle", "list", "table"]).args(table.split(' ')))
}
