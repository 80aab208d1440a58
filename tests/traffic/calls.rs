//! Tables of calls: from which port to which, over which protocol, and whether they are translated. Each is made in
//! both families.

use anyhow::Result;
use lab::addresses::{OTHER_OUTSIDE_V4, OTHER_OUTSIDE_V6, OUTSIDE_V4, OUTSIDE_V6};
use lab::{Destination, Egressd, Pod, Protocol};
use std::net::IpAddr;

use crate::fixture::{WEB_V4, WEB_V6};

/// Where most calls go to: one address of each family, behind a router.
pub(crate) const OUTSIDE: [IpAddr; 2] = [OUTSIDE_V4, OUTSIDE_V6];
/// The same in other networks.
pub(crate) const OTHER: [IpAddr; 2] = [OTHER_OUTSIDE_V4, OTHER_OUTSIDE_V6];

/// A call to [`OUTSIDE`], unless it is to [`OTHER`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    called: [IpAddr; 2],
    source_port: Option<u16>,
    port: u16,
    protocol: Protocol,
    seen: ExpectedSource,
}

/// The source with which the pod is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExpectedSource {
    Web,
    Itself,
}

/// A call to a port; from a port that tests do not name.
pub(crate) fn to(port: u16, protocol: Protocol) -> Call {
    Call { called: OUTSIDE, source_port: None, port, protocol, seen: ExpectedSource::Web }
}

/// A call from a port to a port. Each only once in a lab: conntrack remembers it.
pub(crate) fn from(source_port: u16, port: u16, protocol: Protocol) -> Call {
    Call { source_port: Some(source_port), ..to(port, protocol) }
}

impl Call {
    /// To other addresses.
    pub(crate) fn at(self, called: [IpAddr; 2]) -> Self {
        Self { called, ..self }
    }

    /// It is seen with the address of `web`.
    pub(crate) fn translated(self) -> Self {
        Self { seen: ExpectedSource::Web, ..self }
    }

    /// It is seen with the pod's own address.
    pub(crate) fn untouched(self) -> Self {
        Self { seen: ExpectedSource::Itself, ..self }
    }

    fn destination(self, address: IpAddr) -> Destination {
        let destination = Destination::from((address, self.port));
        self.source_port.map_or(destination, |port| destination.from_port(port))
    }

    fn expected(self, pod: &Pod, address: IpAddr) -> IpAddr {
        match self.seen {
            ExpectedSource::Itself => pod.like(address),
            ExpectedSource::Web if address.is_ipv4() => WEB_V4,
            ExpectedSource::Web => WEB_V6,
        }
    }
}

/// Makes each call in both families.
pub(crate) fn expect(egressd: &Egressd<'_>, pod: &Pod, calls: &[Call]) -> Result<()> {
    for call in calls {
        for address in call.called {
            egressd.expect_seen(pod, call.destination(address), call.protocol, call.expected(pod, address))?;
        }
    }
    Ok(())
}
