//! The same laws with the engine's inputs: `make fuzz`. `EGRESSD_FUZZ_TARGET` names the target.

#![no_main]

mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("EGRESSD_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("EGRESSD_FUZZ_TARGET={name:?} is no target"))
});

fuzz_target!(|bytes: &[u8]| {
    let _ = (CHOSEN.laws)(bytes);
});
