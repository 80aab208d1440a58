//! Source addresses that receivers saw, by token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The length of a token on the wire.
pub(crate) const TOKEN_LENGTH: usize = 8;

/// Names one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token([u8; TOKEN_LENGTH]);

impl Token {
    /// One that was never used in this process.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes())
    }

    /// The token at the beginning of a message.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        message.first_chunk().copied().map(Self)
    }

    /// The wire format.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Shared by all services of a lab.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<RecordedCalls>);

#[derive(Debug, Default)]
struct RecordedCalls {
    sources: Mutex<BTreeMap<Token, IpAddr>>,
    noted: Condvar,
}

impl Record {
    /// A call arrived. Of a repeated one, the first counts.
    pub(crate) fn note(&self, token: Token, source: IpAddr) {
        self.sources().entry(token).or_insert(source.to_canonical());
        self.0.noted.notify_all();
    }

    /// The source address of a call, if it arrived within this time. It is removed from the record.
    ///
    /// An answer may overtake the note: the kernel answers echo requests before we have read them.
    pub(crate) fn take(&self, token: Token, timeout: Duration) -> Option<IpAddr> {
        let missing = |sources: &mut BTreeMap<Token, IpAddr>| !sources.contains_key(&token);
        let (mut sources, _) =
            self.0.noted.wait_timeout_while(self.sources(), timeout, missing).unwrap_or_else(PoisonError::into_inner);
        sources.remove(&token)
    }

    fn sources(&self) -> MutexGuard<'_, BTreeMap<Token, IpAddr>> {
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
