//! The way from the component's exports to a [`Policy`] or a [`Validator`].

use std::marker::PhantomData;
use std::panic;

use crate::bindings::egressd::policy::types;
use crate::bindings::exports::egressd::policy::evaluator;
use crate::bindings::validator::exports::egressd::policy::checker;
use crate::policy::{Policy, Validator};
use crate::settings::Settings;
use crate::{ask, convert, log};

/// Makes a type that implements [`Policy`] the policy of this component. Does nothing in a native build.
///
/// Once in a crate, which must be a `cdylib`. It brings an allocator that never gives memory back, because every
/// call has a memory of its own that is thrown away as a whole.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[global_allocator]
            static MEMORY: $crate::export::Memory = $crate::export::Memory::NEW;
            type Component = $crate::export::PolicyComponent<$policy>;
    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

/// Makes a type that implements [`Validator`] the validator of this component, as [`export_policy!`] does for
/// policies.
#[macro_export]
macro_rules! export_validator {
    ($validator:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[global_allocator]
            static MEMORY: $crate::export::Memory = $crate::export::Memory::NEW;
            type Component = $crate::export::ValidatorComponent<$validator>;
    $crate::bindings::validator::export!(Component with_types_in $crate::bindings::validator);
        };
    };
}

#[cfg(target_family = "wasm")]
pub use crate::memory::Memory;

/// A policy behind the contract of `wit/`.
#[derive(Debug)]
pub struct PolicyComponent<P>(PhantomData<P>);

/// A validator behind the contract of `wit/`.
#[derive(Debug)]
pub struct ValidatorComponent<V>(PhantomData<V>);

impl<P: Policy> evaluator::Guest for PolicyComponent<P> {
    fn check_settings(settings: String) -> Vec<types::Diagnostic> {
        log_panics();
        ask::check(&settings, P::check).into_iter().map(Into::into).collect()
    }

    fn describe(settings: String) -> types::Description {
        log_panics();
        description::<P::Settings>(&settings, P::describe)
    }

    fn evaluate(context: types::Context, subject: types::Subject, draft: types::Draft) -> types::Outcome {
        log_panics();
        let ((context, settings), subject) = (convert::context(context), convert::subject(subject));
        ask::evaluate::<P>(&settings, &context, &subject, convert::draft(draft)).into()
    }
}

impl<V: Validator> checker::Guest for ValidatorComponent<V> {
    fn check_settings(settings: String) -> Vec<types::Diagnostic> {
        log_panics();
        ask::check(&settings, V::check).into_iter().map(Into::into).collect()
    }

    fn describe(settings: String) -> types::Description {
        log_panics();
        description::<V::Settings>(&settings, V::describe)
    }

    fn validate(context: types::Context, subject: types::Subject, draft: types::Draft) -> Vec<types::Diagnostic> {
        log_panics();
        let ((context, settings), subject) = (convert::context(context), convert::subject(subject));
        let diagnostics = ask::validate::<V>(&settings, &context, &subject, &convert::draft(draft));
        diagnostics.into_iter().map(Into::into).collect()
    }
}

/// The contract asks for a description under settings that were not refused, so there is no way on without them.
fn description<S: Settings>(
    settings: &str,
    describe: impl FnOnce(&S) -> crate::description::Description,
) -> types::Description {
    match ask::describe(settings, describe) {
        Ok(description) => convert::description(description, S::SCHEMA),
        Err(refused) => panic!("{}", refused.message),
    }
}

/// Writes a panic to the log, as one line with place and message: the trap that ends the component carries no message.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        match panic.location() {
            Some(place) => log::error(&format!("panicked at {place}: {message}")),
            None => log::error(&format!("panicked: {message}")),
        }
    }));
}
