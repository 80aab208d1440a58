//! The names of egressd's tables. They are kube-vip's (`pkg/nftables`), so that its users recognise them; its
//! `instance_name` separates two instances on one node.

use std::fmt;

use super::names::suffix;
use crate::net::Family;
use crate::ruleset::{Layout, Name, Priority, TableFamily, TableNames};

/// How the names of all our tables begin.
const BASE: &str = "kube_vip";

/// The same of those that stand in for them while another layout is made.
const BRIDGE: &str = "egressd_bridge";

/// `instance_name`: a part of the tables' names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName(String);

/// Why a text is no instance name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} must be 1 to 200 letters, digits, '.', '_' or '-'")]
pub struct InstanceNameError(String);

impl InstanceName {
    /// Shorter than kube-vip's 243, which leaves no room for an nftables name in a message.
    const MAX_LENGTH: usize = 200;

    /// An instance name of 1 to 200 letters, digits, `.`, `_` or `-`.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn new(text: impl Into<String>) -> Result<Self, InstanceNameError> {
        let text = text.into();
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if text.is_empty() || text.len() > Self::MAX_LENGTH || !plain {
            return Err(InstanceNameError(text));
        }
        Ok(Self(text))
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which egressd of several on one node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instance {
    /// The one without a name.
    Default,
    /// One with an `instance_name`.
    Named(InstanceName),
}

impl Instance {
    /// The instance whose table this is; none when no instance calls a table of this family so.
    pub fn of_table(family: TableFamily, table: &Name) -> Option<Self> {
        let family = family.addresses()?;
        let name = table.as_str();
        let rest = name.strip_prefix(BASE).or_else(|| name.strip_prefix(BRIDGE))?;
        let rest = rest.strip_suffix(suffix(family))?.strip_suffix('_')?;
        match rest.strip_prefix('_') {
            Some(name) => InstanceName::new(name).ok().map(Self::Named),
            None => rest.is_empty().then_some(Self::Default),
        }
    }

    /// The instance with these tables.
    pub fn of_tables(tables: &TableNames) -> Self {
        Self::of_table(TableFamily::Ip, &tables.ipv4).unwrap_or(Self::Default)
    }

    /// The tables that stand in for its own while another layout is made.
    pub fn bridge(&self) -> TableNames {
        match self {
            Self::Default => names(BRIDGE, None),
            Self::Named(name) => names(BRIDGE, Some(name)),
        }
    }

    /// Its tables.
    pub fn tables(&self) -> TableNames {
        match self {
            Self::Default => table_names(None),
            Self::Named(name) => table_names(Some(name)),
        }
    }

    /// What `--instance-name=` is to be given; empty means the one without a name.
    pub fn setting(&self) -> &str {
        match self {
            Self::Default => "",
            Self::Named(InstanceName(name)) => name,
        }
    }
}

/// As in "no egressd ... runs".
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("without an instance name"),
            Self::Named(name) => write!(f, "with the instance name {name}"),
        }
    }
}

/// `kube_vip_v4` and `kube_vip_v6`, or `kube_vip_<instance>_v4` and `_v6`.
pub fn table_names(instance: Option<&InstanceName>) -> TableNames {
    names(BASE, instance)
}

fn names(base: &str, instance: Option<&InstanceName>) -> TableNames {
    let base = instance.map_or_else(|| base.to_owned(), |instance| format!("{base}_{instance}"));
    let name = |family| Name::composed(format!("{base}_{}", suffix(family)));
    TableNames {
        ipv4: name(Family::Ipv4),
        ipv6: name(Family::Ipv6),
        layout: Layout::OURS,
        priority: Priority::DEFAULT,
        marks: None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Names that look like parts of the scheme, or of a path.
    const ODD: [&str; 10] = [".", "..", "-", "-x", "_", "v4", "v6", "x_v4", "kube_vip", "_v4_"];

    #[test]
    fn a_table_leads_back_to_the_one_instance_that_calls_it_so() {
        let longest = "x".repeat(InstanceName::MAX_LENGTH);
        let names = ODD.into_iter().chain([longest.as_str()]).map(|name| InstanceName::new(name).unwrap());
        for instance in names.map(Instance::Named).chain([Instance::Default]) {
            for family in Family::ALL {
                for tables in [instance.tables(), instance.bridge()] {
                    let table = tables.of(family);
                    assert_eq!(Instance::of_table(family.into(), table), Some(instance.clone()), "{table}");
                }
            }
        }
    }

    #[test]
    fn what_no_instance_calls_its_table_leads_to_none() {
        let of = |name: &str| Instance::of_table(TableFamily::Ip, &Name::new(name).unwrap());
        for name in ["filter", "kube_vip", "kube_vip_", "kube_vip_v6", "kube_vip_x_v6", "kube_vip__v4", "kube_vipx_v4"]
        {
            assert_eq!(of(name), None, "{name}");
        }
        assert_eq!(of(&format!("kube_vip_{}_v4", "x".repeat(201))), None);
    }
}
