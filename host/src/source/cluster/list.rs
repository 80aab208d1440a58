//! How lists and watches are asked for, and everything of a kind once.

use std::sync::Arc;
use std::time::Duration;

use egressd_core::policy;
use kube::Api;
use kube::api::{ListParams, WatchParams};
use tokio::time::timeout;

use super::event::{Event, Kind};
use super::follow::ANSWER;
use super::trouble::{Trouble, Verb};
use super::watched::{Watched, reading};

/// Objects in one page of a list: whole pages are in memory, and a slice can be large.
const PAGE: u32 = 200;
/// Services in one page: each can have 256 KiB of annotations, before they are cut to what is read.
const PAGE_OF_SERVICES: u32 = 32;

/// Everything of a kind, once; none of a kind that the server does not have.
pub(super) async fn everything<K: Watched>(api: &Api<K>, server: &Arc<str>) -> Result<Vec<Event>, Trouble> {
    let mut events = vec![Event::Begin];
    let mut continued = None;
    loop {
        let page = match timeout(ANSWER, api.list(&page_params::<K>(continued))).await {
            Ok(Ok(page)) => page,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 && K::KIND == Kind::ServiceNetworks => break,
            Ok(Err(error)) => return Err(Trouble::of(Verb::List, K::KIND, server, &error)),
            Err(_) => return Err(Trouble::late(server, ANSWER)),
        };
        events.extend(page.items.into_iter().map(|object| Event::Listed(reading(object, None))));
        continued = page.metadata.continue_.filter(|token| !token.is_empty());
        if continued.is_none() {
            break;
        }
    }
    events.push(Event::Complete);
    Ok(events)
}

pub(super) fn page_params<K: Watched>(continued: Option<String>) -> ListParams {
    ListParams {
        limit: Some(page(K::KIND)),
        continue_token: continued,
        label_selector: selector(K::KIND),
        ..ListParams::default()
    }
}

pub(super) fn params<K: Watched>(limit: Duration) -> WatchParams {
    let timeout = u32::try_from(limit.as_secs()).ok();
    WatchParams { timeout, label_selector: selector(K::KIND), ..WatchParams::default() }
}

fn page(kind: Kind) -> u32 {
    match kind {
        Kind::Services => PAGE_OF_SERVICES,
        Kind::Slices | Kind::Nodes | Kind::Namespaces | Kind::ServiceNetworks | Kind::Policies => PAGE,
    }
}

/// Of all ConfigMaps only those that are policies.
fn selector(kind: Kind) -> Option<String> {
    match kind {
        Kind::Policies => Some(format!("{}=true", policy::LABEL)),
        Kind::Services | Kind::Slices | Kind::Nodes | Kind::Namespaces | Kind::ServiceNetworks => None,
    }
}
