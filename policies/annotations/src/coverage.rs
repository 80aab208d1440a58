//! Rules that no packet can match, because what is allowed is denied as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_policy_sdk::{Diagnostic, Family, IpNet, Rule};

/// A warning about a rule whose denied networks leave nothing of what it allows.
pub(crate) fn nothing_left(rule: &Rule) -> Option<Diagnostic> {
    if rule.exclude().is_empty() {
        return None;
    }
    let everything = [everything(rule.family())];
    let allowed = if rule.include().is_empty() { &everything[..] } else { rule.include() };
    covers(rule.exclude(), allowed).then(|| {
        let message = format!(
            "egress-denied-networks denies every allowed {} network, so nothing is translated to {}; \
             list only the intended networks in egress-allowed-networks, or deny fewer",
            rule.family(),
            rule.family()
        );
        Diagnostic::warning("nothing-left", message)
    })
}

fn everything(family: Family) -> IpNet {
    let first = match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    IpNet::new_assert(first, 0)
}

/// Whether each of `these` lies in the union of `those`.
fn covers(those: &[IpNet], these: &[IpNet]) -> bool {
    // Of merged networks none touches another that it could be merged with, so what they cover lies in one of them; and
    // since they are sorted and apart, that is the last which begins at or before it.
    let union = IpNet::aggregate(&those.to_vec());
    these.iter().all(|network| {
        let behind = union.partition_point(|one| one.network() <= network.network());
        behind.checked_sub(1).and_then(|place| union.get(place)).is_some_and(|one| one.contains(network))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_policy_sdk::{IpNet, Rule};

    use super::nothing_left;

    fn networks(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|network| network.parse().unwrap()).collect()
    }

    fn is_left(address: &str, allowed: &str, denied: &str) -> bool {
        let mut rule = Rule::new("a", address.parse().unwrap()).except(networks(denied)).unwrap();
        if !allowed.is_empty() {
            rule = rule.to(networks(allowed)).unwrap();
        }
        nothing_left(&rule).is_none()
    }

    #[test]
    fn a_rule_that_denies_all_it_allows_is_found() {
        for (allowed, denied, left) in [
            ("", "", true),
            ("10.0.0.0/8", "", true),
            ("", "10.0.0.0/8", true),
            ("172.18.0.0/16", "0.0.0.0/0", false),
            ("", "0.0.0.0/0", false),
            ("", "0.0.0.0/1 128.0.0.0/1", false),
            ("", "0.0.0.0/1 128.0.0.0/2", true),
            ("10.0.0.0/8 192.0.2.0/24", "10.0.0.0/8", true),
            ("10.0.0.0/8 192.0.2.0/24", "10.0.0.0/9 192.0.2.0/24 10.128.0.0/9", false),
            ("10.0.0.0/8", "10.0.0.0/9 10.128.0.0/10 10.192.0.0/11 10.224.0.0/12", true),
            ("10.0.0.1/32", "10.0.0.0/31", false),
        ] {
            assert_eq!(is_left("192.0.2.10", allowed, denied), left, "{allowed} except {denied}");
        }
        assert!(!is_left("2001:db8::10", "fd00::/8", "::/0"));
    }
}
