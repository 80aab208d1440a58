//! A thread for the kernel: it works inside `sendmsg`, for milliseconds when a batch is large, and must not hold up
//! anybody else.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use egressd_core::{diff::Batch, model::Uid, ruleset::TableNames};
use tokio::sync::oneshot;

use super::{Error, Kernel, Readback, Survey, TableId};
use crate::clock::{self, Instant};

/// For how long a survey is new enough: it dumps every element, and commits wait meanwhile.
const FRESH: Duration = Duration::from_millis(500);

/// A [`Kernel`] on a thread of its own. The thread ends when this and all clones are dropped and what it was asked is
/// done.
#[derive(Clone, Debug)]
pub struct KernelThread {
    requests: mpsc::Sender<Request>,
}

/// What the thread is asked, and where the answer goes.
enum Request {
    Adopt(TableNames, Answer<()>),
    Read(TableNames, Answer<Readback>),
    Commit(Batch, Answer<()>),
    Existing(TableNames, Answer<Vec<TableId>>),
    Foreign(TableNames, Answer<Vec<TableId>>),
    Survey(TableNames, BTreeSet<Uid>, Answer<Arc<Survey>>),
}

type Answer<T> = oneshot::Sender<Result<T, Error>>;

impl KernelThread {
    /// Starts the thread, and on it makes the kernel: a netlink socket belongs to the network namespace of the
    /// thread that opens it.
    ///
    /// # Errors
    /// What `make` fails with, or when there can be no thread.
    pub async fn spawn<K: Kernel>(make: impl FnOnce() -> Result<K, Error> + Send + 'static) -> Result<Self, Error> {
        let (requests, inbox) = mpsc::channel();
        let (ready, is_ready) = oneshot::channel();
        thread::Builder::new()
            .name("nft".to_owned())
            .spawn(move || match make() {
                Ok(kernel) => {
                    // Nobody waits any more: the first receive finds the channel closed.
                    let _ = ready.send(Ok(()));
                    serve(kernel, &inbox);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(|source| Error::Io { doing: "start the kernel thread", source })?;
        is_ready.await.map_err(|_| Error::ThreadGone)??;
        Ok(Self { requests })
    }

    /// [`Kernel::adopt`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn adopt(&self, names: TableNames) -> Result<(), Error> {
        self.ask(|answer| Request::Adopt(names, answer)).await
    }

    /// [`Kernel::read`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn read(&self, names: TableNames) -> Result<Readback, Error> {
        self.ask(|answer| Request::Read(names, answer)).await
    }

    /// [`Kernel::commit`]. Dropping the future does not undo the request: whoever does that has to read.
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.ask(|answer| Request::Commit(batch, answer)).await
    }

    /// [`Kernel::existing`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn existing(&self, names: TableNames) -> Result<Vec<TableId>, Error> {
        self.ask(|answer| Request::Existing(names, answer)).await
    }

    /// [`Kernel::foreign`].
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn foreign(&self, names: TableNames) -> Result<Vec<TableId>, Error> {
        self.ask(|answer| Request::Foreign(names, answer)).await
    }

    /// [`Kernel::survey`], or one that is less than half a second old, so that whoever asks often delays nothing.
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn survey(&self, names: TableNames, living: BTreeSet<Uid>) -> Result<Arc<Survey>, Error> {
        self.ask(|answer| Request::Survey(names, living, answer)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).map_err(|_| Error::ThreadGone)?;
        answered.await.map_err(|_| Error::ThreadGone)?
    }
}

/// Answers until nobody can ask any more. Who stopped waiting gets no answer, and that is fine.
fn serve(mut kernel: impl Kernel, inbox: &mpsc::Receiver<Request>) {
    let mut newest: Option<(Instant, Arc<Survey>)> = None;
    for request in inbox {
        match request {
            Request::Adopt(names, answer) => drop(answer.send(kernel.adopt(&names))),
            Request::Read(names, answer) => drop(answer.send(kernel.read(&names))),
            Request::Commit(batch, answer) => drop(answer.send(kernel.commit(&batch))),
            Request::Existing(names, answer) => drop(answer.send(kernel.existing(&names))),
            Request::Foreign(names, answer) => drop(answer.send(kernel.foreign(&names))),
            Request::Survey(names, living, answer) => {
                let known = newest.take().filter(|(at, _)| clock::since(*at) < FRESH);
                let survey = match known {
                    Some(known) => Ok(known),
                    None => kernel.survey(&names, &living).map(|survey| (clock::now(), Arc::new(survey))),
                };
                newest = survey.as_ref().ok().cloned();
                drop(answer.send(survey.map(|(_, survey)| survey)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(usize);

    impl Kernel for Counting {
        fn adopt(&mut self, _: &TableNames) -> Result<(), Error> {
            Ok(())
        }

        fn read(&mut self, _: &TableNames) -> Result<Readback, Error> {
            Err(Error::Unsettled { attempts: 3 })
        }

        fn commit(&mut self, _: &Batch) -> Result<(), Error> {
            self.0 += 1;
            if self.0 > 1 { Err(Error::TooLong) } else { Ok(()) }
        }

        fn existing(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
            Ok(Vec::new())
        }

        fn foreign(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
            Ok(Vec::new())
        }

        fn survey(&mut self, _: &TableNames, _: &BTreeSet<Uid>) -> Result<Survey, Error> {
            self.0 += 10;
            Ok(Survey::default())
        }
    }

    #[tokio::test]
    async fn answers_come_from_one_kernel_in_order() {
        let Ok(kernel) = KernelThread::spawn(|| Ok(Counting(0))).await else {
            panic!("the kernel was made");
        };
        assert!(kernel.commit(Batch::default()).await.is_ok());
        assert!(matches!(kernel.commit(Batch::default()).await, Err(Error::TooLong)));
    }

    #[tokio::test]
    async fn a_kernel_that_cannot_be_made_is_told() {
        let spawned = KernelThread::spawn(|| Err::<Counting, _>(Error::NotPermitted)).await;
        assert!(matches!(spawned, Err(Error::NotPermitted)));
    }
}
