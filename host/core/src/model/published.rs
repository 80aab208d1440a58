//! What egressd writes on a Service for others to read: kube-vip's names for the endpoint that leaves with the
//! address, and the node that translates for pods of all nodes. It is never an input of policies: [`unpublished`] takes
//! it away before they are asked.
//!
//! kube-vip's own egress writes the same annotation, which is how egressd learns that it runs.

use std::sync::Arc;

use super::{AnnotationPrefix, Service, SubjectObject, gateway_annotation};
use crate::net::{ByFamily, Family};
use crate::text::cut;

/// The active endpoint of each family as an annotation says it; "" when there is none.
pub type ActiveEndpoints = ByFamily<String>;

/// An annotation that egressd writes on Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublishedField {
    /// The endpoint that leaves with the address, for people and for other programs.
    ActiveEndpoint(Family),
    /// The node that translates for pods of all nodes, for egressd on those.
    Gateway(Family),
}

impl PublishedField {
    /// In the order in which they are written.
    pub const ALL: [Self; 4] = [
        Self::ActiveEndpoint(Family::Ipv4),
        Self::ActiveEndpoint(Family::Ipv6),
        Self::Gateway(Family::Ipv4),
        Self::Gateway(Family::Ipv6),
    ];

    /// The annotation's whole name.
    pub fn annotation(self, prefix: &AnnotationPrefix) -> String {
        match self {
            Self::ActiveEndpoint(family) => prefix.name(active_endpoint(family)),
            Self::Gateway(family) => gateway_annotation(family).to_owned(),
        }
    }
}

/// What the fields say of a Service that have something to say. Of a cluster's Services there are tens of thousands, so it
/// takes no allocation of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishedValues {
    active: ByFamily<String>,
    gateways: ByFamily<String>,
}

impl PublishedValues {
    pub fn get(&self, field: PublishedField) -> Option<&String> {
        match field {
            PublishedField::ActiveEndpoint(family) => self.active.get(family),
            PublishedField::Gateway(family) => self.gateways.get(family),
        }
    }

    pub fn insert(&mut self, field: PublishedField, value: String) {
        match field {
            PublishedField::ActiveEndpoint(family) => self.active.insert(family, value),
            PublishedField::Gateway(family) => self.gateways.insert(family, value),
        }
    }

    /// In the order of [`PublishedField::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (PublishedField, &String)> {
        PublishedField::ALL.into_iter().filter_map(|field| Some((field, self.get(field)?)))
    }
}

impl FromIterator<(PublishedField, String)> for PublishedValues {
    fn from_iter<I: IntoIterator<Item = (PublishedField, String)>>(of: I) -> Self {
        let mut all = Self::default();
        of.into_iter().for_each(|(field, value)| all.insert(field, value));
        all
    }
}

impl<const COUNT: usize> From<[(PublishedField, String); COUNT]> for PublishedValues {
    fn from(of: [(PublishedField, String); COUNT]) -> Self {
        of.into_iter().collect()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// By family.
    pub active: ActiveEndpoints,
    /// The writer of the active endpoint.
    pub writer: Writer,
    /// What kube-vip wrote under its own prefix, whether that is egressd's or not.
    pub kube_vip: Option<KubeVipEndpoint>,
}

/// Who wrote the active endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writer {
    /// An egressd, or another program that does no egress.
    #[default]
    Anybody,
    /// kube-vip, which does egress for the Service.
    KubeVip,
}

/// That the active endpoint on a Service is the one that kube-vip wrote: it writes one for Services
/// that ask it for egress, and for no others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubeVipEndpoint {
    /// Of which families, at least one.
    pub families: Vec<Family>,
    /// When, as people read it; none where the API server does not say.
    pub at: Option<Arc<str>>,
}

/// The annotation's name behind the prefix (kube-vip: `pkg/kubevip/annotations.go`).
pub fn active_endpoint(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "active-endpoint",
        Family::Ipv6 => "active-endpoint-ipv6",
    }
}

/// Whether a Service asks kube-vip for egress: kube-vip knows one prefix and one value.
pub(crate) fn asks_kube_vip(service: &Service) -> bool {
    service.annotations.get("kube-vip.io/egress").is_some_and(|value| value == "true")
}

/// How much of a published value is kept: more than any address has, so that what is longer stays another one.
const MAX_KEPT_LENGTH: usize = 64;

/// What is published on a Service now, whoever wrote it.
pub fn published(service: &Service, prefix: &AnnotationPrefix) -> Published {
    let on = |family: Family| {
        let value = service.annotations.get(&prefix.name(active_endpoint(family)))?;
        let mut kept = value[..value.floor_char_boundary(2 * MAX_KEPT_LENGTH)].to_owned();
        cut(&mut kept, MAX_KEPT_LENGTH);
        Some((family, kept))
    };
    let active = Family::ALL.into_iter().filter_map(on).collect();
    let kube_vip = service.kube_vip_wrote.clone().filter(|_| asks_kube_vip(service));
    let is_kube_vips = kube_vip.is_some() && *prefix == AnnotationPrefix::default();
    Published { active, writer: if is_kube_vips { Writer::KubeVip } else { Writer::Anybody }, kube_vip }
}

/// What is published on an object: nothing on one that is no Service, since kube-vip's names mean something on Services
/// alone.
pub(crate) fn published_on(object: &SubjectObject, prefix: &AnnotationPrefix) -> Published {
    object.service().map(|service| published(service, prefix)).unwrap_or_default()
}

/// The Service without what is published on it, the names of gateways among it; the same one when nothing is.
pub(super) fn unpublished(service: Arc<Service>, prefix: &AnnotationPrefix) -> Arc<Service> {
    let names = PublishedField::ALL.map(|field| field.annotation(prefix));
    if service.kube_vip_wrote.is_none() && !names.iter().any(|name| service.annotations.get(name).is_some()) {
        return service;
    }
    let mut bare = (*service).clone();
    bare.kube_vip_wrote = None;
    for name in &names {
        bare.annotations.remove(name);
    }
    Arc::new(bare)
}
