//! Which networks an interface is connected to, as the kernel reports it: none where a gateway is reached by it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use egressd::kernel::addresses::{self, Addresses, NodeInterfaces};
use egressd_core::model::Connected;
use tokio::time::timeout;

use crate::trials::trials;

pub(crate) const ALL: &[lab::Test] = trials![
    a_bridge_is_connected_to_the_networks_of_its_addresses,
    a_route_with_a_gateway_in_any_table_and_of_any_kind_leads_further,
    an_added_and_a_deleted_route_are_detected,
    a_route_that_is_deleted_with_its_interface_without_a_message_is_detected,
    many_route_changes_are_few_changes_of_the_known_networks,
    many_routes_by_another_interface_change_nothing,
];

/// A change has to be reported within this time.
const EVENT_TIMEOUT: Duration = Duration::from_secs(20);

/// Commands of `ip`, one per line.
pub(crate) fn ip(lines: &str) {
    let mut child =
        Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A bridge like that of pods, and another one like the way out.
fn bridges() {
    ip("link set lo up
        link add br0 type bridge
        link add up0 type bridge
        address add 10.5.0.1/24 dev br0
        address add fd00:5::1/64 dev br0 nodad
        address add 10.6.0.1/32 dev br0
        address add 10.7.0.1/24 dev up0
        link set br0 up
        link set up0 up
        route add default via 10.7.0.254 dev up0");
}

fn texts(known: &NodeInterfaces) -> Vec<String> {
    known.connected.iter().map(|Connected { interface, network }| format!("{interface} {network}")).collect()
}

fn connected() -> Vec<String> {
    texts(&addresses::read().unwrap())
}

const BOTH: [&str; 2] = ["br0 10.5.0.0/24", "br0 fd00:5::/64"];

fn a_bridge_is_connected_to_the_networks_of_its_addresses() {
    bridges();
    assert_eq!(connected(), BOTH);
    ip("address add 10.8.0.1/24 dev br0
        address add 10.9.0.1/24 dev lo
        address add 10.64.0.1/8 dev br0
        address add 169.254.1.1/16 dev br0");
    assert_eq!(connected(), [BOTH[0], "br0 10.8.0.0/24", BOTH[1]]);
    ip("link set br0 down");
    assert_eq!(connected(), [""; 0]);
}

/// Each alone, added and deleted again.
fn a_route_with_a_gateway_in_any_table_and_of_any_kind_leads_further() {
    bridges();
    ip("nexthop add id 7 via 10.5.0.2 dev br0
        nexthop add id 8 dev br0
        nexthop add id 9 group 7");
    for route in [
        "10.20.0.0/16 via 10.5.0.2",
        "10.20.0.0/16 via 10.5.0.2 table 77",
        "10.20.0.0/16 via inet6 fd00:5::2 dev br0",
        "10.20.0.0/16 nexthop via 10.7.0.2 dev up0 nexthop via 10.5.0.2 dev br0",
        "10.20.0.0/16 nhid 7",
        "10.20.0.0/16 nhid 9",
        "fd00:20::/64 via fd00:5::2",
        "fd00:20::/64 via fd00:5::2 table 77",
        "fd00:20::/64 nexthop via fd00:5::2 nexthop via fd00:5::3",
    ] {
        ip(&format!("route add {route}"));
        assert_eq!(connected(), [""; 0], "{route}");
        ip(&format!("route del {route}"));
        assert_eq!(connected(), BOTH, "{route}");
    }
    ip("route add 10.20.0.0/16 dev br0
        route add 10.21.0.0/16 nhid 8
        route add blackhole 10.22.0.0/16");
    assert_eq!(connected(), BOTH, "a route without a gateway");
}

/// Waits until the followed networks are as expected.
fn expect_soon(addresses: &mut Addresses, expected: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut newest = addresses.now();
    let waited = runtime.block_on(async {
        let change = async {
            while texts(&newest) != expected {
                newest = addresses.changed().await.unwrap();
            }
        };
        timeout(lab::patient(EVENT_TIMEOUT), change).await
    });
    assert!(waited.is_ok(), "{:?}, not {expected:?}", texts(&addresses.now()));
}

fn an_added_and_a_deleted_route_are_detected() {
    bridges();
    let mut addresses = Addresses::follow().unwrap();
    expect_soon(&mut addresses, &BOTH);
    for route in ["10.20.0.0/16 via 10.5.0.2", "10.20.0.0/16 nexthop via 10.5.0.2", "fd00:20::/64 via fd00:5::2"] {
        ip(&format!("route add {route}"));
        expect_soon(&mut addresses, &[]);
        ip(&format!("route del {route}"));
        expect_soon(&mut addresses, &BOTH);
    }
    ip("route add 10.20.0.0/16 via 10.5.0.2");
    expect_soon(&mut addresses, &[]);
    ip("route replace 10.20.0.0/16 via 10.7.0.2");
    expect_soon(&mut addresses, &BOTH);
    // A next hop that is replaced changes all routes that lead by it.
    ip("nexthop add id 7 via 10.7.0.2 dev up0
        route add 10.21.0.0/16 nhid 7
        nexthop replace id 7 via 10.5.0.2 dev br0");
    expect_soon(&mut addresses, &[]);
    ip("link add br1 type bridge
        address add 10.10.0.1/24 dev br1
        link set br1 up");
    expect_soon(&mut addresses, &["br1 10.10.0.0/24"]);
}

/// The kernel sends no message about IPv4 routes that go with an interface or an address.
fn a_route_that_is_deleted_with_its_interface_without_a_message_is_detected() {
    bridges();
    ip("address add 10.8.0.1/24 dev br0
        route add 10.20.0.0/16 via 10.5.0.2 src 10.8.0.1");
    let mut addresses = Addresses::follow().unwrap();
    expect_soon(&mut addresses, &[]);
    ip("address del 10.8.0.1/24 dev br0");
    expect_soon(&mut addresses, &BOTH);
    ip("route add 10.20.0.0/16 via 10.5.0.2");
    expect_soon(&mut addresses, &[]);
    ip("link set br0 down
        link set br0 up
        address add fd00:5::1/64 dev br0 nodad");
    expect_soon(&mut addresses, &BOTH);
}

/// While routes change, the known networks of an interface count until they were read again.
fn many_route_changes_are_few_changes_of_the_known_networks() {
    bridges();
    let mut addresses = Addresses::follow().unwrap();
    expect_soon(&mut addresses, &BOTH);
    let change = "route add 10.20.0.0/16 via 10.7.0.2
                  route replace 10.20.0.0/16 via 10.7.0.3
                  route del 10.20.0.0/16\n";
    ip(&change.repeat(1_000));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let changed = runtime.block_on(async { timeout(Duration::from_secs(2), addresses.changed()).await });
    assert!(changed.is_err(), "{changed:?}");
}

/// Routes in the number of half an internet routing table are ignored, and none is kept.
fn many_routes_by_another_interface_change_nothing() {
    bridges();
    let lines: String = (0..100_000)
        .map(|n| format!("route add 11.{}.{}.{}/32 via 10.7.0.2\n", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    let mut addresses = Addresses::follow().unwrap();
    expect_soon(&mut addresses, &BOTH);
    ip(&lines);
    assert_eq!(connected(), BOTH);
    ip("route add 12.0.0.0/8 via 10.5.0.2");
    expect_soon(&mut addresses, &[]);
}
