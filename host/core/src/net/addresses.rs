//! A set of addresses that is mostly empty.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Deref;

/// Addresses, in order. There is one of each Service, and nearly all are empty: such a one is a pointer.
#[derive(Clone, Default)]
#[expect(clippy::box_collection, reason = "one pointer is the point: a set has three words, and most are empty")]
pub struct RareAddresses(Option<Box<BTreeSet<IpAddr>>>);

static NONE: BTreeSet<IpAddr> = BTreeSet::new();

impl Deref for RareAddresses {
    type Target = BTreeSet<IpAddr>;

    fn deref(&self) -> &BTreeSet<IpAddr> {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl From<BTreeSet<IpAddr>> for RareAddresses {
    fn from(addresses: BTreeSet<IpAddr>) -> Self {
        Self((!addresses.is_empty()).then(|| Box::new(addresses)))
    }
}

impl FromIterator<IpAddr> for RareAddresses {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().collect::<BTreeSet<IpAddr>>().into()
    }
}

impl<'a> IntoIterator for &'a RareAddresses {
    type Item = &'a IpAddr;
    type IntoIter = std::collections::btree_set::Iter<'a, IpAddr>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for RareAddresses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RareAddresses {}

impl std::fmt::Debug for RareAddresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}
