//! What can go wrong on the way to the API server.

use kube::core::Status;

use super::WriteOutcome;
use crate::rights::{CREATE_EGRESS_NODES, MANIFEST, PATCH_EGRESS_NODES, Right};

/// Why something is not in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {right}: {message}; {remedy}")]
    Forbidden {
        right: &'static Right,
        /// What the API server says.
        message: String,
        /// Where to add it.
        remedy: String,
    },
    #[error("cannot {right} (here {object}): {message}")]
    Refused {
        /// What was to be done.
        right: &'static Right,
        object: String,
        /// What the API server says.
        message: String,
        /// HTTP's term for it.
        code: u16,
    },
    #[error("cannot {right}: the API server does not answer")]
    Away {
        /// What was to be done.
        right: &'static Right,
        /// Why not.
        #[source]
        source: Box<kube::Error>,
    },
    #[error("cannot {right}: the API server did not answer within {seconds} s")]
    Slow {
        /// What was to be done.
        right: &'static Right,
        /// How long that was.
        seconds: u64,
    },
}

impl Error {
    /// An error of the client about an object.
    pub(super) fn new(right: &'static Right, object: &str, error: kube::Error) -> Self {
        if let kube::Error::Api(status) = error {
            return Self::of_status(right, object, *status);
        }
        Self::Away { right, source: Box::new(error) }
    }

    fn of_status(right: &'static Right, object: &str, status: Status) -> Self {
        let Status { code, message, .. } = status;
        let creates = right.verb == "patch" && message.contains(" cannot create resource ");
        match code {
            // An apply to an object that is not there yet makes it.
            403 if creates && *right == PATCH_EGRESS_NODES => Self::forbidden(&CREATE_EGRESS_NODES, message),
            // An apply to an object that is gone would make it, which no account may.
            // An Event in a namespace that is being deleted: no account may, whatever its rights.
            403 if creates || message.contains("because it is being terminated") => {
                Self::Refused { right, object: object.to_owned(), message, code: 404 }
            }
            403 => Self::forbidden(right, message),
            _ => Self::Refused { right, object: object.to_owned(), message, code },
        }
    }

    fn forbidden(right: &'static Right, message: String) -> Self {
        let remedy = format!("add it to {} egressd ({MANIFEST})", right.scope.role());
        Self::Forbidden { right, message, remedy }
    }

    pub fn outcome(&self) -> WriteOutcome {
        match self {
            Self::Forbidden { .. } => WriteOutcome::Forbidden,
            // 409: its uid is another one now, so it is another object.
            Self::Refused { code: 404 | 409, .. } => WriteOutcome::Gone,
            Self::Refused { code: 401 | 408 | 429 | 500.., .. } => WriteOutcome::Away,
            Self::Refused { .. } => WriteOutcome::Refused,
            Self::Away { .. } | Self::Slow { .. } => WriteOutcome::Away,
        }
    }

    /// What makes two errors the same one to a reader.
    pub(super) fn topic(&self) -> String {
        match self {
            Self::Forbidden { right, .. } => format!("forbidden {right}"),
            Self::Refused { right, code, .. } => format!("{code} {right}"),
            Self::Away { .. } | Self::Slow { .. } => "away".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::CREATE_EVENTS;

    #[test]
    fn a_namespace_that_goes_is_no_missing_permission() {
        let outcome = |message: &str| {
            let status = Status { code: 403, message: message.to_owned(), ..Status::default() };
            Error::of_status(&CREATE_EVENTS, "shop/web", status).outcome()
        };
        let going = "events.events.k8s.io \"web.1\" is forbidden: unable to create new content in namespace shop because \
                     it is being terminated";
        assert_eq!(outcome(going), WriteOutcome::Gone);
        assert_eq!(
            outcome("events.events.k8s.io is forbidden: User \"x\" cannot create resource"),
            WriteOutcome::Forbidden
        );
    }
}
