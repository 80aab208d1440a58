//! The rules of the house that a reader cannot see in any single file, held by tests that read the project itself.

#![expect(clippy::expect_used, reason = "a test that cannot read the house has failed, and says so")]

mod circles;
mod graph;
mod licences;
mod mutations;
mod rooms;
mod rust;
mod scripts;
mod shell;
mod sizes;
mod spdx;
mod statements;
mod twins;
mod walls;
