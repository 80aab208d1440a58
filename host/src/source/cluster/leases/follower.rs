//! One Lease, followed by its name, and what its follower's news mean.

use std::sync::Arc;

use egressd_core::model::ObjectReference;
use kube::Client;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::super::asked::Asked;
use super::super::event::{Content, Event, Reading};
use super::super::follow::{Follower, FollowerEvent, everything};
use super::super::server::Server;
use super::super::trouble::ApiError;
use super::KIND;
use super::table::Heard;
use crate::source::claims::Claim;
use crate::source::documents::Object;

/// What a follower reports.
#[derive(Debug)]
pub(super) enum What {
    /// Something about the Lease.
    Heard(Heard),
    /// What keeps it from that.
    ApiError(ApiError),
}

/// Follows one until it is aborted. A list of one by its name, and a watch of it, as the kubelet has them of Secrets.
pub(super) async fn follow(
    name: ObjectReference,
    client: Client,
    server: Arc<Server>,
    reports: Sender<(ObjectReference, What)>,
) {
    let (sender, news) = channel(1);
    let follower = Follower::new(asked(&name), client, server, sender);
    tokio::join!(follower.run(), pass_on(news, name, reports));
}

/// What is known of one, asked for once; none where that is not there.
///
/// # Errors
/// When the server does not answer as it should.
pub(super) async fn once(name: &ObjectReference, client: &Client, server: &Arc<str>) -> Result<Heard, ApiError> {
    let events = everything(&asked(name), client, server).await?;
    let mut listing = Listing::default();
    let heard = events.into_iter().filter_map(|event| listing.take(event)).last();
    Ok(heard.unwrap_or(Heard::Absent))
}

fn asked(name: &ObjectReference) -> Asked {
    Asked::all(KIND).of_namespace(&name.namespace).with_fields(format!("metadata.name={}", name.name))
}

async fn pass_on(mut news: Receiver<FollowerEvent>, name: ObjectReference, reports: Sender<(ObjectReference, What)>) {
    let mut listing = Listing::default();
    while let Some(news) = news.recv().await {
        let what = match news {
            FollowerEvent::Event(_, event) => listing.take(event).map(What::Heard),
            FollowerEvent::Works(_) => Some(What::Heard(Heard::Answers)),
            FollowerEvent::ApiError(_, trouble) => Some(What::ApiError(trouble)),
            FollowerEvent::Forgone(_) => Some(What::Heard(Heard::Forgone)),
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
struct Listing {
    listed: Option<Heard>,
}

impl Listing {
    fn take(&mut self, event: Event) -> Option<Heard> {
        match event {
            Event::Begin => {
                self.listed = None;
                None
            }
            Event::Kept(_) => None,
            Event::Listed(reading) => {
                self.listed = Some(heard(reading));
                None
            }
            Event::Complete => Some(self.listed.take().unwrap_or(Heard::Absent)),
            Event::Changed(reading) => Some(heard(reading)),
            Event::Gone(_) | Event::Absent => Some(Heard::Absent),
        }
    }
}

fn heard(Reading { content, faults, name: _, uid: _ }: Reading) -> Heard {
    match content {
        Content::Object(Object::Claim(_, claim)) => match *claim {
            Claim::Lease(record) => Heard::Says(record, faults),
            Claim::L2Status(..) | Claim::OfAnyService(_) => Heard::Absent,
        },
        Content::Unreadable(why) => Heard::Unreadable(why),
        Content::Object(_) | Content::Nothing => Heard::Absent,
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

    fn is_absent(heard: Option<&Heard>) -> bool {
        heard == Some(&Heard::Absent)
    }

    #[test]
    fn a_lease_is_absent_where_its_list_is_complete_without_it_and_not_before() {
        let mut listing = Listing::default();
        assert_eq!(listing.take(Event::Begin), None);
        assert!(is_absent(listing.take(Event::Complete).as_ref()));
        assert!(matches!(listing.take(Event::Changed(lease("a"))), Some(Heard::Says(..))));
        for event in [Event::Begin, Event::Listed(lease("b"))] {
            assert_eq!(listing.take(event), None);
        }
        assert!(matches!(listing.take(Event::Complete), Some(Heard::Says(..))));
        assert!(is_absent(listing.take(Event::Gone(ObjectReference::new("shop", "kubevip-web"))).as_ref()));
    }

    #[test]
    fn a_list_that_breaks_off_says_nothing_of_the_next_one() {
        let mut listing = Listing::default();
        for event in [Event::Begin, Event::Listed(lease("a")), Event::Begin] {
            assert_eq!(listing.take(event), None);
        }
        assert!(is_absent(listing.take(Event::Complete).as_ref()));
    }

    #[test]
    fn what_cannot_be_read_is_not_absent() {
        let metadata = json!({"namespace": "shop", "name": "kubevip-web"});
        let unreadable = reading(KIND, &json!({"metadata": metadata, "spec": 5}));
        assert!(matches!(Listing::default().take(Event::Changed(unreadable)), Some(Heard::Unreadable(_))));
    }
}
