use std::sync::mpsc;

use super::*;

/// So long that only giving way to others can end a connection.
const FOREVER: Duration = Duration::from_hours(1);

const TWO: Bounds = Bounds { places: 2, grace: Duration::ZERO, silence: FOREVER, patience: FOREVER };

/// What a connection of a test does, and how it ended.
struct ConnectionFixture {
    pool: Rc<ConnectionPool>,
    ended: mpsc::Sender<&'static str>,
    end: mpsc::Receiver<&'static str>,
}

/// Reports when it is dropped.
struct Ended(&'static str, mpsc::Sender<&'static str>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.1.send(self.0);
    }
}

impl ConnectionFixture {
    fn new(bounds: Bounds) -> Self {
        let (ended, end) = mpsc::channel();
        Self { pool: ConnectionPool::new(bounds), ended, end }
    }

    /// A connection that goes so far, and then waits for ever.
    async fn comes(&self, name: &'static str, far: impl FnOnce(&ConnectionState) + 'static) {
        let ended = Ended(name, self.ended.clone());
        let stays = |visit: ConnectionState| async move {
            let _ended = ended;
            far(&visit);
            pending().await
        };
        self.pool.admit(stays).await;
        tokio::task::yield_now().await;
    }

    async fn ended(&self) -> Vec<&'static str> {
        tokio::task::yield_now().await;
        self.end.try_iter().collect()
    }
}

fn run(trial: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
    let done = runtime.map(|runtime| tokio::task::LocalSet::new().block_on(&runtime, trial));
    assert!(done.is_some(), "there is no runtime");
}

#[test]
fn the_oldest_silent_connection_goes_first_then_the_oldest_that_takes_no_answer() {
    run(async {
        let trial = ConnectionFixture::new(TWO);
        trial.comes("takes nothing", ConnectionState::answered).await;
        trial.comes("silent", |_| {}).await;
        assert!(trial.ended().await.is_empty());
        trial.comes("second silent", |_| {}).await;
        assert_eq!(trial.ended().await, ["silent"]);
        trial.comes("is worked for", ConnectionState::asked).await;
        assert_eq!(trial.ended().await, ["second silent"]);
        trial.comes("last", |_| {}).await;
        assert_eq!(trial.ended().await, ["takes nothing"]);
    });
}

#[test]
fn whoever_is_worked_for_goes_for_no_other_and_others_wait_until_it_is_done() {
    run(async {
        let trial = ConnectionFixture::new(Bounds { places: 1, ..TWO });
        let (done, wait) = tokio::sync::oneshot::channel::<()>();
        let work = |visit: ConnectionState| async move {
            visit.asked();
            let _ = wait.await;
        };
        trial.pool.admit(work).await;
        tokio::task::yield_now().await;
        let newcomer = trial.comes("newcomer", |_| {});
        tokio::pin!(newcomer);
        assert!(futures_util::poll!(newcomer.as_mut()).is_pending());
        let _ = done.send(());
        newcomer.await;
        assert_eq!(trial.pool.inside.borrow().len(), 1);
    });
}

#[test]
fn a_connection_has_time_to_begin_whoever_comes() {
    run(async {
        let trial = ConnectionFixture::new(Bounds { places: 1, grace: FOREVER, ..TWO });
        trial.comes("first", |_| {}).await;
        let newcomer = trial.comes("newcomer", |_| {});
        tokio::pin!(newcomer);
        assert!(futures_util::poll!(newcomer.as_mut()).is_pending());
        assert!(trial.ended().await.is_empty());
    });
}

#[test]
fn silence_ends_a_connection_and_an_answer_that_takes_long_does_not() {
    run(async {
        let trial = ConnectionFixture::new(Bounds { silence: Duration::ZERO, ..TWO });
        trial.comes("is worked for", ConnectionState::asked).await;
        trial.comes("silent", |_| {}).await;
        trial.pool.left.notified().await;
        assert_eq!(trial.ended().await, ["silent"]);
    });
}

#[test]
fn no_connection_lasts_for_ever() {
    run(async {
        let trial = ConnectionFixture::new(Bounds { patience: Duration::ZERO, ..TWO });
        trial.comes("is worked for", ConnectionState::asked).await;
        trial.pool.left.notified().await;
        assert_eq!(trial.ended().await, ["is worked for"]);
    });
}

/// 200 pods may wait at once, and probes and `status` are answered meanwhile.
#[test]
fn whoever_is_parked_has_no_place_until_it_is_answered() {
    run(async {
        let trial = ConnectionFixture::new(TWO);
        for _ in 0..200 {
            trial.comes("parked", ConnectionState::parked).await;
        }
        trial.comes("asked", ConnectionState::asked).await;
        trial.comes("asked", ConnectionState::asked).await;
        assert_eq!(trial.ended().await, [] as [&str; 0]);
    });
}
