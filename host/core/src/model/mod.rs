//! The nouns: Services, endpoints and nodes as a source reports them, with checked constructors.

mod address;
mod announced;
mod bounds;
mod by_name;
mod cluster;
mod egress_node;
mod gateway;
mod held;
mod interest;
mod labels;
mod namespace;
mod networks;
mod nodes;
mod on_unavailable;
mod pods;
mod policy;
mod prefix;
mod published;
mod selection;
mod service;
mod snapshot;
mod subject;
mod subject_key;
mod subject_kinds;
mod texts;
mod tunnel_end;
mod unreadable;
mod unusable;
mod view;

pub use address::AddressTrust;
pub(crate) use address::preferred_addresses;
pub use announced::{Announcements, L2Status, Lease, LeaseTerm, NamedNode, UnixTime};
pub(crate) use bounds::LAST_APPLIED;
pub use by_name::ByName;
pub use cluster::{
    AddressReason, AffectedSubjects, ClusterFacts, ClusterSettings, InsideNetworks, Listing, MOST_ENDPOINTS, Origin,
    Placement, PrivateDestinations, Reason, Surroundings,
};
pub use egress_node::{EgressNode, EgressNodes, MOST_PUBLISHED_ADDRESSES, Mark, PublishedNodes, ReadState};
pub use egressd_vocabulary::{EndpointScope, ServiceType, TrafficPolicy};
pub use gateway::{Gateway, GatewayClaim, GatewayRefusal, GatewayTexts, gateway, gateway_annotation, gateways};
pub use held::{HeldAddresses, Holding, MOST_HELD_ADDRESSES};
pub use interest::{Interest, is_withheld};
pub use labels::Labels;
pub use namespace::Namespace;
pub use networks::{ClusterNetworks, Connected};
pub(crate) use nodes::believed_pod_networks;
pub use nodes::{
    AcceptedEnds, FactsChange, KeptNodes, MOST_ADDRESSES_BEFORE, MOST_NETWORKS_BEFORE, MOST_NODE_ADDRESSES, NodeFacts,
    PublishedFacts, PublishedIndex, TunnelFacts, TunnelIndex,
};
pub use on_unavailable::AskedUnavailable;
pub use pods::{KnownPods, Phase, Pod, PodNetwork, PodOwner, Pods};
pub use policy::{PolicyMark, PolicyObject};
pub use prefix::{AnnotationPrefix, AnnotationPrefixError, is_dns_label};
pub(crate) use published::asks_kube_vip;
pub(crate) use published::published_on;
pub use published::{
    ActiveEndpoints, KubeVipEndpoint, Published, PublishedField, PublishedValues, Writer, active_endpoint, published,
};
pub use selection::{PodSelector, Selection};
pub use service::{Endpoint, ObjectReference, Service, ServicePort, Uid, UidError};
pub use snapshot::{ChangeKey, Completeness, EarlierNodeData, ManagedBy, Node, Readiness, Slice, Slices, Snapshot};
pub use subject::{EgressPolicy, Subject, SubjectObject};
pub use subject_key::{SubjectKey, SubjectKind, SubjectName};
pub use subject_kinds::SubjectKinds;
pub use texts::Texts;
pub use tunnel_end::{MOST_TUNNELS, PublishedTunnels, SMALLEST_TUNNEL_MTU, TunnelEnd, TunnelEndError, TunnelKind};
pub use unreadable::{Unreadable, UnreadableService};
pub use unusable::Unusable;
pub use view::{Context, SubjectView, is_translatable, view};
