//! Input of users and their programs, through `egressd plan`: its result, and what is reported about errors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod amounts;
mod app;
mod encodings;
mod objects;
mod places;
mod realistic;
mod sentences;
mod settings;
