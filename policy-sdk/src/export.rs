//! The way from the component's exports to a [`Policy`].

use std::marker::PhantomData;
use std::panic;

use crate::bindings::egressd::policy::types;
use crate::bindings::exports::egressd::policy::evaluator::Guest;
use crate::policy::Policy;
use crate::{convert, log};

/// Makes a type that implements [`Policy`] the policy of this component. Does nothing in a native build.
///
/// Once in a crate, which must be a `cdylib`.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Component = $crate::export::Component<$policy>;
    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

/// A policy behind the contract of `wit/`.
#[derive(Debug)]
pub struct Component<P>(PhantomData<P>);

impl<P: Policy> Guest for Component<P> {
    fn check_settings(settings: String) -> Vec<types::Diagnostic> {
        log_panics();
        P::check_settings(&settings).into_iter().map(convert::diagnostic).collect()
    }

    fn describe(settings: String) -> types::Description {
        log_panics();
        convert::description(P::describe_with(&settings))
    }

    fn evaluate(context: types::Context, service: types::Service, draft: types::Draft) -> types::Outcome {
        log_panics();
        let (context, service) = (convert::context(context), convert::service(service));
        convert::outcome(P::evaluate(&context, &service, convert::draft(draft)))
    }
}

/// A panic ends a component without a word, so the words go to the log first: one line, place and message.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        match panic.location() {
            Some(place) => log::error(&format!("panicked at {place}: {message}")),
            None => log::error(&format!("panicked: {message}")),
        }
    }));
}
