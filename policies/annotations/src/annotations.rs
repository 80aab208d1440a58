//! The annotations there are. The only place that knows their names.

use egressd_policy_sdk::{Diagnostic, Span, Subject, quoted};

use crate::settings::Settings;

pub(crate) const EGRESS: &str = "egress";
const IPV6: &str = "egress-ipv6";
const SOURCE_PORTS: &str = "egress-source-ports";
const DESTINATION_PORTS: &str = "egress-destination-ports";
const ALLOWED_NETWORKS: &str = "egress-allowed-networks";
const DENIED_NETWORKS: &str = "egress-denied-networks";
const FLUSH_CONNTRACK: &str = "flush-conntrack";
const INTERNAL: &str = "egress-internal";
const NO_INTERNAL_TRAFFIC: &str = "egress-no-internal-traffic";
const DETECT_API_SERVER: &str = "egress-detect-api-server";
const IGNORE: &str = "ignore";
/// kube-vip writes it; it asks for nothing.
const NFTABLES_TABLE: &str = "egress-nftables-table";

/// How the names begin that are asked for: with more than the known ones, so that misspelled ones are seen.
pub(crate) const BEGINNINGS: [&str; 3] = [EGRESS, FLUSH_CONNTRACK, IGNORE];

/// What narrows or changes egress: what is offered instead of a name that is not known.
pub(crate) const BESIDE_EGRESS: [&str; 6] =
    [IPV6, SOURCE_PORTS, DESTINATION_PORTS, ALLOWED_NETWORKS, DENIED_NETWORKS, FLUSH_CONNTRACK];

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
        let message = format!("{}: {} {sentence}", self.name, quoted(item));
        Diagnostic::error(code, message).at(self.span(offset, item.len()))
    }

    /// Charts write an empty annotation for a value that was not set; kube-vip treats it as absent, and so do we.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.trim_ascii().is_empty()
    }

    /// A warning about the whole value.
    pub(crate) fn warning(&self, code: &str, sentence: &str) -> Diagnostic {
        let message = format!("{}: {} {sentence}", self.name, quoted(self.value));
        Diagnostic::warning(code, message).at(self.span(0, self.value.len()))
    }
}

/// The annotations of one Service, none of them read yet (kube-vip: `pkg/kubevip/annotations.go`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations<'a> {
    /// `egress`: translate this Service's local endpoints.
    pub(crate) egress: Option<Annotation<'a>>,
    /// `egress-ipv6`: the IPv6 ones too.
    pub(crate) ipv6: Option<Annotation<'a>>,
    /// `egress-source-ports`: only from these ports of the pod.
    pub(crate) source_ports: Option<Annotation<'a>>,
    /// `egress-destination-ports`: only to these ports.
    pub(crate) destination_ports: Option<Annotation<'a>>,
    /// `egress-allowed-networks`: only to these networks.
    pub(crate) allowed_networks: Option<Annotation<'a>>,
    /// `egress-denied-networks`: never to these networks.
    pub(crate) denied_networks: Option<Annotation<'a>>,
    /// `flush-conntrack`: connections that contradict a change are cut.
    pub(crate) flush_conntrack: Option<Annotation<'a>>,
    /// `egress-internal`: kube-vip's choice between its two implementations. Here is only one.
    pub(crate) internal: Option<Annotation<'a>>,
    /// `egress-no-internal-traffic`: what stays in the cluster is not translated. It never is (P2).
    pub(crate) no_internal_traffic: Option<Annotation<'a>>,
    /// `egress-detect-api-server`: what goes to the API server is not translated. It never is (P2).
    pub(crate) detect_api_server: Option<Annotation<'a>>,
    /// `ignore`: kube-vip leaves this Service alone.
    pub(crate) ignore: Option<Annotation<'a>>,
    /// Names that begin with `egress` and that are not known.
    pub(crate) unknown: Vec<Annotation<'a>>,
}

impl<'a> Annotations<'a> {
    /// What narrows or changes egress and does nothing by itself.
    pub(crate) fn beside_egress(&self) -> impl Iterator<Item = Annotation<'a>> {
        let all = [
            self.ipv6,
            self.source_ports,
            self.destination_ports,
            self.allowed_networks,
            self.denied_networks,
            self.flush_conntrack,
        ];
        all.into_iter().flatten().filter(|annotation| !annotation.is_empty())
    }

    /// Picks out what is ours.
    pub(crate) fn of(subject: &'a Subject, settings: &Settings) -> Self {
        let mut found = Self::default();
        for (full_name, value) in subject.annotations.iter() {
            let rest = full_name.strip_prefix(&settings.prefix);
            if let Some(name) = rest.and_then(|rest| rest.strip_prefix('/')) {
                found.put(Annotation { full_name, name, value });
            }
        }
        found
    }

    fn put(&mut self, annotation: Annotation<'a>) {
        let place = match annotation.name {
            EGRESS => &mut self.egress,
            IPV6 => &mut self.ipv6,
            SOURCE_PORTS => &mut self.source_ports,
            DESTINATION_PORTS => &mut self.destination_ports,
            ALLOWED_NETWORKS => &mut self.allowed_networks,
            DENIED_NETWORKS => &mut self.denied_networks,
            FLUSH_CONNTRACK => &mut self.flush_conntrack,
            INTERNAL => &mut self.internal,
            NO_INTERNAL_TRAFFIC => &mut self.no_internal_traffic,
            DETECT_API_SERVER => &mut self.detect_api_server,
            IGNORE => &mut self.ignore,
            NFTABLES_TABLE => return,
            name if name.starts_with(EGRESS) => return self.unknown.push(annotation),
            _ => return,
        };
        *place = Some(annotation);
    }
}
