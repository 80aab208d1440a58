//! What is asked of the server: the objects of one kind, page by page or as they change.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{AsyncReadExt, Stream};
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use kube::{Client, Error};
use serde_json::Value;
use tokio::time::timeout;

use super::super::kind::{Names, Need, One};
use super::event::{Event, Kind};
use super::follow::ANSWER_TIMEOUT;
use super::page::{Object, Page};
use super::trouble::{ApiError, Verb};

/// Objects in one page of a list: the text of a whole page is in memory, and an object may have a megabyte and a half.
const PAGE_SIZE: u32 = 50;
/// The same after a page of more than [`LARGE_PAGE_BYTES`] bytes.
const SMALL_PAGE_SIZE: u32 = 5;
/// How large a page may be before the next ones are smaller.
const LARGE_PAGE_BYTES: usize = 32 << 20;

/// Objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectSelector {
    pub(super) kind: Kind,
    /// Of which namespace; of all without it.
    namespace: Option<String>,
    /// Which of them, by their fields; all without it.
    fields: Option<String>,
}

/// How a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchStart {
    /// With all there is: a streaming list.
    WithAll,
    WithChanges,
}

impl ObjectSelector {
    pub(super) fn all(kind: Kind) -> Self {
        Self { kind, namespace: None, fields: None }
    }

    /// The only one of a kind that is of interest, or all. A list of one by its name needs no more than the right to read
    /// that one.
    pub(super) fn one_or_all(kind: Kind) -> Self {
        let Some(One { namespace, name }) = kind.names().one else { return Self::all(kind) };
        Self::all(kind).of_namespace(namespace).with_fields(format!("metadata.name={name}"))
    }

    pub(super) fn of_namespace(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// Those alone whose fields are so.
    pub(super) fn with_fields(self, fields: String) -> Self {
        Self { fields: Some(fields), ..self }
    }

    /// The pages of a list of everything.
    pub(super) fn pages<'a>(&'a self, client: &'a Client) -> Pages<'a> {
        Pages { client, asked: self, limit: PAGE_SIZE, continued: None }
    }

    /// What changes after a version, or after now without one; for `limit` at most.
    ///
    /// # Errors
    /// When the server does not begin to answer as it should.
    pub(super) async fn watch(
        &self,
        client: &Client,
        begin: WatchStart,
        version: Option<&str>,
        limit: Duration,
    ) -> Result<impl Stream<Item = Result<WatchEvent<Object>, Error>> + use<>, Error> {
        let watched = WatchParams {
            send_initial_events: begin == WatchStart::WithAll,
            timeout: u32::try_from(limit.as_secs()).ok(),
            field_selector: self.fields.clone(),
            ..WatchParams::default()
        };
        let request = self.request().watch(&watched, version.unwrap_or_default()).map_err(Error::BuildRequest)?;
        client.request_events(request).await
    }

    fn request(&self) -> Request {
        let Names { group, versions, plural, .. } = self.kind.names();
        let version = versions.first().copied().unwrap_or_default();
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let within = self.namespace.as_ref().map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        Request::new(format!("{root}{within}/{plural}"))
    }
}

/// The pages of one list, which are all of one version.
pub(super) struct Pages<'a> {
    client: &'a Client,
    asked: &'a ObjectSelector,
    limit: u32,
    continued: Option<String>,
}

impl Pages<'_> {
    /// The next page; it says whether there is one after it.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub(super) async fn next(&mut self) -> Result<Page, Error> {
        let listed = ListParams {
            limit: Some(self.limit),
            continue_token: self.continued.take(),
            field_selector: self.asked.fields.clone(),
            ..ListParams::default()
        };
        let request = self.asked.request().list(&listed).map_err(Error::BuildRequest)?;
        let mut answer = pin!(self.client.request_stream(request).await?);
        let mut text = Vec::new();
        answer.read_to_end(&mut text).await.map_err(Error::ReadEvents)?;
        if text.len() > LARGE_PAGE_BYTES {
            self.limit = SMALL_PAGE_SIZE;
        }
        let page = Page::read(self.asked.kind, &text).map_err(Error::SerdeError)?;
        self.continued.clone_from(&page.continued);
        Ok(page)
    }
}

/// The version up to which everything is known with an object.
pub(super) fn version(object: &Value) -> Option<&str> {
    object["metadata"]["resourceVersion"].as_str()
}

/// Everything that is asked for, once; none of a kind that the server does not have, or may do without letting it be read.
pub(super) async fn everything(
    selector: &ObjectSelector,
    client: &Client,
    server: &Arc<str>,
) -> Result<Vec<Event>, ApiError> {
    let mut events = vec![Event::Begin];
    let mut pages = selector.pages(client);
    let done_without: &[u16] = match selector.kind.names().need {
        Need::Required => &[],
        Need::WhereServed => &[404],
        Need::WherePermitted => &[403, 404],
    };
    loop {
        let page = match timeout(ANSWER_TIMEOUT, pages.next()).await {
            Ok(Ok(page)) => page,
            Ok(Err(Error::Api(status))) if done_without.contains(&status.code) => return Ok(vec![Event::Absent]),
            Ok(Err(error)) => return Err(ApiError::of(Verb::List, selector.kind, server, &error)),
            Err(_) => return Err(ApiError::timed_out(server, ANSWER_TIMEOUT)),
        };
        events.extend(page.readings.into_iter().map(Event::Listed));
        if page.continued.is_none() {
            break;
        }
    }
    events.push(Event::Complete);
    Ok(events)
}
