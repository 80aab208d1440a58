//! The grammar of ports: `tcp:8080,udp:5060,sctp:2905,tcp:8000-8999`.
//!
//! kube-vip skips items that it cannot read, and translates everything when none is left; here one bad item
//! makes the whole annotation invalid. Ranges are ours.

use egressd_policy_sdk::{Diagnostic, PortRange, Protocol, clipped, quoted};

use crate::annotations::Annotation;
use crate::list::{self, Mistake};
use crate::request::MOST_PORTS;

/// Reads an annotation; an absent or empty one means every port and protocol.
pub(crate) fn parse(annotation: Option<Annotation<'_>>) -> Result<Vec<PortRange>, Vec<Diagnostic>> {
    let annotation = annotation.filter(|annotation| !annotation.is_empty());
    annotation.map_or(Ok(Vec::new()), |annotation| list::parse(annotation, MOST_PORTS, item))
}

/// Services whose names are used for one port, the protocols that they have it with, and the port.
const WELL_KNOWN: [(&str, &[Protocol], u16); 5] = [
    ("dns", &[Protocol::Tcp, Protocol::Udp], 53),
    ("http", &[Protocol::Tcp], 80),
    ("https", &[Protocol::Tcp], 443),
    ("smtp", &[Protocol::Tcp], 25),
    ("ssh", &[Protocol::Tcp], 22),
];

fn item(text: &str) -> Result<PortRange, Mistake> {
    let Some((name, ports)) = text.split_once(':') else { return Err(without_colon(text)) };
    let protocol = protocol(name).map_err(|mistake| turned_round(name, ports).unwrap_or(mistake))?;
    if ports.contains(':') {
        return Err(too_many_parts(protocol, ports));
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last) = (port(protocol, first)?, port(protocol, last)?);
    PortRange::new(protocol, first, last)
        .map_err(|_| Mistake::new("backwards-range", format!("is backwards; write {protocol}:{last}-{first}")))
}

fn protocol(text: &str) -> Result<Protocol, Mistake> {
    let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    if let Some(protocol) = known.into_iter().find(|protocol| protocol.to_string() == text) {
        return Ok(protocol);
    }
    let meant = known.into_iter().find(|protocol| protocol.to_string().eq_ignore_ascii_case(text.trim_ascii()));
    let right = meant.map_or("tcp, udp or sctp".to_owned(), |protocol| format!("\"{protocol}\""));
    Err(Mistake::new("unknown-protocol", format!("has the unknown protocol {}; write {right}", quoted(text))))
}

/// `443:tcp`.
fn turned_round(port: &str, name: &str) -> Option<Mistake> {
    let protocol = protocol(&name.to_ascii_lowercase()).ok()?;
    let meant = format!("{protocol}:{port}");
    let is_meant = !port.contains(':') && item(&meant).is_ok();
    is_meant.then(|| Mistake::new("unknown-protocol", format!("has the port before the protocol; write {meant}")))
}

/// Decimal digits as they are printed: `080` and `+80` are accepted by many a parser, and mean octal to others.
fn port(protocol: Protocol, text: &str) -> Result<u16, Mistake> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(not_a_port(protocol, text));
    }
    match text.parse::<u16>() {
        Ok(port) if port != 0 && !text.starts_with('0') => Ok(port),
        Ok(port) if port != 0 => {
            Err(Mistake::new("not-a-port", format!("has a port with leading zeros; write {protocol}:{port}")))
        }
        Ok(_) | Err(_) => {
            Err(Mistake::new("port-out-of-range", format!("has port {}; ports are 1 to 65535", clipped(text))))
        }
    }
}

/// The number of a name is suggested only where it is the same everywhere.
fn not_a_port(protocol: Protocol, text: &str) -> Mistake {
    let known = WELL_KNOWN.iter().find(|(name, with, _)| text.eq_ignore_ascii_case(name) && with.contains(&protocol));
    let right = match known {
        Some((name, _, port)) => format!("write its number, which for {name} is usually {protocol}:{port}"),
        None => format!("write one like {protocol}:8080"),
    };
    Mistake::new("not-a-port", format!("has {} where a port belongs; {right}", quoted(text)))
}

fn too_many_parts(protocol: Protocol, ports: &str) -> Mistake {
    let meant = format!("{protocol}:{}", ports.replacen(':', "-", 1));
    // With more of them it would be read again and again.
    let range = if !meant[meant.len() - ports.len()..].contains(':') && item(&meant).is_ok() {
        meant
    } else {
        format!("{protocol}:8000-8999")
    };
    let sentence = format!("has more than one colon; write a range as {range}, and other ports as items of their own");
    Mistake::new("too-many-parts", sentence)
}

/// `tcp/443` and `443/tcp` are what other programs write.
fn without_colon(text: &str) -> Mistake {
    let Some((left, right)) = text.split_once('/') else { return no_protocol(text) };
    let (name, number) = if left.starts_with(|c: char| c.is_ascii_digit()) { (right, left) } else { (left, right) };
    let meant = format!("{}:{number}", name.to_ascii_lowercase());
    match item(&meant) {
        Ok(_) => Mistake::new("no-colon", format!("has a slash; write {meant}")),
        Err(_) => no_protocol(text),
    }
}

fn no_protocol(text: &str) -> Mistake {
    let port = if text.bytes().all(|b| b.is_ascii_digit()) { clipped(text) } else { "8080".to_owned() };
    Mistake::new("no-protocol", format!("has no protocol; write one like tcp:{port} or udp:{port}"))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::annotations::Annotation;

    fn read(value: &str) -> Result<Vec<String>, Vec<(String, String)>> {
        let name = "egress-destination-ports";
        let annotation = Annotation { full_name: "kube-vip.io/egress-destination-ports", name, value };
        match parse(Some(annotation)) {
            Ok(ports) => Ok(ports.iter().map(ToString::to_string).collect()),
            Err(wrong) => Err(wrong.into_iter().map(|d| (d.code, d.message)).collect()),
        }
    }

    #[test]
    fn good_ports_are_read() {
        for (value, meaning) in [
            ("tcp:443", vec!["tcp:443"]),
            ("tcp:8080,udp:5060", vec!["tcp:8080", "udp:5060"]),
            (" tcp:80 ,\n sctp:36412 ", vec!["tcp:80", "sctp:36412"]),
            ("tcp:8000-8999", vec!["tcp:8000-8999"]),
            ("tcp:1-65535", vec!["tcp:1-65535"]),
            ("tcp:80-80,tcp:80", vec!["tcp:80"]),
            ("tcp:80-90,tcp:85-95", vec!["tcp:80-90", "tcp:85-95"]),
        ] {
            assert_eq!(read(value), Ok(meaning.into_iter().map(str::to_owned).collect()), "{value:?}");
        }
    }

    #[test]
    fn an_absent_annotation_means_all_ports() {
        assert_eq!(parse(None), Ok(Vec::new()));
    }

    fn well_known(name: &str, right: &str) -> String {
        format!("has {name:?} where a port belongs; write its number, which for {name} is usually {right}")
    }

    #[test]
    fn names_of_services_other_separators_and_ports_before_protocols_are_understood_and_refused() {
        for (value, code, sentence) in [
            ("tcp:80;tcp:443", "no-comma", "has \";\" between items; separate them with commas: tcp:80,tcp:443"),
            ("tcp:80 | udp:53", "no-comma", "has \"|\" between items; separate them with commas: tcp:80,udp:53"),
            ("443:tcp", "unknown-protocol", "has the port before the protocol; write tcp:443"),
            ("8000-8999:UDP", "unknown-protocol", "has the port before the protocol; write udp:8000-8999"),
            ("80:90", "unknown-protocol", "has the unknown protocol \"80\"; write tcp, udp or sctp"),
            ("80:tcp:90", "unknown-protocol", "has the unknown protocol \"80\"; write tcp, udp or sctp"),
            ("0:tcp", "unknown-protocol", "has the unknown protocol \"0\"; write tcp, udp or sctp"),
            ("tcp:https", "not-a-port", &well_known("https", "tcp:443")),
            ("tcp:HTTP", "not-a-port", &well_known("http", "tcp:80").replacen("http", "HTTP", 1)),
            ("tcp:ssh", "not-a-port", &well_known("ssh", "tcp:22")),
            ("tcp:smtp", "not-a-port", &well_known("smtp", "tcp:25")),
            ("udp:dns", "not-a-port", &well_known("dns", "udp:53")),
            ("tcp:web", "not-a-port", "has \"web\" where a port belongs; write one like tcp:8080"),
        ] {
            let message = format!("egress-destination-ports: {value:?} {sentence}");
            assert_eq!(read(value), Err(vec![(code.to_owned(), message)]));
        }
    }

    #[test]
    fn bad_ports_are_named_with_what_would_be_right() {
        for (value, code, sentence) in [
            ("5060", "no-protocol", "has no protocol; write one like tcp:5060 or udp:5060"),
            ("http", "no-protocol", "has no protocol; write one like tcp:8080 or udp:8080"),
            ("tcp/443", "no-colon", "has a slash; write tcp:443"),
            ("443/TCP", "no-colon", "has a slash; write tcp:443"),
            ("8000-8999/udp", "no-colon", "has a slash; write udp:8000-8999"),
            ("tcp/https", "no-protocol", "has no protocol; write one like tcp:8080 or udp:8080"),
            ("tcp/80/90", "no-protocol", "has no protocol; write one like tcp:8080 or udp:8080"),
            ("tcp:80 udp:53", "no-comma", "has spaces between items; separate them with commas: tcp:80,udp:53"),
            ("[\"tcp:80\"]", "not-a-list", "is JSON; write items between commas, without brackets and quotes"),
            ("\"tcp:80\"", "not-a-list", "is JSON; write items between commas, without brackets and quotes"),
            ("TCP:80", "unknown-protocol", "has the unknown protocol \"TCP\"; write \"tcp\""),
            ("tcp :80", "unknown-protocol", "has the unknown protocol \"tcp \"; write \"tcp\""),
            ("icmp:0", "unknown-protocol", "has the unknown protocol \"icmp\"; write tcp, udp or sctp"),
            (":80", "unknown-protocol", "has the unknown protocol \"\"; write tcp, udp or sctp"),
            ("tcp:0", "port-out-of-range", "has port 0; ports are 1 to 65535"),
            ("tcp:65536", "port-out-of-range", "has port 65536; ports are 1 to 65535"),
            ("tcp:99999999999", "port-out-of-range", "has port 99999999999; ports are 1 to 65535"),
            ("tcp:0-80", "port-out-of-range", "has port 0; ports are 1 to 65535"),
            ("tcp:90-80", "backwards-range", "is backwards; write tcp:80-90"),
            ("tcp:", "not-a-port", "has \"\" where a port belongs; write one like tcp:8080"),
            ("udp:http", "not-a-port", "has \"http\" where a port belongs; write one like udp:8080"),
            ("tcp: 80", "not-a-port", "has \" 80\" where a port belongs; write one like tcp:8080"),
            ("tcp:+80", "not-a-port", "has \"+80\" where a port belongs; write one like tcp:8080"),
            ("tcp:-1", "not-a-port", "has \"\" where a port belongs; write one like tcp:8080"),
            ("tcp:80-", "not-a-port", "has \"\" where a port belongs; write one like tcp:8080"),
            ("tcp:1-2-3", "not-a-port", "has \"2-3\" where a port belongs; write one like tcp:8080"),
            ("tcp:0080", "not-a-port", "has a port with leading zeros; write tcp:80"),
            ("tcp:8०", "not-a-port", "has \"8०\" where a port belongs; write one like tcp:8080"),
        ] {
            let message = format!("egress-destination-ports: {value:?} {sentence}");
            assert_eq!(read(value), Err(vec![(code.to_owned(), message)]));
        }
    }

    #[test]
    fn a_range_with_a_colon_is_named_with_a_dash() {
        let more = |range: &str| {
            format!("has more than one colon; write a range as {range}, and other ports as items of their own")
        };
        for (value, range) in
            [("tcp:80:90", "tcp:80-90"), ("tcp:90:80", "tcp:8000-8999"), ("udp:1:2:3", "udp:8000-8999")]
        {
            let message = format!("egress-destination-ports: {value:?} {}", more(range));
            assert_eq!(read(value), Err(vec![("too-many-parts".to_owned(), message)]));
        }
    }

    #[test]
    fn one_bad_item_spoils_the_good_ones() {
        let codes = read("tcp:80,udp:0,,tcp:443").map_err(|wrong| wrong.into_iter().map(|(code, _)| code).collect());
        assert_eq!(codes, Err::<Vec<String>, Vec<String>>(vec!["port-out-of-range".into(), "empty-item".into()]));
    }
}
