//! Every policy of this tree as a component and natively, about a hundred thousand random Services. A binary of its
//! own, because it keeps all processors busy, and tests of the WASM room measure time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../wasm/adapter.rs"]
mod adapter;
mod compare;
#[path = "../wasm/components.rs"]
mod components;
#[path = "../../host/build/guest.rs"]
mod guest;
mod questions;
mod random;
mod released;
mod rng;
#[path = "../wasm/views.rs"]
mod views;
