//! The policy's settings: `{"networks": ["10.0.0.0/8"]}`.

use std::net::{Ipv4Addr, Ipv6Addr};

use egressd_policy_sdk::{Diagnostic, IpNet, Network, bad_settings, from_json};
use serde::Deserialize;

/// What an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Destinations to which nothing is translated. Both families; never empty.
    pub networks: Vec<IpNet>,
}

/// The networks that RFCs make private.
impl Default for Settings {
    fn default() -> Self {
        let v4 = |a, b, length| IpNet::new_assert(Ipv4Addr::new(a, b, 0, 0).into(), length);
        let v6 = |a, length| IpNet::new_assert(Ipv6Addr::new(a, 0, 0, 0, 0, 0, 0, 0).into(), length);
        let networks = vec![
            // RFC 1918, RFC 6598 (shared by providers), RFC 3927 and 4291 (link-local), RFC 4193 (unique local).
            v4(10, 0, 8),
            v4(172, 16, 12),
            v4(192, 168, 16),
            v4(100, 64, 10),
            v4(169, 254, 16),
            v6(0xfe80, 10),
            v6(0xfc00, 7),
        ];
        Self { networks }
    }
}

impl egressd_policy_sdk::Settings for Settings {
    const SCHEMA: &'static str = include_str!("../settings.schema.json");

    fn parse(text: &str) -> Result<Self, Diagnostic> {
        if egressd_policy_sdk::is_empty(text) {
            return Ok(Self::default());
        }
        let Written { networks } = from_json(text)?;
        match networks {
            None => Ok(Self::default()),
            Some(networks) if networks.is_empty() => Err(bad_settings(
                "setting \"networks\" is an empty list, which guards nothing; name a network, or leave the setting out for all private ones",
            )),
            Some(networks) => Ok(Self { networks: networks.into_iter().map(IpNet::from).collect() }),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    networks: Option<Vec<Network>>,
}
