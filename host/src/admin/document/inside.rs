//! What is inside the cluster, and why: what `status --inside` prints.

use std::io::{self, Write};

use egressd_core::model::ClusterFacts;
use egressd_core::text::Text;
use serde::{Deserialize, Serialize};

/// A destination that is never translated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// A network in CIDR notation, or a single address.
    pub destination: String,
    pub reason: String,
}

/// All destinations that are inside: networks, then the addresses that are in none of them.
pub fn inside(facts: &ClusterFacts) -> Vec<Inside> {
    let entry = |destination: String, reason: String| Inside { destination, reason: Text::new(reason).to_string() };
    let networks = facts.networks().into_iter().map(|(network, why)| entry(network.to_string(), why.to_string()));
    let addresses = facts.addresses().into_iter().map(|(address, why)| entry(address.to_string(), why.to_string()));
    networks.chain(addresses).collect()
}

/// One line for each.
///
/// # Errors
/// When it cannot be written.
pub fn table_of_inside(out: &mut impl Write, all: &[Inside]) -> io::Result<()> {
    let width = all.iter().map(|one| one.destination.len()).max().unwrap_or_default().max("DESTINATION".len());
    writeln!(out, "{:width$}  REASON", "DESTINATION")?;
    all.iter().try_for_each(|Inside { destination, reason }| writeln!(out, "{destination:width$}  {reason}"))
}
