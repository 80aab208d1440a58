//! What Services are called, as all maps of them have it.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// `namespace/name`: what people call a Service. Every map of Services has it, so a copy is one pointer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceKey(Arc<ServiceName>);

/// What a [`ServiceKey`] consists of.
#[derive(PartialEq, Eq, Hash)]
pub struct ServiceName {
    /// How both begin, where the key points to: that nearly always decides which of two keys comes first, so that a look-up in
    /// a map reads no texts.
    first: [Start; 2],
    /// The namespace. Shared by its Services.
    pub namespace: Arc<str>,
    /// The name in it.
    pub name: Arc<str>,
}

/// The first 16 bytes of a text, and zeros where it has fewer. Two that differ order as their texts do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Start(u128);

impl Start {
    fn of(text: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
        Self(u128::from_be_bytes(bytes))
    }
}

impl ServiceKey {
    /// The Service `namespace/name`.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        let (namespace, name) = (namespace.into(), name.into());
        Self(Arc::new(ServiceName { first: [&namespace, &name].map(|text| Start::of(text)), namespace, name }))
    }

    /// Before all Services of a namespace, in their order, and after those of all namespaces before it.
    pub fn first_of(namespace: impl Into<Arc<str>>) -> Self {
        Self::new(namespace, "")
    }
}

impl Deref for ServiceKey {
    type Target = ServiceName;

    fn deref(&self) -> &ServiceName {
        &self.0
    }
}

/// By namespace, then by name. Most keys that are compared are of one namespace, whose name they share.
impl Ord for ServiceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        let ([namespace, name], [other_namespace, other_name]) = (self.first, other.first);
        let same = Arc::ptr_eq(&self.namespace, &other.namespace);
        let texts = || if same { Ordering::Equal } else { self.namespace.cmp(&other.namespace) };
        let by_namespace = namespace.cmp(&other_namespace).then_with(texts);
        by_namespace.then_with(|| name.cmp(&other_name)).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for ServiceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A map that is gone through from one key on finds all behind it, whatever texts files have.
        #[test]
        fn keys_order_as_their_texts_do(
            [one, other] in prop::array::uniform2(("(a{13,18})?[a\0\u{ff}]{0,3}", "(a{13,18})?[a\0\u{ff}]{0,3}")),
            namespace in prop::option::of("(a{13,18})?[ab]{0,3}"),
        ) {
            let in_one = |(own, name): &(String, String)| (namespace.clone().unwrap_or_else(|| own.clone()), name.clone());
            let (one, other) = (in_one(&one), in_one(&other));
            let shared: Arc<str> = one.0.as_str().into();
            let of = |(own, name): &(String, String)| {
                let own = if **own == *shared { Arc::clone(&shared) } else { own.as_str().into() };
                ServiceKey::new(own, name.as_str())
            };
            prop_assert_eq!(of(&one).cmp(&of(&other)), one.cmp(&other));
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
