//! Texts that many objects share: names of annotations, nodes and namespaces, and short values. A source keeps one
//! pool, so that such a text is in memory once and not once per object.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{Endpoint, Node, Pod, Service, Slice, SubjectKey};

/// How many texts are known at once. So many names of nodes and annotations are in use on one cluster at most.
const SLOTS: usize = 4_096;

/// The longest text that is known, in bytes: longer ones are mostly one object's own, and [`SLOTS`] of them would be
/// much.
const MAX_SHARED_LENGTH: usize = 128;

/// The texts that came last, of bounded number and length: each has one place, and the next one there takes it. So
/// names that come and go leave nothing behind, and what is in use by all is known again after one object.
#[derive(Debug)]
pub struct Texts(Box<[Option<Arc<str>>]>);

impl Default for Texts {
    fn default() -> Self {
        Self(vec![None; SLOTS].into())
    }
}

impl Texts {
    /// Makes of a text the same one that came before.
    pub fn share(&mut self, text: &mut Arc<str>) {
        if text.len() > MAX_SHARED_LENGTH {
            return;
        }
        match &mut self.0[slot_of(text)] {
            Some(known) if known == text => *text = Arc::clone(known),
            slot_of => *slot_of = Some(Arc::clone(text)),
        }
    }
}

/// Where a text is. Texts of others can be made to have one place, which costs what they share and nothing else.
fn slot_of(text: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or_default()
}

impl SubjectKey {
    /// The same with the namespace's name that others have.
    fn compact(&mut self, texts: &mut Texts) {
        let mut namespace = Arc::clone(&self.namespace);
        texts.share(&mut namespace);
        if !Arc::ptr_eq(&namespace, &self.namespace) {
            *self = Self::new(self.kind, namespace, Arc::clone(&self.name));
        }
    }
}

impl Service {
    /// The same with texts that it shares with others, and without room that it does not use.
    pub fn compact(&mut self, texts: &mut Texts) {
        self.key.compact(texts);
        self.labels.compact(texts);
        self.annotations.compact(texts);
        self.selection.labels_mut().into_iter().for_each(|labels| labels.compact(texts));
        self.load_balancer_class.iter_mut().for_each(|class| texts.share(class));
        self.ports.iter_mut().filter_map(|port| port.name.as_mut()).for_each(|name| texts.share(name));
        self.status_addresses.shrink_to_fit();
        self.cluster_addresses.shrink_to_fit();
        self.families.shrink_to_fit();
        self.ports.shrink_to_fit();
    }
}

impl Slice {
    /// The same with names that it shares with others, sorted as views are. Names of pods are their own.
    pub fn compact(&mut self, texts: &mut Texts) {
        self.service.compact(texts);
        let endpoints = Arc::make_mut(&mut self.endpoints);
        endpoints.iter_mut().for_each(|endpoint| endpoint.compact(texts));
        // Views are sorted, and share what is. Of two with one address the later one stays the later one.
        endpoints.sort_by_key(|endpoint| endpoint.address);
    }
}

impl Endpoint {
    fn compact(&mut self, texts: &mut Texts) {
        self.node.iter_mut().for_each(|node| texts.share(node));
        self.pod.iter_mut().for_each(|pod| texts.share(&mut pod.namespace));
    }
}

impl Node {
    /// The same with labels that it shares with others.
    pub fn compact(&mut self, texts: &mut Texts) {
        self.labels.compact(texts);
    }
}

impl Pod {
    /// The same with labels that it shares with others.
    pub fn compact(&mut self, texts: &mut Texts) {
        texts.share(&mut self.name.namespace);
        self.labels.compact(texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_came_before_is_the_same_one() {
        let mut texts = Texts::default();
        let [mut first, mut again]: [Arc<str>; 2] = ["kube-vip.io/egress".into(), "kube-vip.io/egress".into()];
        texts.share(&mut first);
        texts.share(&mut again);
        assert!(Arc::ptr_eq(&first, &again));
    }

    /// Names of others that come and go, and long ones, are freed with what has them.
    #[test]
    fn what_is_kept_has_a_bound() {
        let mut texts = Texts::default();
        for number in 0..4 * SLOTS {
            let mut name: Arc<str> = format!("name-{number}").into();
            texts.share(&mut name);
        }
        assert!(texts.0.iter().flatten().count() <= SLOTS);
        let mut long: Arc<str> = "x".repeat(MAX_SHARED_LENGTH + 1).into();
        texts.share(&mut long);
        assert_eq!(Arc::strong_count(&long), 1);
    }
}
