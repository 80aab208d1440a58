//! The module `wasm` from outside: the embedded policy, its agreement with the native implementation, and policies that
//! misbehave (P7).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "tests measure how long a call takes")]

mod adapter;
mod again;
mod agreement;
mod bombs;
mod budget;
mod built_in;
mod components;
mod confined;
mod evaluator;
mod forms;
#[path = "../../host/build/guest.rs"]
mod guest;
mod guests;
mod hostile;
mod hostile_answers;
mod hostile_text;
mod kinds;
mod loading;
mod model;
mod released;
mod services;
mod start;
mod views;
mod worlds;
