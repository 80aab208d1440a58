//! Project-wide rules that are not visible in any single file, checked by tests that read the project itself.

#![expect(clippy::expect_used, reason = "a test that cannot read the house has failed, and says so")]

mod circles;
mod graph;
mod licences;
mod mutations;
mod retired;
mod rooms;
mod rust;
mod scripts;
mod shell;
mod sizes;
mod spdx;
mod statements;
mod twins;
mod walls;
