//! What `wit-bindgen` makes of `wit/0.2.0`, with the conversion that the host has, too. Only `convert` and `export`
//! look at it.

use egressd::policy::types;

#[path = "../vocabulary/contract/v0_2/mod.rs"]
mod v0_2;

wit_bindgen::generate!({
    path: "../wit/0.2.0",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "egressd_policy_sdk::bindings",
});

/// The second world, with the types of the first.
pub mod validator {
    wit_bindgen::generate!({
        path: "../wit/0.2.0",
        world: "validator",
        pub_export_macro: true,
        default_bindings_module: "egressd_policy_sdk::bindings::validator",
        with: {
            "egressd:policy/types@0.2.0": super::egressd::policy::types,
            "egressd:policy/host@0.2.0": super::egressd::policy::host,
        },
    });
}
