//! Time that stands still, and goes on when there is nothing to do.

use std::thread;
use std::time::Duration;

use tokio::task::yield_now;

use crate::state_channel::StateReader;

/// How long threads get to go on, in real time.
const MOMENT: Duration = Duration::from_micros(50);

/// Keeps time from going on while the loop waits for one of its threads: it goes on when there is nothing to do.
pub(super) async fn stop_time(mut state_channel: StateReader) {
    while state_channel.turned().await.is_ok() {
        while state_channel.busy_since().is_some() && !state_channel.has_ended() {
            let_threads_work().await;
        }
    }
}

pub(super) async fn let_threads_work() {
    thread::sleep(MOMENT);
    yield_now().await;
}
