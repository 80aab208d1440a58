//! What the annotations of Services and namespaces are cut to while they are read, up to the state that is handed over.

use std::sync::Arc;

use egressd_core::model::{Interest, Snapshot, Texts};
use egressd_core::stray;

use super::super::compact::compact;
use super::super::documents::Object;
use super::event::{Content, Kind, Reading};

/// What annotations are cut to.
#[derive(Debug, Default)]
pub(super) struct Cut {
    services: Lists,
    namespaces: Lists,
    /// In what was handed over.
    known: Option<Interest>,
}

/// What the annotations of one kind of objects are cut to.
#[derive(Debug, Default)]
struct Lists {
    /// In the list under way.
    next: Option<Interest>,
    /// In the snapshot; none where they are whole, or not listed yet.
    now: Option<Interest>,
}

impl Cut {
    /// A list of this kind that is cut to this began.
    pub(super) fn begins(&mut self, kind: Kind, interest: Interest) {
        if let Some(lists) = self.lists(kind) {
            lists.next = Some(interest);
        }
    }

    /// The list of this kind is complete.
    pub(super) fn is_complete(&mut self, kind: Kind) {
        if let Some(lists) = self.lists(kind) {
            lists.now = lists.next.take().or(lists.now.take());
        }
    }

    /// Whether something else is there than what was handed over.
    pub(super) fn is_changed(&self) -> bool {
        self.now() != self.known
    }

    /// What is handed over is cut to.
    pub(super) fn hand_over(&mut self) -> Option<Interest> {
        self.known = self.now();
        self.known.clone()
    }

    fn now(&self) -> Option<Interest> {
        let services = self.services.now.clone()?;
        Some(match &self.namespaces.now {
            Some(namespaces) => services.with_namespaces_of(namespaces),
            None => services,
        })
    }

    /// Of what is cut; objects of other kinds have no annotations that policies read.
    fn lists(&mut self, kind: Kind) -> Option<&mut Lists> {
        match kind {
            Kind::Services => Some(&mut self.services),
            Kind::Namespaces => Some(&mut self.namespaces),
            Kind::Slices
            | Kind::Nodes
            | Kind::EgressNodes
            | Kind::ServiceNetworks
            | Kind::Policies
            | Kind::Pods
            | Kind::Networks(_)
            | Kind::Claims(_)
            | Kind::Endpoints => None,
        }
    }
}

/// A reading without the annotations that nothing reads, where that is known.
pub(super) fn cut(mut reading: Reading, read: Option<&Interest>) -> Reading {
    let Some(read) = read else { return reading };
    let is_almost_ours = |name: &str| read.spelled().is_some_and(|prefix| stray::is_almost_ours(name, prefix));
    match &mut reading.content {
        Content::Object(Object::Service(service)) => {
            let is_read = |name: &str, _: &str| read.reads_annotation(name) || is_almost_ours(name);
            Arc::make_mut(service).annotations.retain(is_read);
        }
        Content::Object(Object::Namespace(_, namespace)) => {
            let is_read = |name: &str, _: &str| read.shows_namespace_annotation(name);
            Arc::make_mut(namespace).annotations.retain(is_read);
        }
        Content::Object(_) | Content::Nothing | Content::Unreadable(_) => {}
    }
    reading
}

/// A reading that shares texts with those before.
pub(super) fn compacted(mut reading: Reading, texts: &mut Texts) -> Reading {
    texts.share(&mut reading.name.namespace);
    if let Content::Object(object) = &mut reading.content {
        compact(object, texts);
    }
    reading
}

/// The same in the place in memory where it is already: a list of large objects would be there twice. A slice has the names
/// that its Service has.
pub(super) fn shared(snapshot: &Snapshot, mut reading: Reading) -> Reading {
    let Content::Object(object) = &mut reading.content else { return reading };
    if let Object::Service(service) = object
        && let Some(known) = snapshot.services.get(&service.key).filter(|known| *known == service)
    {
        *service = Arc::clone(known);
    }
    if let Object::Slice(_, slice) = object
        && let Some(service) = snapshot.services.get(&slice.service)
    {
        Arc::make_mut(slice).service = service.key.clone();
    }
    reading
}

#[cfg(test)]
mod tests {
    use egressd_core::model::AnnotationPrefix;

    use super::super::super::handover::Update;
    use super::super::event::Event;
    use super::super::state::State;
    use super::super::watched::reading;
    use super::*;

    fn of(prefix: &str) -> Interest {
        Interest::new([&prefix.to_owned()], [])
    }

    fn listed(read: &Interest) -> Event {
        let metadata = serde_json::json!({"name": "web", "namespace": "shop", "annotations": {"a/x": "1", "b/y": "2"}});
        let object = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata});
        Event::Listed(cut(reading(Kind::Services, &object), Some(read)))
    }

    #[test]
    fn what_was_cut_is_known_when_the_list_is_complete_and_not_before() {
        let mut state = State::of([Kind::Services]);
        for (read, expected) in [("a/", &["a/x"][..]), ("", &["a/x", "b/y"])] {
            let before = state.whole().coverage.kept;
            for event in [Event::Begin, Event::Kept(of(read)), listed(&of(read))] {
                state.apply(Kind::Services, event);
            }
            assert_eq!(state.whole().coverage.kept, before);
            state.apply(Kind::Services, Event::Complete);
            let update = state.update().unwrap_or_default();
            assert_eq!(update.coverage.kept, Some(of(read)));
            let names = update.snapshot.services.values().flat_map(|service| service.annotations.keys());
            assert_eq!(names.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_name_that_is_almost_one_of_ours_is_kept_to_be_reported_and_so_is_what_nodes_publish() {
        let host = Interest::of_host(&AnnotationPrefix::default());
        let annotations = serde_json::json!({
            "kubevip.io/egress": "true", "example.org/egress-owner": "team", "egressd.io/gateway-ipv6": "node-1",
        });
        let object = serde_json::json!({"metadata": {"name": "web", "annotations": annotations}});
        let Content::Object(Object::Service(service)) = cut(reading(Kind::Services, &object), Some(&host)).content
        else {
            panic!("it is a Service")
        };
        assert_eq!(service.annotations.keys().collect::<Vec<_>>(), ["egressd.io/gateway-ipv6", "kubevip.io/egress"]);
    }

    /// A list of Namespaces, cut to annotations of namespaces that begin so.
    fn list_of_namespaces(state: &mut State, prefix: &str) -> Update {
        let read = Interest::default().of_namespaces([&prefix.to_owned()]);
        let metadata =
            serde_json::json!({"name": "shop", "annotations": {"a/x": "1", "b/y": "2", "egressd.io/z": "3"}});
        let object = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        let listed = Event::Listed(cut(reading(Kind::Namespaces, &object), Some(&read)));
        for event in [Event::Begin, Event::Kept(read), listed, Event::Complete] {
            state.apply(Kind::Namespaces, event);
        }
        state.whole()
    }

    #[test]
    fn a_namespace_has_the_annotations_that_policies_are_shown_and_what_both_kinds_are_cut_to_is_known() {
        let mut state = State::of([Kind::Services, Kind::Namespaces]);
        for event in [Event::Begin, Event::Kept(of("a/")), listed(&of("a/")), Event::Complete] {
            state.apply(Kind::Services, event);
        }
        for (prefix, expected) in [("a/", &["a/x"][..]), ("", &["a/x", "b/y"])] {
            let update = list_of_namespaces(&mut state, prefix);
            let names = update.snapshot.namespaces.values().flat_map(|namespace| namespace.annotations.keys());
            assert_eq!(names.collect::<Vec<_>>(), expected);
            assert_eq!(update.coverage.kept, Some(of("a/").of_namespaces([&prefix.to_owned()])));
        }
    }

    #[test]
    fn a_list_that_says_the_same_takes_no_more_memory_and_is_news_where_it_was_cut_otherwise() {
        let mut state = State::of([Kind::Services]);
        let events = |prefix: &str| [Event::Begin, Event::Kept(of(prefix)), listed(&of("a/")), Event::Complete];
        let mut after = |prefix: &str| {
            events(prefix).into_iter().for_each(|event| state.apply(Kind::Services, event));
            state.update().map(|update| (update.keys.len(), update.snapshot))
        };
        let first = after("a/").map(|(_, snapshot)| snapshot).unwrap_or_default();
        assert_eq!(after("a/"), None);
        let (keys, second) = after("a/x").unwrap_or_default();
        assert_eq!(keys, 0);
        assert!(first.services.values().zip(second.services.values()).all(|(one, other)| Arc::ptr_eq(one, other)));
    }
}
