//! The stored state of subjects, with the updates since it was last written.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Uid;

/// By the Service's identity.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    all: BTreeMap<Uid, Arc<T>>,
    news: Updates<T>,
}

/// What is other than when it was asked last; none is what is remembered no more.
pub type Updates<T> = BTreeMap<Uid, Option<Arc<T>>>;

impl<T> Remembered<T> {
    /// What an earlier process remembered.
    pub(super) fn of(all: BTreeMap<Uid, Arc<T>>) -> Self {
        Self { all, news: Updates::new() }
    }

    pub(super) fn all(&self) -> &BTreeMap<Uid, Arc<T>> {
        &self.all
    }

    pub(super) fn get(&self, uid: &Uid) -> Option<&Arc<T>> {
        self.all.get(uid)
    }

    pub(super) fn insert(&mut self, uid: &Uid, one: Arc<T>) {
        self.news.insert(uid.clone(), Some(Arc::clone(&one)));
        self.all.insert(uid.clone(), one);
    }

    pub(super) fn remove(&mut self, uid: &Uid) {
        if self.all.remove(uid).is_some() {
            self.news.insert(uid.clone(), None);
        }
    }

    pub(super) fn take_news(&mut self) -> Updates<T> {
        std::mem::take(&mut self.news)
    }
}
