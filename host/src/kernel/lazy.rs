//! A connection to the kernel that is opened when it is needed first, and anew after a failure.

/// What opens a connection.
type Open<K, E> = Box<dyn FnMut() -> Result<Box<K>, E> + Send>;

/// A connection to the kernel, or a fake of it. None is open before it is needed: a kernel loads a module for it.
pub(crate) struct Lazy<K: ?Sized, E> {
    open: Open<K, E>,
    opened: Option<Box<K>>,
}

impl<K: ?Sized, E> Lazy<K, E> {
    pub(crate) fn new(open: impl FnMut() -> Result<Box<K>, E> + Send + 'static) -> Self {
        Self { open: Box::new(open), opened: None }
    }

    /// Does a task with the connection. One that failed is dropped: late answers to one request would be taken for those
    /// to the next.
    ///
    /// # Errors
    /// When the connection cannot be opened, or what the task fails with.
    pub(crate) fn ask<T>(&mut self, task: impl FnOnce(&mut K) -> Result<T, E>) -> Result<T, E> {
        let mut kernel = match self.opened.take() {
            Some(kernel) => kernel,
            None => (self.open)()?,
        };
        let done = task(&mut kernel)?;
        self.opened = Some(kernel);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn it_is_opened_with_the_first_task_and_again_after_one_that_failed() {
        let opened = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&opened);
        let open = move || Ok::<_, &str>(Box::new(count.fetch_add(1, Ordering::Relaxed)));
        let mut lazy = Lazy::new(open);
        assert_eq!(opened.load(Ordering::Relaxed), 0);
        assert_eq!([lazy.ask(|number| Ok(*number)), lazy.ask(|number| Ok(*number))], [Ok(0), Ok(0)]);
        assert_eq!(lazy.ask(|_| Err::<(), _>("refused")), Err("refused"));
        assert_eq!(lazy.ask(|number| Ok(*number)), Ok(1));
    }

    #[test]
    fn what_cannot_be_opened_is_tried_again_with_the_next_task() {
        let mut answers = [Err("not now"), Ok(Box::new(7))].into_iter();
        let mut lazy = Lazy::new(move || answers.next().unwrap_or(Err("too often")));
        assert_eq!(lazy.ask(|number| Ok(*number)), Err("not now"));
        assert_eq!(lazy.ask(|number| Ok(*number)), Ok(7));
    }
}
