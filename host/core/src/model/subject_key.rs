//! The key of a subject in all maps.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Which objects of Kubernetes can be subjects: what policies are asked about, and what has rules. Services come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A Service, with the addresses that its load balancer gave it and the endpoints of its slices.
    Service,
    /// An EgressPolicy (`egressd.io`), with the pods that it selects.
    EgressPolicy,
}

impl SubjectKind {
    pub const ALL: [Self; 2] = [Self::Service, Self::EgressPolicy];
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Service => "Service",
            Self::EgressPolicy => "EgressPolicy",
        })
    }
}

/// Kind, namespace and name of a subject. Every map of subjects has it, so a copy is one pointer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectKey(Arc<SubjectName>);

/// What a [`SubjectKey`] consists of.
#[derive(PartialEq, Eq, Hash)]
pub struct SubjectName {
    /// How it begins, where the key points to: that nearly always decides which of two keys comes first, so that a
    /// look-up in a map reads no texts.
    namespace_start: u128,
    pub kind: SubjectKind,
    name_start: [u8; 15],
    /// The namespace. Shared by its subjects.
    pub namespace: Arc<str>,
    /// The name in it, which another kind may have, too.
    pub name: Arc<str>,
}

/// The first bytes of a text, and zeros where it has fewer. Two that differ order as their texts do.
fn start<const BYTES: usize>(text: &str) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    bytes
}

impl SubjectKey {
    /// The subject of this kind and name.
    pub fn new(kind: SubjectKind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        let (namespace, name) = (namespace.into(), name.into());
        let namespace_start = u128::from_be_bytes(start(&namespace));
        Self(Arc::new(SubjectName { namespace_start, kind, name_start: start(&name), namespace, name }))
    }

    /// The Service `namespace/name`.
    pub fn service(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self::new(SubjectKind::Service, namespace, name)
    }

    /// Its kind and its names, for sentences in which subjects of any kind are called in this way.
    pub fn of_kind(&self) -> impl fmt::Display {
        fmt::from_fn(|f| write!(f, "{} {}/{}", self.kind, self.namespace, self.name))
    }

    /// Before all subjects of a namespace, in their order, and after those of all namespaces before it.
    pub fn first_of(namespace: impl Into<Arc<str>>) -> Self {
        Self::service(namespace, "")
    }
}

impl Deref for SubjectKey {
    type Target = SubjectName;

    fn deref(&self) -> &SubjectName {
        &self.0
    }
}

/// By namespace, then by kind, then by name. Most keys that are compared are of one namespace, whose name they share.
impl Ord for SubjectKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        let same = Arc::ptr_eq(&self.namespace, &other.namespace);
        let texts = || if same { Ordering::Equal } else { self.namespace.cmp(&other.namespace) };
        let by_namespace = self.namespace_start.cmp(&other.namespace_start).then_with(texts);
        let by_kind = by_namespace.then_with(|| self.kind.cmp(&other.kind));
        by_kind.then_with(|| self.name_start.cmp(&other.name_start)).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for SubjectKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A Service as `namespace/name`, which is how every message names one; any other kind with the kind before it.
impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SubjectKind::Service => write!(f, "{}/{}", self.namespace, self.name),
            SubjectKind::EgressPolicy => write!(f, "{} {}/{}", self.kind, self.namespace, self.name),
        }
    }
}

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Namespace, kind and name of a key, as they order.
    type Names = (String, SubjectKind, String);

    fn kinds() -> impl Strategy<Value = SubjectKind> {
        select(vec![SubjectKind::Service, SubjectKind::EgressPolicy])
    }

    fn names() -> impl Strategy<Value = Names> {
        let text = || "(a{12,18})?[a\0\u{ff}]{0,3}";
        (text(), kinds(), text())
    }

    proptest! {
        /// A map that is gone through from one key on finds all behind it, whatever texts files have.
        #[test]
        fn keys_order_as_their_texts_do(
            one in names(),
            other in names(),
            namespace in prop::option::of("(a{13,18})?[ab]{0,3}"),
        ) {
            let in_one = |(own, kind, name): Names| (namespace.clone().unwrap_or(own), kind, name);
            let (one, other) = (in_one(one), in_one(other));
            let shared: Arc<str> = one.0.as_str().into();
            let of = |(own, kind, name): &Names| {
                let own = if **own == *shared { Arc::clone(&shared) } else { own.as_str().into() };
                SubjectKey::new(*kind, own, name.as_str())
            };
            prop_assert_eq!(of(&one).cmp(&of(&other)), one.cmp(&other));
            prop_assert_eq!(of(&one) == of(&other), one == other);
            prop_assert!(SubjectKey::first_of(one.0.as_str()) <= of(&one));
        }
    }

    #[test]
    fn a_service_is_called_by_its_names_alone_and_any_other_kind_by_its_kind_too() {
        let named = |kind| SubjectKey::new(kind, "shop", "web").to_string();
        assert_eq!([SubjectKind::Service, SubjectKind::EgressPolicy].map(named), ["shop/web", "EgressPolicy shop/web"]);
    }
}
