//! What is wrong with egressd's own sockets and directories, and with no Service: a finding about each, as long as it is so.
//! Nothing of it is a reason not to translate.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::finding::Finding;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::errors::with_causes;

/// Between two tries to open a listener.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Findings by what they are about.
type FindingsByTopic = BTreeMap<&'static str, Vec<Finding>>;

/// What is found, as it changes.
#[derive(Clone, Debug)]
pub struct Reader(watch::Receiver<FindingsByTopic>);

/// Where it is noted.
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<watch::Sender<FindingsByTopic>>);

impl Notices {
    /// What is wrong with something now, if anything is. What changed is logged.
    pub fn note(&self, about: &'static str, finding: Option<Finding>) {
        self.note_all(about, finding.into_iter().collect());
    }

    /// All that is wrong with something now. What changed is logged.
    pub fn note_all(&self, about: &'static str, findings: Vec<Finding>) {
        self.0.send_if_modified(|found| {
            let before = found.remove(about).unwrap_or_default();
            let is_modified = before != findings;
            log_changes(about, &before, &findings);
            found.extend((!findings.is_empty()).then_some((about, findings)));
            is_modified
        });
    }

    /// For those who read it.
    pub fn reader(&self) -> Reader {
        Reader(self.0.subscribe())
    }
}

/// One line for each finding that was not there before, and one where none is left.
fn log_changes(about: &str, before: &[Finding], now: &[Finding]) {
    for finding in now.iter().filter(|finding| !before.contains(finding)) {
        warn!(code = %finding.code, "{}", finding.message);
    }
    if now.is_empty() && !before.is_empty() {
        info!("resolved: {about}");
    }
}

impl Reader {
    /// What is wrong now.
    pub fn now(&self) -> Arc<[Finding]> {
        self.0.borrow().values().flatten().cloned().collect()
    }
}

/// Tries again and again until it succeeds, and reports meanwhile why it does not.
pub async fn insist<T, E: Error>(mut attempt: impl FnMut() -> Result<T, E>, report: impl Fn(Option<&str>)) -> T {
    loop {
        match attempt() {
            Ok(result) => {
                report(None);
                return result;
            }
            Err(error) => report(Some(&with_causes(&error))),
        }
        sleep(RETRY_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_stands_as_long_as_it_is_so() {
        let notices = Notices::default();
        let reader = notices.reader();
        for message in ["taken", "refused"] {
            notices.note("the door", Some(Finding::warning("door", message)));
            assert_eq!(*reader.now(), [Finding::warning("door", message)]);
        }
        notices.note("the door", None);
        assert!(reader.now().is_empty());
    }

    #[test]
    fn several_findings_about_one_thing_stand_beside_those_about_others() {
        let notices = Notices::default();
        let reader = notices.reader();
        let finding = |code: &'static str| Finding::warning(code, "it is so");
        notices.note("the socket", Some(finding("socket")));
        notices.note_all("chains", vec![finding("first"), finding("second")]);
        assert_eq!(*reader.now(), ["first", "second", "socket"].map(finding));
        notices.note_all("chains", vec![finding("second")]);
        assert_eq!(*reader.now(), ["second", "socket"].map(finding));
    }
}
