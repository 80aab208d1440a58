//! `egressd clean --stay`: for a DaemonSet that removes, so that its operator can wait until every node is ready.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use egressd_core::compile::Instance;

use super::{CleanOutcome, Report};
use crate::admin::http::{self, HttpAnswer};
use crate::admin::pool::Bounds;
use crate::admin::status_socket::{Probe, StatusSocket};
use crate::out;
use crate::state_channel::notices::insist;

/// Between two tries: what is in the way may be an egressd on its way out.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Where probes are answered.
#[derive(Clone, Debug)]
pub struct Listeners {
    pub socket: PathBuf,
    /// And HTTP, where it is asked for.
    pub http: Option<SocketAddr>,
}

/// What the readiness probe gets: none once everything is removed, else what is in the way.
type Pending = Rc<RefCell<Option<String>>>;

/// Cleans until nothing is left, then waits to be ended; answers probes all the time. Needs a tokio `LocalSet`. A `pass`
/// gets the instances that an earlier one has seen to live: another try is about what was left, and not about them.
///
/// # Errors
/// When it was ended before nothing was left: what is.
pub async fn stay(
    pass: impl Fn(&BTreeSet<Instance>) -> Result<Report> + Clone + Send + 'static,
    listeners: Listeners,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let pending: Pending = Rc::new(RefCell::new(Some("no attempt was made yet".to_owned())));
    open(listeners, &pending);
    tokio::pin!(stop);
    tokio::select! {
        cleaned = clean(pass, &pending) => cleaned?,
        () = &mut stop => {
            let why = pending.borrow().clone().unwrap_or_default();
            anyhow::bail!("ended before everything was removed: {why}");
        }
    }
    stop.await;
    Ok(())
}

async fn clean(
    pass: impl Fn(&BTreeSet<Instance>) -> Result<Report> + Clone + Send + 'static,
    pending: &Pending,
) -> Result<()> {
    let mut living = BTreeSet::new();
    loop {
        let (pass, spared) = (pass.clone(), living.clone());
        let done = tokio::task::spawn_blocking(move || pass(&spared)).await.context("cannot go on cleaning")?;
        living.extend(done.iter().flat_map(|report| report.living.iter().cloned()));
        let left = left(done)?;
        let news = *pending.borrow() != left;
        pending.replace(left.clone());
        match left {
            None => return Ok(()),
            Some(left) if news => report(&format!("{left}; retrying")),
            Some(_) => {}
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// What is in the way; what was done is printed.
fn left(done: Result<Report>) -> Result<Option<String>> {
    let report = match done {
        Ok(report) => report,
        Err(error) => return Ok(Some(format!("{error:#}"))),
    };
    match report.outcome() {
        CleanOutcome::Incomplete if report.removed.is_empty() => Ok(Some(report.left())),
        CleanOutcome::Incomplete => {
            report.print(&mut out::stdout(), &mut io::sink()).context("cannot print what was removed")?;
            Ok(Some(report.left()))
        }
        CleanOutcome::Cleaned => {
            report.print(&mut out::stdout(), &mut out::stderr()).context("cannot print what was removed")?;
            Ok(None)
        }
    }
}

/// Answers probes as long as it cleans. A listener that cannot be opened is reported, and is no reason not to clean.
fn open(Listeners { socket, http }: Listeners, pending: &Pending) {
    if let Some(address) = http {
        let pending = Rc::clone(pending);
        tokio::task::spawn_local(async move {
            let listener = insist(|| http::listen(address), report_changes()).await;
            let answer =
                move |get: http::HttpRequest| std::future::ready(answer(&get.path, pending.borrow().as_deref()));
            http::serve(listener, Bounds::default(), answer).await;
        });
    }
    tokio::task::spawn_local(serve_socket(socket, Rc::clone(pending)));
}

async fn serve_socket(path: PathBuf, pending: Pending) {
    let socket = insist(|| StatusSocket::open(&path), report_changes()).await;
    let answer = move |stream, visit| {
        let pending = Rc::clone(&pending);
        let answer = move |get: http::HttpRequest| std::future::ready(answer(&get.path, pending.borrow().as_deref()));
        http::connection(stream, visit, http::Posts::Refused, answer)
    };
    // There is no status.
    socket.serve(Bounds::default(), || std::future::ready(String::new()), answer).await;
}

/// Reports what is wrong when it is not what was wrong before.
fn report_changes() -> impl Fn(Option<&str>) {
    let before = RefCell::new(None);
    move |why| {
        let news = before.replace(why.map(str::to_owned)).as_deref() != why;
        why.filter(|_| news).into_iter().for_each(|why| report(&format!("{why}; retrying")));
    }
}

fn answer(path: &str, pending: Option<&str>) -> HttpAnswer {
    let known = |probe: Probe, older: &str| path == probe.path() || path == older;
    match pending {
        _ if known(Probe::Live, "/livez") => HttpAnswer::text(http::HttpOutcome::Good, "alive"),
        None if known(Probe::Ready, "/readyz") => HttpAnswer::text(http::HttpOutcome::Good, "everything is removed"),
        Some(why) if known(Probe::Ready, "/readyz") => {
            HttpAnswer::text(http::HttpOutcome::Unavailable, format!("not everything is removed: {why}"))
        }
        None | Some(_) => HttpAnswer::text(http::HttpOutcome::NotFound, "there are /livez and /readyz"),
    }
}

fn report(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(out::stderr(), "egressd: {line}");
}
