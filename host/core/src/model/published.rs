//! What egressd writes on a Service for others to read: kube-vip's names for the endpoint that leaves with the
//! address. It is news to people and programs, and never an input: [`unpublished`] takes it away before anybody asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AnnotationPrefix, Service};
use crate::net::Family;

/// The active endpoint of each family as an annotation says it; "" when there is none.
pub type ActiveEndpoints = BTreeMap<Family, String>;

/// The annotation's name behind the prefix (kube-vip: `pkg/kubevip/annotations.go`).
pub fn active_endpoint(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "active-endpoint",
        Family::Ipv6 => "active-endpoint-ipv6",
    }
}

/// What is published on a Service now, whoever wrote it.
pub fn published(service: &Service, prefix: &AnnotationPrefix) -> ActiveEndpoints {
    let on = |family: Family| Some((family, service.annotations.get(&prefix.name(active_endpoint(family)))?.clone()));
    Family::ALL.into_iter().filter_map(on).collect()
}

/// The Service without what is published on it; the same one when nothing is.
pub(super) fn unpublished(service: Arc<Service>, prefix: &AnnotationPrefix) -> Arc<Service> {
    if published(&service, prefix).is_empty() {
        return service;
    }
    let mut bare = (*service).clone();
    for family in Family::ALL {
        bare.annotations.remove(&prefix.name(active_endpoint(family)));
    }
    Arc::new(bare)
}
