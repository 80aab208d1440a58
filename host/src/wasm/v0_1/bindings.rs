//! What wasmtime makes of `wit/0.1.0`. A validator has the same types and the same log as a policy, and its functions are
//! called by their names (`functions.rs`), so one world is enough.

mod policy {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "policy",
        imports: { "egressd:policy/host.log": trappable },
    });
}

use super::super::imports::{Call, Level};

pub(in crate::wasm) use policy::Policy;
use policy::egressd::policy::host;
pub(super) use policy::egressd::policy::types;

impl types::Host for Call {}

impl host::Host for Call {
    fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            host::Level::Debug => Level::Debug,
            host::Level::Info => Level::Info,
            host::Level::Warn => Level::Warn,
            host::Level::Error => Level::Error,
        };
        self.record_line(level, &message)
    }
}
