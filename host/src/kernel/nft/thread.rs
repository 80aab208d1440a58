//! nf_tables on a thread of its own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use egressd_core::{model::Uid, ruleset::TableNames};

use super::{Error, Kernel, Survey};
use crate::clock::{self, Instant};
use crate::kernel::worker::{Worker, WorkerError};

/// For how long a survey is new enough: it dumps every element, and commits wait meanwhile.
const SURVEY_LIFETIME: Duration = Duration::from_millis(500);

/// A [`Kernel`] on a thread of its own. The thread ends when this and all clones are dropped and what it was asked is
/// done.
#[derive(Clone, Debug)]
pub struct KernelThread {
    worker: Worker<Owned>,
}

/// What the thread owns.
struct Owned {
    kernel: Box<dyn Kernel>,
    newest: Option<(Instant, Arc<Survey>)>,
}

impl KernelThread {
    /// Starts the thread, and on it makes the kernel.
    ///
    /// # Errors
    /// What `make` fails with, or when there can be no thread.
    pub async fn spawn<K: Kernel + 'static>(
        make: impl FnOnce() -> Result<K, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let make = || make().map(|kernel| Owned { kernel: Box::new(kernel), newest: None });
        Worker::spawn("nft", make).await.map(|worker| Self { worker })
    }

    /// Does something with the kernel. Dropping the future does not undo it: the caller has to read.
    ///
    /// # Errors
    /// The task's, or when the thread is gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut dyn Kernel) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.worker.ask(|owned| task(&mut *owned.kernel)).await?
    }

    /// [`Kernel::survey`], or one that is less than half a second old, so that whoever asks often delays nothing.
    ///
    /// # Errors
    /// The kernel's, or when the thread is gone.
    pub async fn survey(&self, names: TableNames, living: BTreeSet<Uid>) -> Result<Arc<Survey>, Error> {
        self.worker.ask(move |owned| owned.survey(&names, &living)).await?
    }
}

impl Owned {
    fn survey(&mut self, names: &TableNames, living: &BTreeSet<Uid>) -> Result<Arc<Survey>, Error> {
        if let Some((at, known)) = &self.newest
            && clock::since(*at) < SURVEY_LIFETIME
        {
            return Ok(Arc::clone(known));
        }
        // Also where the next one fails: this one is too old to be an answer.
        self.newest = None;
        let survey = Arc::new(self.kernel.survey(names, living)?);
        self.newest = Some((clock::now(), Arc::clone(&survey)));
        Ok(survey)
    }
}

impl From<WorkerError> for Error {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Start(source) => Self::Io { doing: "start the kernel thread", source },
            WorkerError::Gone => Self::ThreadGone,
        }
    }
}

#[cfg(test)]
mod tests {
    use egressd_core::compile::table_names;
    use egressd_core::diff::Batch;
    use egressd_core::node::{Adapter, Nft};

    use super::*;
    use crate::kernel::nft::{Readback, TableId, Writers};

    /// Takes one batch and no more, and counts surveys.
    #[derive(Default)]
    struct Counting {
        commits: usize,
        surveys: usize,
    }

    impl Adapter for Counting {
        type Part = Nft;
        type OwnObjects = TableNames;
        type Error = Error;

        fn adopt(&mut self, _: &TableNames) -> Result<(), Error> {
            Ok(())
        }

        fn read(&mut self, _: &TableNames) -> Result<Readback, Error> {
            Err(Error::Unsettled)
        }

        fn commit(&mut self, _: &Batch) -> Result<(), Error> {
            self.commits += 1;
            if self.commits > 1 { Err(Error::TooLong) } else { Ok(()) }
        }
    }

    impl Kernel for Counting {
        fn port(&self) -> u32 {
            0
        }

        fn existing(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
            Ok(Vec::new())
        }

        fn foreign(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
            Ok(Vec::new())
        }

        fn writers(&mut self, _: &TableNames) -> Result<Writers, Error> {
            Ok(Writers::Us)
        }

        fn survey(&mut self, _: &TableNames, _: &BTreeSet<Uid>) -> Result<Survey, Error> {
            self.surveys += 1;
            if self.surveys > 1 { Err(Error::TooLong) } else { Ok(Survey::default()) }
        }
    }

    async fn counting() -> KernelThread {
        KernelThread::spawn(|| Ok(Counting::default())).await.unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn answers_come_from_one_kernel_in_order() {
        let kernel = counting().await;
        assert!(kernel.ask(|kernel| kernel.commit(&Batch::default())).await.is_ok());
        assert!(matches!(kernel.ask(|kernel| kernel.commit(&Batch::default())).await, Err(Error::TooLong)));
    }

    #[tokio::test]
    async fn a_survey_that_is_new_enough_is_not_made_again() {
        let kernel = counting().await;
        let survey = || kernel.survey(table_names(None), BTreeSet::new());
        assert!(survey().await.is_ok() && survey().await.is_ok());
        std::thread::sleep(SURVEY_LIFETIME);
        assert!(matches!(survey().await, Err(Error::TooLong)));
    }

    #[tokio::test]
    async fn a_kernel_that_cannot_be_made_is_an_error() {
        let spawned = KernelThread::spawn(|| Err::<Counting, _>(Error::NotPermitted)).await;
        assert!(matches!(spawned, Err(Error::NotPermitted)));
    }
}
