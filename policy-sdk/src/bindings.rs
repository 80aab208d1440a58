//! What `wit-bindgen` makes of `wit/`. Only [`crate::convert`] and [`crate::export`] look at it.

#![expect(clippy::undocumented_unsafe_blocks, reason = "generated")]
#![expect(clippy::allow_attributes_without_reason, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "egressd_policy_sdk::bindings",
});
