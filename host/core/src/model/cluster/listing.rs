//! The Services that have addresses in a range, so that inside addresses are found by index and not by a scan of all
//! Services.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::nodes::{NodeFacts, PublishedFacts, believed, further};
use crate::model::{Snapshot, SubjectKey};
use crate::net::{AddressRange, Family};

/// What is found without looking at all of a snapshot. It leads to Services by address; what it names is looked at, so
/// naming more than there are changes nothing.
pub trait Listing {
    /// What is to be believed of all Nodes.
    fn nodes(&self) -> NodeFacts;

    /// What is to be believed of all EgressNodes.
    fn further(&self) -> PublishedFacts;

    /// At least the Services of which a ClusterIP or a listed endpoint is in none of these ranges, which are as from
    /// [`crate::net::merge_ranges`]. A family without ranges is left out.
    fn outside(&self, ranges: &BTreeMap<Family, Vec<AddressRange>>) -> BTreeSet<SubjectKey>;

    /// At least the Services with a listed endpoint in one of these ranges.
    fn within(&self, ranges: &[AddressRange]) -> BTreeSet<SubjectKey>;
}

/// Without an index: all of them.
impl Listing for Snapshot {
    fn nodes(&self) -> NodeFacts {
        believed(&self.nodes)
    }

    fn further(&self) -> PublishedFacts {
        further(&self.nodes, &self.egress_nodes.by_name)
    }

    fn outside(&self, _ranges: &BTreeMap<Family, Vec<AddressRange>>) -> BTreeSet<SubjectKey> {
        self.services.keys().chain(self.slices.keys()).cloned().collect()
    }

    fn within(&self, _ranges: &[AddressRange]) -> BTreeSet<SubjectKey> {
        self.services.keys().chain(self.slices.keys()).cloned().collect()
    }
}
