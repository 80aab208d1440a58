//! One Lease, followed by its name, and what its follower's events mean.

use std::sync::Arc;

use egressd_core::model::ObjectReference;
use kube::Client;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::super::event::{Content, Event, Reading};
use super::super::follow::{Follower, FollowerEvent};
use super::super::selector::{ObjectSelector, everything};
use super::super::server::Server;
use super::super::trouble::ApiError;
use super::KIND;
use super::table::LeaseEvent;
use crate::source::claims::Claim;
use crate::source::documents::Object;

#[derive(Debug)]
pub(super) enum FollowerReport {
    /// Something about the Lease.
    LeaseEvent(LeaseEvent),
    /// What keeps it from that.
    ApiError(ApiError),
}

/// Follows one until it is aborted. A list of one by its name, and a watch of it, as the kubelet has them of Secrets.
pub(super) async fn follow(
    name: ObjectReference,
    client: Client,
    server: Arc<Server>,
    reports: Sender<(ObjectReference, FollowerReport)>,
) {
    let (sender, news) = channel(1);
    let follower = Follower::new(selector(&name), client, server, sender);
    tokio::join!(follower.run(), pass_on(news, name, reports));
}

/// What is known of one, asked for once; none where that is not there.
///
/// # Errors
/// When the server does not answer as it should.
pub(super) async fn once(name: &ObjectReference, client: &Client, server: &Arc<str>) -> Result<LeaseEvent, ApiError> {
    let events = everything(&selector(name), client, server).await?;
    let mut list = SingleObjectList::default();
    let event = events.into_iter().filter_map(|event| list.apply(event)).last();
    Ok(event.unwrap_or(LeaseEvent::Absent))
}

fn selector(name: &ObjectReference) -> ObjectSelector {
    ObjectSelector::all(KIND).of_namespace(&name.namespace).with_fields(format!("metadata.name={}", name.name))
}

async fn pass_on(
    mut news: Receiver<FollowerEvent>,
    name: ObjectReference,
    reports: Sender<(ObjectReference, FollowerReport)>,
) {
    let mut list = SingleObjectList::default();
    while let Some(news) = news.recv().await {
        let what = match news {
            FollowerEvent::Event(_, event) => list.apply(event).map(FollowerReport::LeaseEvent),
            FollowerEvent::Works(_) => Some(FollowerReport::LeaseEvent(LeaseEvent::Answers)),
            FollowerEvent::ApiError(_, trouble) => Some(FollowerReport::ApiError(trouble)),
            FollowerEvent::Forgone(_) => Some(FollowerReport::LeaseEvent(LeaseEvent::Forgone)),
            // Of this room alone.
            FollowerEvent::Lease(..) => None,
        };
        if let Some(what) = what {
            // Nothing takes it any more when the process ends.
            let _ = reports.send((name.clone(), what)).await;
        }
    }
}

/// A list of one, which is there or not when the list is complete.
#[derive(Debug, Default)]
struct SingleObjectList {
    listed: Option<LeaseEvent>,
}

impl SingleObjectList {
    fn apply(&mut self, event: Event) -> Option<LeaseEvent> {
        match event {
            Event::Begin => {
                self.listed = None;
                None
            }
            Event::Kept(_) => None,
            Event::Listed(reading) => {
                self.listed = Some(lease_event(reading));
                None
            }
            Event::Complete => Some(self.listed.take().unwrap_or(LeaseEvent::Absent)),
            Event::Changed(reading) => Some(lease_event(reading)),
            Event::Gone(_) | Event::Absent => Some(LeaseEvent::Absent),
        }
    }
}

fn lease_event(Reading { content, faults, name: _, uid: _ }: Reading) -> LeaseEvent {
    match content {
        Content::Object(Object::Claim(_, claim)) => match *claim {
            Claim::Lease(record) => LeaseEvent::Says(record, faults),
            Claim::L2Status(..) | Claim::OfAnyService(_) => LeaseEvent::Absent,
        },
        Content::Unreadable(why) => LeaseEvent::Unreadable(why),
        Content::Object(_) | Content::Nothing => LeaseEvent::Absent,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::watched::reading;
    use super::*;

    fn lease(holder: &str) -> Reading {
        let metadata = json!({"namespace": "shop", "name": "kubevip-web"});
        reading(KIND, &json!({"metadata": metadata, "spec": {"holderIdentity": holder}}))
    }

    fn is_absent(event: Option<&LeaseEvent>) -> bool {
        event == Some(&LeaseEvent::Absent)
    }

    #[test]
    fn a_lease_is_absent_where_its_list_is_complete_without_it_and_not_before() {
        let mut list = SingleObjectList::default();
        assert_eq!(list.apply(Event::Begin), None);
        assert!(is_absent(list.apply(Event::Complete).as_ref()));
        assert!(matches!(list.apply(Event::Changed(lease("a"))), Some(LeaseEvent::Says(..))));
        for event in [Event::Begin, Event::Listed(lease("b"))] {
            assert_eq!(list.apply(event), None);
        }
        assert!(matches!(list.apply(Event::Complete), Some(LeaseEvent::Says(..))));
        assert!(is_absent(list.apply(Event::Gone(ObjectReference::new("shop", "kubevip-web"))).as_ref()));
    }

    #[test]
    fn a_list_that_breaks_off_says_nothing_of_the_next_one() {
        let mut list = SingleObjectList::default();
        for event in [Event::Begin, Event::Listed(lease("a")), Event::Begin] {
            assert_eq!(list.apply(event), None);
        }
        assert!(is_absent(list.apply(Event::Complete).as_ref()));
    }

    #[test]
    fn what_cannot_be_read_is_not_absent() {
        let metadata = json!({"namespace": "shop", "name": "kubevip-web"});
        let unreadable = reading(KIND, &json!({"metadata": metadata, "spec": 5}));
        assert!(matches!(
            SingleObjectList::default().apply(Event::Changed(unreadable)),
            Some(LeaseEvent::Unreadable(_))
        ));
    }
}
