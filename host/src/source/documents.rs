//! The text of one file → objects. What is not YAML is not taken at all, since half a file is no state that was meant; of
//! what is, each object is read by itself.

mod arriving;
mod collector;
mod mistake;

use std::collections::BTreeSet;
use std::sync::Arc;

use egressd_core::model::{
    ClusterNetworks, Completeness, EgressNode, Namespace, Node, ObjectReference, Pod, PolicyObject, Service, Slice,
    SubjectKey, UnreadableService,
};
use egressd_core::text::quoted;
use ipnet::IpNet;
use serde_json::Value;

use self::collector::Collector;
use super::claims::Claim;
use super::kind::Kind;
use super::networks::{self, Arguments};
use super::original::Originals;
use super::read::{self, Unreadable};

/// One object that egressd knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    Service(Arc<Service>),
    /// An EndpointSlice and its name.
    Slice(String, Arc<Slice>),
    /// A Node and its name, and what its installer's arguments say, by the annotation that they stand in.
    Node(String, Arc<Node>, Arguments),
    /// What a node of this name publishes about itself.
    EgressNode(String, Arc<EgressNode>),
    /// A Namespace's name and labels.
    Namespace(String, Arc<Namespace>),
    /// A ServiceCIDR's name and networks.
    ServiceNetworks(String, Arc<Vec<IpNet>>),
    /// The namespace of a policy's ConfigMap, and what it says.
    Policy(String, Arc<PolicyObject>),
    /// A pod of this node.
    Pod(Arc<Pod>),
    /// A pod of another node: that there are pods shows that they are to be looked for here.
    PodElsewhere(ObjectReference),
    /// What a network plugin or an installer says about networks.
    Networks(Identity, Arc<ClusterNetworks>),
    /// What a load balancer writes about the node that announces addresses. It is larger than all others, of which there are
    /// more.
    Claim(Identity, Box<Claim>),
    /// Endpoints, as the slice that they stand for where a Service has none.
    Endpoints(Arc<Slice>),
}

/// What distinguishes objects: the kind, and the name in it.
pub type Identity = (Kind, ObjectReference);

/// What a file holds.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    /// What could be read.
    pub objects: Vec<Object>,
    /// The same as it was written, object by object, for the next process.
    pub originals: Originals,
    /// Objects that could not, and why.
    pub unreadable: Vec<(Identity, String)>,
    /// Those of them that are Services, with the field alone.
    pub services: Vec<(SubjectKey, UnreadableService)>,
    /// What could not even be distinguished, and why.
    pub unknown: Vec<String>,
    /// The kinds of those of them whose names alone cannot be read.
    pub nameless: Vec<Kind>,
    /// Fields that were left out.
    pub faults: Vec<(Identity, String)>,
}

impl Contents {
    /// Whether all of it could be read, so that nothing has to be known of before.
    pub fn is_whole(&self) -> bool {
        let Self { objects: _, originals: _, unreadable, services: _, unknown, nameless: _, faults } = self;
        unreadable.is_empty() && unknown.is_empty() && faults.is_empty()
    }

    /// The objects of which something was left out.
    pub fn partly(&self) -> BTreeSet<Identity> {
        self.faults.iter().map(|(identity, _)| identity.clone()).collect()
    }
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing in it: most likely an editor is about to write it.
    #[error("it is empty; delete the file to remove its objects")]
    Empty,
    #[error("it is not YAML: {0}")]
    Yaml(String),
    /// Something in it cannot be read, where all of it has to be.
    #[error("{0}")]
    Part(String),
}

/// The objects of a file. Kinds that egressd does not know are passed over; lists are unpacked. Endpoints and pods without a
/// node are on `node`.
///
/// # Errors
/// When it is not YAML from beginning to end.
pub fn contents(text: &str, node: &str) -> Result<Contents, Error> {
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    let collector = Collector::on(node);
    let collector = arriving::collect(text, options(text), collector).map_err(|error| Error::Yaml(sentence(&error)))?;
    collector.contents()
}

/// The objects of a text all of which has to be right, as of one that is written for a test.
///
/// # Errors
/// The first thing that is wrong.
pub fn objects(text: &str, node: &str) -> Result<Vec<Object>, Error> {
    let Contents { objects, originals: _, unreadable, services: _, unknown, nameless: _, faults } =
        contents(text, node)?;
    let wrong = unknown.into_iter().chain(unreadable.into_iter().chain(faults).map(|(_, why)| why)).next();
    wrong.map_or(Ok(objects), |why| Err(Error::Part(why)))
}

fn life(kind: Kind, value: &Value, why: &Unreadable) -> Option<(SubjectKey, UnreadableService)> {
    let (key, uid) = read::life(value).filter(|_| kind == Kind::Services)?;
    Some((key, UnreadableService { uid, why: why.to_string().into() }))
}

/// How an object is called; one without a namespace is in `default`.
fn called(value: &Value) -> ObjectReference {
    let member = |field: &str| value["metadata"][field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let namespace = member("namespace").unwrap_or_else(|| "default".to_owned());
    ObjectReference::new(namespace, member("name").unwrap_or_default())
}

fn is_text(value: &Value) -> bool {
    value.is_null() || value.is_string()
}

impl Object {
    /// What distinguishes it from others.
    pub fn identity(&self) -> Identity {
        let plain = |kind, name: &String| identity(kind, String::new(), name.clone());
        match self {
            Self::Service(service) => service_identity(&service.key),
            Self::Slice(name, slice) => identity(Kind::Slices, slice.service.namespace.to_string(), name.clone()),
            Self::Node(name, ..) => plain(Kind::Nodes, name),
            Self::EgressNode(name, _) => plain(Kind::EgressNodes, name),
            Self::Namespace(name, _) => plain(Kind::Namespaces, name),
            Self::ServiceNetworks(name, _) => plain(Kind::ServiceNetworks, name),
            Self::Policy(namespace, policy) => identity(Kind::Policies, namespace.clone(), policy.name.clone()),
            Self::Pod(pod) => (Kind::Pods, pod.name.clone()),
            Self::PodElsewhere(name) => (Kind::Pods, name.clone()),
            Self::Networks(identity, _) | Self::Claim(identity, _) => identity.clone(),
            Self::Endpoints(slice) => {
                identity(Kind::Endpoints, slice.service.namespace.to_string(), slice.service.name.to_string())
            }
        }
    }

    /// What is known of an object that cannot be read, and never could: of one that may say where pods live, or which node
    /// announces addresses, that there is one.
    pub fn unread(kind: Kind, name: &ObjectReference) -> Option<Self> {
        let completeness = Completeness::Partial;
        match kind {
            Kind::Nodes => {
                let node = Node { completeness, ..Node::default() };
                Some(Self::Node(name.name.to_string(), Arc::new(node), Arguments::new()))
            }
            Kind::Networks(of) => {
                let networks = ClusterNetworks { completeness, ..ClusterNetworks::default() };
                Some(Self::Networks((kind, of.called(&*name.name)), Arc::new(networks)))
            }
            Kind::Claims(of) => {
                let claim = Claim::unread(of, name)?;
                Some(Self::Claim((kind, name.clone()), Box::new(claim)))
            }
            Kind::Services
            | Kind::Slices
            | Kind::EgressNodes
            | Kind::Namespaces
            | Kind::ServiceNetworks
            | Kind::Policies
            | Kind::Pods
            | Kind::Endpoints => None,
        }
    }

    /// Whether more is known of it than that it is there.
    pub fn is_known(&self) -> bool {
        let (kind, name) = self.identity();
        Self::unread(kind, &name).is_none_or(|unread| *self != unread)
    }

    /// Whether it goes on to count while the object cannot be read. A claim that names no node does not: what is written
    /// there now may name one.
    pub fn stays_unread(&self) -> bool {
        match self {
            Self::Claim(_, claim) => claim.names_a_node() || !self.is_known(),
            Self::Service(_)
            | Self::Slice(..)
            | Self::Node(..)
            | Self::EgressNode(..)
            | Self::Namespace(..)
            | Self::ServiceNetworks(..)
            | Self::Policy(..)
            | Self::Pod(_)
            | Self::PodElsewhere(_)
            | Self::Networks(..)
            | Self::Endpoints(_) => true,
        }
    }

    /// What messages call it.
    pub fn called(&self) -> String {
        let (kind, ObjectReference { namespace, name }) = self.identity();
        let separator = if namespace.is_empty() { "" } else { "/" };
        format!("{} {namespace}{separator}{name}", kind.names().kind)
    }

    /// The same with what was known to be inside the cluster, for an object of which a part cannot be read: what protects
    /// traffic inside must not shrink by that.
    #[must_use]
    pub fn keeping_inside(self, before: &Self) -> Self {
        match (self, before) {
            (Self::Service(new), Self::Service(old)) if new.uid == old.uid => {
                let cluster_addresses = union(&new.cluster_addresses, &old.cluster_addresses);
                Self::Service(Arc::new(Service { cluster_addresses, ..Service::clone(&new) }))
            }
            (Self::Node(name, new, arguments), Self::Node(_, old, before)) => {
                let node = Node::clone(&new).keeping_inside(old);
                Self::Node(name, Arc::new(node), networks::arguments_of_both(arguments, before))
            }
            (Self::EgressNode(name, new), Self::EgressNode(_, old)) => {
                Self::EgressNode(name, Arc::new(EgressNode::clone(&new).keeping(old)))
            }
            (Self::Pod(new), Self::Pod(old)) if new.uid == old.uid => {
                let addresses = union(&new.addresses, &old.addresses);
                Self::Pod(Arc::new(Pod { addresses, ..Pod::clone(&new) }))
            }
            (Self::ServiceNetworks(name, new), Self::ServiceNetworks(_, old)) => {
                Self::ServiceNetworks(name, Arc::new(union(&new, old)))
            }
            (Self::Networks(identity, new), Self::Networks(_, old)) => {
                let networks = networks::of_kind_and_both(identity.0, &new, old);
                Self::Networks(identity, networks)
            }
            (Self::Claim(identity, new), Self::Claim(_, old)) => Self::Claim(identity, Box::new(new.keeping_node(old))),
            (other, _) => other,
        }
    }
}

fn union<T: Clone + PartialEq>(new: &[T], old: &[T]) -> Vec<T> {
    let only_old = old.iter().filter(|one| !new.contains(one));
    new.iter().chain(only_old).cloned().collect()
}

/// What an object says that was kept as it was written; nothing where it is of another kind, or cannot be read and nothing
/// follows from that.
pub fn object(value: &Value, node: Option<&str>) -> Option<Object> {
    let text = |field: &str| value.get(field)?.as_str();
    let kind = Kind::of(text("apiVersion")?, text("kind")?, &called(value))?;
    match read::read(kind, value, node) {
        Ok(reading) => reading.object,
        Err(_) => Object::unread(kind, &called(value)),
    }
}

/// What distinguishes a Service from all other objects.
pub fn service_identity(key: &SubjectKey) -> Identity {
    identity(Kind::Services, key.namespace.to_string(), key.name.to_string())
}

/// As an object of this kind is identified: some have no namespace, and of the others one without is in `default`.
fn identity(kind: Kind, namespace: String, name: String) -> Identity {
    let namespace = match kind {
        Kind::Services | Kind::Slices | Kind::Policies | Kind::Pods | Kind::Claims(_) | Kind::Endpoints
            if namespace.is_empty() =>
        {
            "default".to_owned()
        }
        Kind::Services | Kind::Slices | Kind::Policies | Kind::Pods | Kind::Claims(_) | Kind::Endpoints => namespace,
        Kind::Networks(kind) => return (Kind::Networks(kind), kind.called(name)),
        Kind::Nodes | Kind::EgressNodes | Kind::Namespaces | Kind::ServiceNetworks => String::new(),
    };
    (kind, ObjectReference::new(namespace, name))
}

/// The parser's limits, which are meant for one configuration file, in proportion to the text: a file may hold
/// thousands of objects. What aliases make of it counts too, so a small file stays small.
fn options(text: &str) -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_documents = budget.max_documents.max(text.len() / "---\n".len());
    budget.max_nodes = budget.max_nodes.max(text.len());
    budget.max_events = budget.max_events.max(text.len());
    budget.max_total_scalar_bytes = budget.max_total_scalar_bytes.max(text.len());
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options
}

/// What to write instead, by what the parser says.
const REMEDIES: [(&str, &str); 4] = [
    ("tabs disallowed", "indent with blanks"),
    ("simple key expected ':'", "write a colon and a blank after each name"),
    ("reference to unknown value", "write a value that begins with * in quotes"),
    ("expected string scalar", "write a name or value that begins with { or [ in quotes"),
];

/// The message with its line and column, without the picture that the parser draws below.
pub fn sentence(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::DuplicateMappingKey { key, location } = error.without_snippet() {
        let (line, column) = (location.line(), location.column());
        let key = key.as_deref().map_or_else(|| "a key".to_owned(), |key| format!("the key {}", quoted(key)));
        return format!("line {line}, column {column}: {key} is there twice; remove one of the two");
    }
    let mut options = serde_saphyr::RenderOptions::default();
    options.snippets = serde_saphyr::SnippetMode::Off;
    // The parser has other texts for programmers.
    options.formatter = &serde_saphyr::UserMessageFormatter;
    let message = error.without_snippet().render_with_options(options).lines().collect::<Vec<_>>().join(" ");
    match REMEDIES.iter().find(|(part, _)| message.contains(part)) {
        Some((_, remedy)) => format!("{message}; {remedy}"),
        None => message,
    }
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;
