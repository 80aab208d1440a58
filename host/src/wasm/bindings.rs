//! What wasmtime makes of `wit/0.1.0`: one module a world, with one set of types. Only this room looks at it.

/// World `policy`.
pub(super) mod policy {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "policy",
        imports: { "egressd:policy/host.log": trappable },
    });
}

/// World `validator`, with the types and the log of the other.
pub(super) mod validator {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "validator",
        with: {
            "egressd:policy/types": super::policy::egressd::policy::types,
            "egressd:policy/host": super::policy::egressd::policy::host,
        },
    });
}

pub(super) use policy::egressd::policy::{host, types};
