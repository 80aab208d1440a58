//! The grammar of networks: `192.0.2.0/24,2001:db8::/32,198.51.100.7`. Both families may stand side by side.
//!
//! kube-vip masks host bits off and fails on a bare address or a blank after a comma.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use egressd_policy_sdk::{Diagnostic, IpNet, clipped, quoted};

use crate::annotations::Annotation;
use crate::list::{self, Mistake};
use crate::request::MOST_NETWORKS;

/// Most networks of one annotation: for each family as many as the host takes in a rule.
const MAX_ITEMS: usize = 2 * MOST_NETWORKS;

/// Reads an annotation. An absent or empty one is none, which is not the same as a list without networks of a family.
pub(crate) fn parse(annotation: Option<Annotation<'_>>) -> Result<Option<Vec<IpNet>>, Vec<Diagnostic>> {
    let annotation = annotation.filter(|annotation| !annotation.is_empty());
    annotation.map(|annotation| list::parse(annotation, MAX_ITEMS, item)).transpose()
}

fn item(text: &str) -> Result<IpNet, Mistake> {
    if let Some(mistake) = range(text) {
        return Err(mistake);
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| in_brackets(text).unwrap_or_else(|| not_a_network(address)))?;
    if let IpAddr::V6(v6) = address {
        not_mapped(v6)?;
    }
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = prefix.map_or(Ok(longest), |prefix| prefix_length(prefix, longest))?;
    let network = IpNet::new(address, length).map_err(|_| too_long(&length.to_string(), longest))?;
    if network.trunc() == network { Ok(network) } else { Err(host_bits(network)) }
}

/// Decimal digits as they are printed.
fn prefix_length(text: &str, longest: u8) -> Result<u8, Mistake> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if let Some(length) = mask_length(text).filter(|_| longest == 32) {
        return Err(Mistake::new("bad-prefix-length", format!("has a netmask; write its length, /{length}")));
    }
    if !digits || leading_zero {
        let sentence =
            format!("has {} where a prefix length belongs; write a number from 0 to {longest}", quoted(text));
        return Err(Mistake::new("bad-prefix-length", sentence));
    }
    text.parse::<u8>().ok().filter(|length| *length <= longest).ok_or_else(|| too_long(text, longest))
}

/// The length of a netmask: ones, and then nothing but zeros.
fn mask_length(text: &str) -> Option<u32> {
    let mask = u32::from(text.parse::<Ipv4Addr>().ok()?);
    (mask.leading_ones() + mask.trailing_zeros() >= 32).then(|| mask.leading_ones())
}

/// `::ffff:192.0.2.1` is an IPv4 address in IPv6's clothes: no packet carries it, so no rule would match.
fn not_mapped(address: Ipv6Addr) -> Result<(), Mistake> {
    match address.to_ipv4_mapped() {
        Some(v4) => {
            let sentence = format!("is an IPv4-mapped address, which no packet carries; write it as IPv4, like {v4}");
            Err(Mistake::new("ipv4-mapped", sentence))
        }
        None => Ok(()),
    }
}

/// URLs have an IPv6 address so.
fn in_brackets(text: &str) -> Option<Mistake> {
    let (address, rest) = text.strip_prefix('[')?.split_once(']')?;
    let prefix = rest.strip_prefix('/');
    if address.contains('[') || !rest.is_empty() && prefix.is_none() {
        return None;
    }
    let network = item(&format!("{address}{rest}")).ok()?;
    let right = prefix.map_or_else(|| network.addr().to_string(), |_| network.to_string());
    Some(Mistake::new("not-a-network", format!("has brackets; write {right}")))
}

/// `10.0.0.1-10.0.0.9`, `10.0.0.1-9`, and the same of networks.
fn range(text: &str) -> Option<Mistake> {
    let (first, last) = text.split_once('-')?;
    let address = |text: &str| text.split('/').next().and_then(|text| text.trim_ascii().parse::<IpAddr>().ok());
    let first = address(first)?;
    let is_range = address(last).is_some() || last.trim_ascii().bytes().all(|byte| byte.is_ascii_digit());
    let like = if first.is_ipv4() { "10.0.0.0/28" } else { "2001:db8::/64" };
    let sentence = format!("is an address range, which is not supported; write networks like {like}");
    is_range.then(|| Mistake::new("not-a-network", sentence))
}

fn not_a_network(address: &str) -> Mistake {
    if is_name(address) {
        let sentence = format!("has the name {}; names are not looked up, write addresses", quoted(address));
        return Mistake::new("not-a-network", sentence);
    }
    let address = quoted(address);
    let sentence = format!("has {address} where an address belongs; write one like 192.0.2.0/24 or 2001:db8::/32");
    Mistake::new("not-a-network", sentence)
}

/// A DNS name of several labels, the last of which no address could end in.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
    text.chars().all(plain)
        && text.rsplit_once('.').is_some_and(|(_, last)| last.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn too_long(length: &str, longest: u8) -> Mistake {
    Mistake::new("bad-prefix-length", format!("has the prefix length {}; the longest is {longest}", clipped(length)))
}

fn host_bits(network: IpNet) -> Mistake {
    let (address, right) = (network.addr(), network.trunc());
    let sentence = format!("has host bits set; write {right}, or {address} for a single address");
    Mistake::new("host-bits", sentence)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::annotations::Annotation;

    fn read(value: &str) -> Result<Vec<String>, Vec<(String, String)>> {
        let name = "egress-allowed-networks";
        let annotation = Annotation { full_name: "kube-vip.io/egress-allowed-networks", name, value };
        match parse(Some(annotation)) {
            Ok(networks) => Ok(networks.into_iter().flatten().map(|network| network.to_string()).collect()),
            Err(wrong) => Err(wrong.into_iter().map(|d| (d.code, d.message)).collect()),
        }
    }

    #[test]
    fn good_networks_are_read() {
        for (value, meaning) in [
            ("192.0.2.0/24", vec!["192.0.2.0/24"]),
            ("192.0.2.0/24, 2001:db8::/32", vec!["192.0.2.0/24", "2001:db8::/32"]),
            ("198.51.100.7", vec!["198.51.100.7/32"]),
            ("2001:DB8::7", vec!["2001:db8::7/128"]),
            ("198.51.100.7,198.51.100.7/32", vec!["198.51.100.7/32"]),
            ("10.0.0.0/8,10.1.0.0/16", vec!["10.0.0.0/8", "10.1.0.0/16"]),
            ("0.0.0.0/0,::/0", vec!["0.0.0.0/0", "::/0"]),
        ] {
            assert_eq!(read(value), Ok(meaning.into_iter().map(str::to_owned).collect()), "{value:?}");
        }
    }

    #[test]
    fn an_absent_list_is_no_list() {
        assert_eq!(parse(None), Ok(None));
    }

    #[test]
    fn an_address_in_brackets_is_named_without_them() {
        let no_address =
            |what: &str| format!("has {what:?} where an address belongs; write one like 192.0.2.0/24 or 2001:db8::/32");
        for (value, sentence) in [
            ("[fd00::]/64", "has brackets; write fd00::/64".to_owned()),
            ("[2001:db8::7]", "has brackets; write 2001:db8::7".to_owned()),
            ("[2001:db8::7]:443", no_address("[2001:db8::7]:443")),
            ("[[fd00::]]", no_address("[[fd00::]]")),
        ] {
            let message = format!("egress-allowed-networks: {value:?} {sentence}");
            assert_eq!(read(value), Err(vec![("not-a-network".to_owned(), message)]));
        }
    }

    #[test]
    fn bad_networks_are_named_with_what_would_be_right() {
        let no_address =
            |what: &str| format!("has {what:?} where an address belongs; write one like 192.0.2.0/24 or 2001:db8::/32");
        let no_prefix = |what: &str, most: u8| {
            format!("has {what:?} where a prefix length belongs; write a number from 0 to {most}")
        };
        for (value, code, sentence) in [
            ("internet", "not-a-network", no_address("internet")),
            ("192.0.2", "not-a-network", no_address("192.0.2")),
            ("192.0.2.010/32", "not-a-network", no_address("192.0.2.010")),
            ("192.0.2.0 /24", "not-a-network", no_address("192.0.2.0 ")),
            ("fe80::1%eth0", "not-a-network", no_address("fe80::1%eth0")),
            ("/24", "not-a-network", no_address("")),
            ("192.0.2.0/33", "bad-prefix-length", "has the prefix length 33; the longest is 32".to_owned()),
            ("2001:db8::/129", "bad-prefix-length", "has the prefix length 129; the longest is 128".to_owned()),
            ("2001:db8::/999", "bad-prefix-length", "has the prefix length 999; the longest is 128".to_owned()),
            ("192.0.2.0/", "bad-prefix-length", no_prefix("", 32)),
            ("192.0.2.0/024", "bad-prefix-length", no_prefix("024", 32)),
            ("192.0.2.0/+24", "bad-prefix-length", no_prefix("+24", 32)),
            ("192.0.2.0/255.255.255.0", "bad-prefix-length", "has a netmask; write its length, /24".to_owned()),
            ("0.0.0.0/0.0.0.0", "bad-prefix-length", "has a netmask; write its length, /0".to_owned()),
            ("192.0.2.0/255.0.255.0", "bad-prefix-length", no_prefix("255.0.255.0", 32)),
            ("2001:db8::/255.0.0.0", "bad-prefix-length", no_prefix("255.0.0.0", 128)),
            ("192.0.2.0/24/8", "bad-prefix-length", no_prefix("24/8", 32)),
            (
                "192.0.2.5/24",
                "host-bits",
                "has host bits set; write 192.0.2.0/24, or 192.0.2.5 for a single address".to_owned(),
            ),
            (
                "::ffff:192.0.2.1",
                "ipv4-mapped",
                "is an IPv4-mapped address, which no packet carries; write it as IPv4, like 192.0.2.1".to_owned(),
            ),
        ] {
            let message = format!("egress-allowed-networks: {value:?} {sentence}");
            assert_eq!(read(value), Err(vec![(code.to_owned(), message)]));
        }
    }

    #[test]
    fn a_range_is_answered_with_a_network() {
        let range = |like: &str| format!("is an address range, which is not supported; write networks like {like}");
        for (value, sentence) in [
            ("10.0.0.1-10.0.0.9", range("10.0.0.0/28")),
            ("10.0.0.1 - 10.0.0.9", range("10.0.0.0/28")),
            ("10.0.0.1-9", range("10.0.0.0/28")),
            ("10.0.0.0/24-10.0.3.0/24", range("10.0.0.0/28")),
            ("2001:db8::1-2001:db8::9", range("2001:db8::/64")),
        ] {
            let message = format!("egress-allowed-networks: {value:?} {sentence}");
            assert_eq!(read(value), Err(vec![("not-a-network".to_owned(), message)]));
        }
    }

    #[test]
    fn what_other_programs_write_is_answered_with_what_to_write_here() {
        for (value, code, sentence) in [
            (
                "10.0.0.0/8;192.168.0.0/16",
                "no-comma",
                "has \";\" between items; separate them with commas: 10.0.0.0/8,192.168.0.0/16",
            ),
            (
                "10.0.0.1-db",
                "not-a-network",
                "has \"10.0.0.1-db\" where an address belongs; write one like 192.0.2.0/24 or 2001:db8::/32",
            ),
            (
                "db.example.com",
                "not-a-network",
                "has the name \"db.example.com\"; names are not looked up, write addresses",
            ),
            (
                "*.example.com/24",
                "not-a-network",
                "has the name \"*.example.com\"; names are not looked up, write addresses",
            ),
            (
                "10.0.0.0/8 192.0.2.0/24",
                "no-comma",
                "has spaces between items; separate them with commas: 10.0.0.0/8,192.0.2.0/24",
            ),
            ("[\"10.0.0.0/8\"]", "not-a-list", "is JSON; write items between commas, without brackets and quotes"),
        ] {
            let message = format!("egress-allowed-networks: {value:?} {sentence}");
            assert_eq!(read(value), Err(vec![(code.to_owned(), message)]));
        }
    }
}
