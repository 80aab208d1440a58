//! A thread that owns what talks to the kernel. The kernel works inside `sendmsg`, for milliseconds where a change is large,
//! while others go on; and a socket belongs to the network namespace of the thread that opens it.

use std::fmt::{self, Debug, Formatter};
use std::sync::mpsc;
use std::{io, thread};

use tokio::sync::oneshot;

/// Why a worker does nothing.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("cannot start a thread")]
    Start(#[source] io::Error),
    /// The thread is gone, which is a defect of egressd.
    #[error("cannot reach a thread: it has ended")]
    Gone,
}

/// Something on a thread of its own, which does one task after the other with it. The thread ends when this and all clones
/// are dropped and all tasks are done.
pub struct Worker<S> {
    tasks: mpsc::Sender<Task<S>>,
}

type Task<S> = Box<dyn FnOnce(&mut S) + Send>;

impl<S: 'static> Worker<S> {
    /// Starts the thread, and on it makes what it owns.
    ///
    /// # Errors
    /// What `make` fails with, or when there can be no thread.
    pub async fn spawn<E: From<WorkerError> + Send + 'static>(
        name: &str,
        make: impl FnOnce() -> Result<S, E> + Send + 'static,
    ) -> Result<Self, E> {
        let (tasks, inbox) = mpsc::channel();
        let (ready, is_ready) = oneshot::channel();
        let begin = move || match make() {
            Ok(owned) => {
                // Where the caller has stopped waiting, there are no tasks either.
                let _ = ready.send(Ok(()));
                work(owned, inbox);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(begin).map_err(WorkerError::Start)?;
        is_ready.await.map_err(|_| WorkerError::Gone)??;
        Ok(Self { tasks })
    }

    /// Does a task, when those before it are done. Dropping the future does not undo it: the caller has to check its
    /// result.
    ///
    /// # Errors
    /// When the thread is gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        let (answer, answered) = oneshot::channel();
        // Who stopped waiting gets no answer, and that is fine.
        self.post(move |owned| drop(answer.send(task(owned))))?;
        answered.await.map_err(|_| WorkerError::Gone)
    }

    /// Does a task, when those before it are done; nothing waits for it.
    ///
    /// # Errors
    /// When the thread is gone.
    pub fn post(&self, task: impl FnOnce(&mut S) + Send + 'static) -> Result<(), WorkerError> {
        self.tasks.send(Box::new(task)).map_err(|_| WorkerError::Gone)
    }
}

fn work<S>(mut owned: S, inbox: mpsc::Receiver<Task<S>>) {
    inbox.into_iter().for_each(|task| task(&mut owned));
}

impl<S> Clone for Worker<S> {
    fn clone(&self) -> Self {
        Self { tasks: self.tasks.clone() }
    }
}

impl<S> Debug for Worker<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn counter() -> Worker<usize> {
        Worker::spawn::<WorkerError>("counter", || Ok(0)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn tasks_are_done_in_order_with_one_thing() {
        let counter = counter().await;
        let again = counter.clone();
        assert_eq!(counter.ask(|count| std::mem::replace(count, 1)).await.ok(), Some(0));
        assert_eq!(again.ask(|count| *count).await.ok(), Some(1));
    }

    #[tokio::test]
    async fn a_task_whose_caller_stopped_waiting_is_done() {
        let counter = counter().await;
        let mut task = Box::pin(counter.ask(|count| *count += 1));
        tokio::select! {
            biased;
            _ = &mut task => {}
            () = std::future::ready(()) => {}
        }
        drop(task);
        assert_eq!(counter.ask(|count| *count).await.ok(), Some(1));
    }

    #[tokio::test]
    async fn what_cannot_be_made_is_an_error_and_so_is_a_thread_that_is_gone() {
        let spawned = Worker::<()>::spawn("nothing", || Err(WorkerError::Gone)).await;
        assert!(matches!(spawned, Err(WorkerError::Gone)));
        let counter = counter().await;
        let panicked = counter.ask(|_| -> () { std::panic::resume_unwind(Box::new("a defect")) }).await;
        assert!(matches!(panicked, Err(WorkerError::Gone)));
        assert!(matches!(counter.ask(|count| *count).await, Err(WorkerError::Gone)));
    }
}
