//! From the thread that loads policies to the loop: the newest result alone, so that results which the loop has no time
//! for hold no policies in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::library::Loaded;

/// The thread's end. When it is dropped, the loop is notified.
#[derive(Debug)]
pub(super) struct Sender(Arc<Shared>);

/// The loop's end.
#[derive(Debug)]
pub(super) struct Receiver(Arc<Shared>);

/// There is no thread any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Loaded>,
    ended: Option<Ended>,
}

pub(super) fn latest_channel() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl Shared {
    /// Each change of it is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// In place of what was not taken yet.
    pub(super) fn send(&self, newer: Loaded) {
        let mut state = self.0.state();
        let chain = newer.chain.or_else(|| state.newest.take()?.chain);
        state.newest = Some(Loaded { chain, ..newer });
        self.0.news.notify_one();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.state().ended = Some(Ended);
        self.0.news.notify_one();
    }
}

impl Receiver {
    /// Waits for the newest result. May be given up and begun again.
    pub(super) async fn next(&mut self) -> Result<Loaded, Ended> {
        loop {
            {
                let mut state = self.0.state();
                if let Some(newest) = state.newest.take() {
                    return Ok(newest);
                }
                if let Some(ended) = state.ended {
                    return Err(ended);
                }
            }
            self.0.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::chain::Chain;

    use super::*;
    use crate::policies::{PolicyReport, PolicyState};

    fn loaded(name: &str, chain: Option<Chain>) -> Loaded {
        let reports = vec![PolicyReport::unloaded(name, PolicyState::Refused, None)];
        Loaded { chain, reports, valid: [].into(), findings: vec![] }
    }

    #[tokio::test]
    async fn the_newest_result_comes_with_the_newest_chain_and_then_the_end() {
        let (sender, mut receiver) = latest_channel();
        sender.send(loaded("old", Some(Chain::default())));
        sender.send(loaded("new", None));
        let newest = receiver.next().await.unwrap();
        assert_eq!((newest.reports[0].name.as_str(), newest.chain.is_some()), ("new", true));
        sender.send(loaded("last", None));
        drop(sender);
        assert!(receiver.next().await.unwrap().chain.is_none());
        assert_eq!(receiver.next().await.unwrap_err(), Ended);
    }
}
