//! What cannot be loaded, and what is said about it.

use std::error::Error as _;

use egressd::wasm::{self, Error};

use crate::hostile;
use crate::services::ENGINE;

/// The error and its causes, as `main` would print them.
fn refused(bytes: &[u8], settings: &str) -> String {
    let error: Error = wasm::load(&ENGINE, bytes, "mine", settings).err().unwrap();
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

#[test]
fn what_is_no_component_is_refused() {
    assert!(refused(b"", "{}").starts_with("cannot compile policy mine: "));
    assert!(refused(b"#!/bin/sh", "{}").starts_with("cannot compile policy mine: "));
    let core_module = b"\0asm\x01\0\0\0";
    assert!(refused(core_module, "{}").starts_with("cannot compile policy mine: "));
}

#[test]
fn a_component_of_another_world_is_refused() {
    let empty_component = b"\0asm\x0d\0\x01\0";
    let message = refused(empty_component, "{}");
    assert!(message.starts_with("cannot link policy mine to the contract egressd:policy@0.1.0: "), "{message}");
    assert!(message.contains("egressd:policy/evaluator"), "{message}");
}

#[test]
fn settings_that_the_policy_refuses_are_refused_with_its_words() {
    let message = refused(wasm::built_in(), r#"{"suffix": "x"}"#);
    let expected =
        "cannot use the settings of policy mine: setting \"suffix\" is not known; the only one is \"prefix\"";
    assert_eq!(message, expected);
    let message = refused(hostile::component(), "refuse");
    assert_eq!(message, "cannot use the settings of policy mine: not these; nor those");
}

#[test]
fn a_policy_that_fails_on_its_settings_is_refused() {
    let message = refused(hostile::component(), "panic");
    assert!(message.starts_with("cannot question policy mine: policy mine failed: it gave up (a panic)"), "{message}");
    assert!(message.ends_with(": no settings like these"), "{message}");
}

#[test]
fn warnings_about_settings_do_not_refuse_them() {
    assert!(wasm::load(&ENGINE, hostile::component(), "mine", "{}").is_ok());
}
