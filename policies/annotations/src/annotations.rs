//! The annotations there are. The only place that knows their names.

use egressd_policy_sdk::{Diagnostic, Service, Span};

use crate::settings::Settings;

/// One annotation as it stands on a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Annotation<'a> {
    /// With its prefix.
    pub(crate) full_name: &'a str,
    /// Without its prefix: what sentences use.
    pub(crate) name: &'a str,
    /// As written.
    pub(crate) value: &'a str,
}

impl Annotation<'_> {
    /// The place of `length` bytes at `offset` of the value.
    pub(crate) fn span(&self, offset: usize, length: usize) -> Span {
        Span { annotation: self.full_name.to_owned(), offset, length }
    }

    /// An error about the bytes at `offset`, whose text is `item`.
    pub(crate) fn error(&self, code: &str, offset: usize, item: &str, sentence: &str) -> Diagnostic {
        let message = format!("{}: {item:?} {sentence}", self.name);
        Diagnostic::error(code, message).at(self.span(offset, item.len()))
    }

    /// A warning about the whole value.
    pub(crate) fn warning(&self, code: &str, sentence: &str) -> Diagnostic {
        let message = format!("{}: {:?} {sentence}", self.name, self.value);
        Diagnostic::warning(code, message).at(self.span(0, self.value.len()))
    }
}

/// The annotations of one Service, none of them read yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations<'a> {
    /// `egress`: translate this Service's local endpoints.
    pub(crate) egress: Option<Annotation<'a>>,
    /// `egress-ipv6`: the IPv6 ones too.
    pub(crate) egress_ipv6: Option<Annotation<'a>>,
}

impl<'a> Annotations<'a> {
    /// Picks out what is ours.
    pub(crate) fn of(service: &'a Service, settings: &Settings) -> Self {
        let mut found = Self::default();
        for (full_name, value) in &service.annotations {
            let Some(name) = full_name.strip_prefix(&settings.prefix).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            let annotation = Annotation { full_name, name, value };
            match name {
                "egress" => found.egress = Some(annotation),
                "egress-ipv6" => found.egress_ipv6 = Some(annotation),
                _ => {}
            }
        }
        found
    }
}
