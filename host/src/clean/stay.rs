//! `egressd clean --stay`: for a DaemonSet that removes, so that whoever deletes it can wait until every node is ready.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use egressd_core::compile::Instance;

use super::{Outcome, Report};
use crate::http::{self, Answer};

/// Between two tries: what is in the way may be an egressd on its way out.
const AGAIN: Duration = Duration::from_secs(2);

/// What the readiness probe gets: none once everything is removed, else what is in the way.
type Pending = Rc<RefCell<Option<String>>>;

/// Cleans until nothing is left, then waits to be ended; answers probes all the time. Needs a tokio `LocalSet`. A `pass`
/// gets the instances that an earlier one has seen to live: another try is about what was left, and not about them.
///
/// # Errors
/// When it was ended before nothing was left: what is.
pub async fn stay(
    pass: impl Fn(&BTreeSet<Instance>) -> Result<Report> + Clone + Send + 'static,
    probes: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let pending: Pending = Rc::new(RefCell::new(Some("nothing was tried yet".to_owned())));
    if let Some(listener) = probes {
        let pending = Rc::clone(&pending);
        tokio::task::spawn_local(async move {
            let answer = move |path: String| std::future::ready(answer(&path, pending.borrow().as_deref()));
            if let Err(error) = http::serve(listener, answer).await {
                report(&format!("cannot answer over HTTP: {error}"));
            }
        });
    }
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
            Some(left) if news => report(&format!("{left}; it is tried again")),
            Some(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What is in the way; what was done is printed.
fn left(done: Result<Report>) -> Result<Option<String>> {
    let report = match done {
        Ok(report) => report,
        Err(error) => return Ok(Some(format!("{error:#}"))),
    };
    match report.outcome() {
        Outcome::Incomplete if report.removed.is_empty() => Ok(Some(report.left())),
        Outcome::Incomplete => {
            report.print(&mut io::stdout(), &mut io::sink()).context("cannot print what was removed")?;
            Ok(Some(report.left()))
        }
        Outcome::Cleaned => {
            report.print(&mut io::stdout(), &mut io::stderr()).context("cannot print what was removed")?;
            Ok(None)
        }
    }
}

fn answer(path: &str, pending: Option<&str>) -> Answer {
    match (path, pending) {
        ("/livez", _) => Answer::text(http::Outcome::Good, "alive"),
        ("/readyz", None) => Answer::text(http::Outcome::Good, "everything is removed"),
        ("/readyz", Some(why)) => Answer::text(http::Outcome::Unavailable, format!("not everything is removed: {why}")),
        _ => Answer::text(http::Outcome::NotFound, "there are /livez and /readyz"),
    }
}

fn report(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(io::stderr(), "egressd: {line}");
}
