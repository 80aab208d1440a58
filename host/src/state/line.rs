//! A line of a journal: a JSON list of a Service's uid and what is remembered of it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use egressd_core::model::{Labels, Texts, Uid, UidError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What can be remembered of a Service.
pub(super) trait Kept: PartialEq + Sized {
    /// As it stands in a line.
    type Form: Serialize + DeserializeOwned;

    fn form(&self) -> Self::Form;

    /// What was written, with texts that it shares with others.
    fn kept(form: Self::Form, texts: &mut Texts) -> Self;
}

/// Annotations stand in a line as an object.
impl Kept for Labels {
    type Form = BTreeMap<String, String>;

    fn form(&self) -> Self::Form {
        self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn kept(form: Self::Form, texts: &mut Texts) -> Self {
        let mut labels: Self = form.into_iter().collect();
        labels.compact(texts);
        labels
    }
}

/// Why a line is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("it is not a JSON list of a uid and its state")]
    Json(#[from] serde_json::Error),
    #[error("it does not begin with a uid")]
    Uid(#[from] UidError),
}

/// Writes a line; none where nothing is remembered any more.
pub(super) fn line<T: Kept>(text: &mut impl Write, uid: &Uid, newest: Option<&T>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, &(uid.to_string(), newest.map(T::form)))?;
    text.write_all(b"\n")
}

/// What a line says.
pub(super) fn parse<T: Kept>(line: &[u8], texts: &mut Texts) -> Result<(Uid, Option<T>), LineError> {
    let (uid, remembered): (String, Option<T::Form>) = serde_json::from_slice(line)?;
    Ok((Uid::new(uid)?, remembered.map(|form| T::kept(form, texts))))
}
