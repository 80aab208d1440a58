//! A line of a journal: a JSON list of a Service's uid and what is remembered of it.

use std::io;

use egressd_core::model::{Uid, UidError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a line is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("it is not a JSON list of a uid and what is remembered of it")]
    Json(#[from] serde_json::Error),
    #[error("it begins with no uid")]
    Uid(#[from] UidError),
}

/// Appends a line; none where nothing is remembered any more.
pub(super) fn line<T: Serialize>(text: &mut Vec<u8>, uid: &Uid, newest: Option<&T>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, &(uid.to_string(), newest))?;
    text.push(b'\n');
    Ok(())
}

/// What a line says.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<(Uid, Option<T>), LineError> {
    let (uid, remembered): (String, Option<T>) = serde_json::from_slice(line)?;
    Ok((Uid::new(uid)?, remembered))
}
