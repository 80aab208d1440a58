//! What `wit-bindgen` makes of `wit/0.1.0`. Only `convert` and `export` look at it.

wit_bindgen::generate!({
    path: "../wit/0.1.0",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "egressd_policy_sdk::bindings",
});

/// The second world, with the types of the first.
pub mod validator {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "validator",
        pub_export_macro: true,
        default_bindings_module: "egressd_policy_sdk::bindings::validator",
        with: {
            "egressd:policy/types@0.1.0": super::egressd::policy::types,
            "egressd:policy/host@0.1.0": super::egressd::policy::host,
        },
    });
}
