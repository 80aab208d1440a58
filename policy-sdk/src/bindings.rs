//! What `wit-bindgen` makes of `wit/`. Only `convert` and `export` look at it.

wit_bindgen::generate!({
    path: "../wit",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "egressd_policy_sdk::bindings",
});
