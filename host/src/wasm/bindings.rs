//! What wasmtime makes of `wit/`. Only this room looks at it.

wasmtime::component::bindgen!({ path: "../wit", world: "policy" });
