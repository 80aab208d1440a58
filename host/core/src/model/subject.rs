//! Subjects: objects of Kubernetes with addresses of their own and endpoints, which policies evaluate and rules are
//! made for.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Endpoint, Labels, Service, SubjectKey, SubjectKind, Uid};

/// An object with the addresses and endpoints that are its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The object, shared with the snapshot where it is shown as it is.
    pub object: SubjectObject,
    /// Its own addresses in the order of preference (P1).
    pub addresses: Vec<IpAddr>,
    /// Its endpoints on all nodes, sorted, each address once, without those that no pod can be (P1). Where those are
    /// all of one slice, they are the slice's.
    pub endpoints: Arc<[Endpoint]>,
}

/// The object that a subject is, as its source reports it. A copy is one pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectObject {
    /// A Service: its addresses follow from its status, its endpoints from its slices.
    Service(Arc<Service>),
    /// An EgressPolicy: it comes with both.
    EgressPolicy(Arc<EgressPolicy>),
}

/// An EgressPolicy with what its source worked out for it: the pods that it selects, and the addresses that it got.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EgressPolicy {
    /// Namespace and name, of this kind.
    pub key: SubjectKey,
    /// The identity of this life of it.
    pub uid: Uid,
    /// Seconds since 1970; 0 when the source does not say. The older of two subjects wins (P13).
    pub created: i64,
    pub labels: Labels,
    pub annotations: Labels,
    /// The addresses that it may translate to, in the order of preference.
    pub addresses: Vec<IpAddr>,
    /// The pods that it selects, sorted, each address once.
    pub endpoints: Arc<[Endpoint]>,
}

impl SubjectObject {
    /// Kind, namespace and name.
    pub fn key(&self) -> &SubjectKey {
        match self {
            Self::Service(service) => &service.key,
            Self::EgressPolicy(policy) => &policy.key,
        }
    }

    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Service(_) => SubjectKind::Service,
            Self::EgressPolicy(_) => SubjectKind::EgressPolicy,
        }
    }

    /// The identity of this life of it.
    pub fn uid(&self) -> &Uid {
        match self {
            Self::Service(service) => &service.uid,
            Self::EgressPolicy(policy) => &policy.uid,
        }
    }

    /// Seconds since 1970; 0 when the source does not say.
    pub fn created(&self) -> i64 {
        match self {
            Self::Service(service) => service.created,
            Self::EgressPolicy(policy) => policy.created,
        }
    }

    pub fn labels(&self) -> &Labels {
        match self {
            Self::Service(service) => &service.labels,
            Self::EgressPolicy(policy) => &policy.labels,
        }
    }

    pub fn annotations(&self) -> &Labels {
        match self {
            Self::Service(service) => &service.annotations,
            Self::EgressPolicy(policy) => &policy.annotations,
        }
    }

    /// The Service, where it is one: for what no other kind has.
    pub fn service(&self) -> Option<&Arc<Service>> {
        match self {
            Self::Service(service) => Some(service),
            Self::EgressPolicy(_) => None,
        }
    }

    /// The same object with other annotations.
    #[must_use]
    pub fn with_annotations(self, annotations: Labels) -> Self {
        match self {
            Self::Service(mut service) => {
                Arc::make_mut(&mut service).annotations = annotations;
                Self::Service(service)
            }
            Self::EgressPolicy(mut policy) => {
                Arc::make_mut(&mut policy).annotations = annotations;
                Self::EgressPolicy(policy)
            }
        }
    }
}

impl Subject {
    /// Kind, namespace and name.
    pub fn key(&self) -> &SubjectKey {
        self.object.key()
    }

    pub fn kind(&self) -> SubjectKind {
        self.object.kind()
    }

    /// The identity of this life of it.
    pub fn uid(&self) -> &Uid {
        self.object.uid()
    }

    /// Seconds since 1970; 0 when the source does not say.
    pub fn created(&self) -> i64 {
        self.object.created()
    }

    pub fn labels(&self) -> &Labels {
        self.object.labels()
    }

    pub fn annotations(&self) -> &Labels {
        self.object.annotations()
    }

    /// The Service, where it is one: for what no other kind has.
    pub fn service(&self) -> Option<&Arc<Service>> {
        self.object.service()
    }
}
