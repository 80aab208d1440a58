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
type FindingsByTopic = BTreeMap<&'static str, Finding>;

/// What is found, as it changes.
#[derive(Clone, Debug)]
pub struct Reader(watch::Receiver<FindingsByTopic>);

/// Where it is noted.
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<watch::Sender<FindingsByTopic>>);

impl Notices {
    /// What is wrong with something now, if anything is. What changed is logged.
    pub fn note(&self, about: &'static str, finding: Option<Finding>) {
        self.0.send_if_modified(|found| {
            if found.get(about) == finding.as_ref() {
                return false;
            }
            match &finding {
                Some(finding) => warn!(code = %finding.code, "{}", finding.message),
                None => info!("resolved: {about}"),
            }
            found.remove(about);
            found.extend(finding.map(|finding| (about, finding)));
            true
        });
    }

    /// For those who read it.
    pub fn reader(&self) -> Reader {
        Reader(self.0.subscribe())
    }
}

impl Reader {
    /// What is wrong now.
    pub fn now(&self) -> Arc<[Finding]> {
        self.0.borrow().values().cloned().collect()
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
}
