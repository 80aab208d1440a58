//! What `wit-bindgen` makes of `wit/`. Only [`crate::convert`] and [`crate::export`] look at it.

wit_bindgen::generate!({
    path: "../wit",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "egressd_policy_sdk::bindings",
});
