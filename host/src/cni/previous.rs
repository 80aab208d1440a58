//! `prevResult`: what the plugins before this one have made.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

/// The addresses of the container, without their networks. An address without an interface counts, since versions before
/// 1.0.0 did not ask for one; one of an interface outside of the container does not.
pub(super) fn addresses(previous: &Value) -> BTreeSet<IpAddr> {
    let all = previous.get("ips").and_then(Value::as_array).into_iter().flatten();
    all.filter(|ip| is_of_the_container(ip, previous.get("interfaces"))).filter_map(address).collect()
}

fn address(ip: &Value) -> Option<IpAddr> {
    let text = ip.get("address")?.as_str()?;
    text.split_once('/').map_or(text, |(address, _)| address).parse().ok()
}

fn is_of_the_container(ip: &Value, interfaces: Option<&Value>) -> bool {
    let interface = ip.get("interface").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
    let interface = interface.and_then(|at| interfaces?.get(at));
    // A sandbox is what only the container's interfaces have.
    interface
        .is_none_or(|interface| interface.get("sandbox").and_then(Value::as_str).is_some_and(|path| !path.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(previous: &Value) -> Vec<String> {
        addresses(previous).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_containers_addresses_are_those_of_its_interfaces() {
        let bridge = json!({
            "cniVersion": "1.0.0",
            "interfaces": [
                {"name": "cni0", "mac": "aa:aa:aa:aa:aa:aa"},
                {"name": "veth1", "mac": "aa:aa:aa:aa:aa:ab"},
                {"name": "eth0", "mac": "aa:aa:aa:aa:aa:ac", "sandbox": "/var/run/netns/x"},
            ],
            "ips": [
                {"interface": 2, "address": "10.0.0.5/24", "gateway": "10.0.0.1"},
                {"interface": 2, "address": "fd00::5/64"},
                {"interface": 0, "address": "10.0.0.1/24"},
            ],
        });
        assert_eq!(of(&bridge), ["10.0.0.5", "fd00::5"]);
    }

    #[test]
    fn an_address_counts_where_its_interface_is_not_known() {
        let older =
            json!({"ips": [{"version": "4", "address": "10.0.0.5/32"}, {"interface": 7, "address": "10.0.0.6/32"}]});
        assert_eq!(of(&older), ["10.0.0.5", "10.0.0.6"]);
    }

    #[test]
    fn what_is_no_address_is_none() {
        for previous in
            [json!(null), json!([]), json!({"ips": {}}), json!({"ips": [1, {"address": 1}, {"address": "x"}]})]
        {
            assert_eq!(of(&previous), [""; 0], "{previous}");
        }
    }
}
