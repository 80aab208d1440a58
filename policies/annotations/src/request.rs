//! What the annotations of one Service ask for, read and checked, before anything is known of its endpoints.

use egressd_policy_sdk::Diagnostic;

use crate::annotations::Annotations;
use crate::boolean;

/// A request for egress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// IPv6 too.
    pub(crate) ipv6: bool,
}

/// What stands on the Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Nobody asks for egress.
    Nothing(Vec<Diagnostic>),
    /// This is asked for.
    Asked(Request),
    /// At least one item cannot be read: one diagnostic for each.
    Wrong(Vec<Diagnostic>),
}

/// Reads all annotations, or none when nobody asks for egress.
pub(crate) fn read(annotations: &Annotations<'_>) -> Reading {
    match boolean::parse(annotations.egress) {
        Ok(true) => {}
        Ok(false) => return Reading::Nothing(alone(annotations).into_iter().collect()),
        Err(diagnostic) => return Reading::Wrong(vec![diagnostic]),
    }
    match boolean::parse(annotations.egress_ipv6) {
        Ok(ipv6) => Reading::Asked(Request { ipv6 }),
        Err(diagnostic) => Reading::Wrong(vec![diagnostic]),
    }
}

/// `egress-ipv6` looks as if it asked for egress by itself.
fn alone(annotations: &Annotations<'_>) -> Option<Diagnostic> {
    let ipv6 = annotations.egress_ipv6.filter(|annotation| annotation.value.trim_ascii() == "true")?;
    let sentence = "does nothing without egress: \"true\"; set both";
    annotations.egress.is_none().then(|| ipv6.warning("egress-ipv6-alone", sentence))
}
