//! The tunnel between nodes, in the kernel.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::process::Command;
use std::time::Instant;

use egressd::kernel::tunnel::{Error, KernelTunnel};
use egressd_core::compile::table_names;
use egressd_core::net::{Family, GatewayIndex, TunnelMarks};
use egressd_core::node::{
    Adapter, Foreign, MtuLimits, Part, RoutePlace, RoutingRule, Tunnel, TunnelChange, TunnelKind, TunnelMaker,
    TunnelMtu, TunnelOperation, TunnelRoute, TunnelSettings, TunnelState, TunnelTable, TunnelWays,
};
use egressd_core::testkit::FakeTunnel;

use crate::connected::ip;
use crate::sample::address;
use crate::trials::{describe, trials};
use crate::unable;

pub(crate) const ALL: &[lab::Test] = trials![
    a_tunnel_reads_back_equal_and_ip_shows_it,
    what_is_printed_is_what_ip_takes_and_takes_away,
    a_tunnel_becomes_another_one_and_goes,
    ten_thousand_homes_come_and_go,
    what_other_programs_take_away_comes_back_with_one_difference,
    the_kernel_refuses_what_the_fake_refuses,
    a_device_of_another_program_is_named_and_stays_and_all_else_comes_and_goes,
    rules_and_routes_of_other_programs_are_named,
    many_routes_of_others_are_not_read,
];

/// `EOPNOTSUPP`: the kernel has no such kind of device.
const UNSUPPORTED: i32 = 95;

pub(crate) fn open() -> KernelTunnel {
    KernelTunnel::open().unwrap_or_else(|error| panic!("{}", describe(&error)))
}

/// Of a tunnel between nodes whose interfaces have this one.
fn mtu(uplink: u32) -> TunnelMtu {
    TunnelMtu::within(MtuLimits { uplink, outer: Family::Ipv4, pods: None }, TunnelKind::VxlanGpe).unwrap()
}

pub(crate) fn maker() -> TunnelMaker {
    TunnelMaker::of(&table_names(None))
}

pub(crate) fn settings() -> TunnelSettings {
    TunnelSettings {
        kind: TunnelKind::VxlanGpe,
        port: NonZeroU16::new(4790).unwrap(),
        mtu: mtu(1500),
        marks: TunnelMarks::DEFAULT,
        maker: maker(),
    }
}

pub(crate) fn gateway(number: u8) -> GatewayIndex {
    GatewayIndex::new(number).unwrap()
}

/// Tunnelled in IPv4 and in IPv6, each of both families.
fn ways() -> BTreeMap<Family, TunnelWays> {
    let gateways =
        [(gateway(1), Some(address("192.168.7.2"))), (gateway(2), None), (gateway(124), Some(address("fd00:7::2")))];
    let homes = |homes: [(&str, &str); 2]| homes.into_iter().map(|(pod, end)| (address(pod), address(end))).collect();
    let ipv4 = homes([("10.244.3.7", "192.168.7.3"), ("10.244.3.8", "fd00:7::3")]);
    let ipv6 = homes([("fd00:244:3::7", "192.168.7.3"), ("fd00:244:3::8", "fd00:7::3")]);
    let with = |homes| TunnelWays { gateways: gateways.into(), homes };
    [(Family::Ipv4, with(ipv4)), (Family::Ipv6, with(ipv6))].into()
}

fn sample() -> TunnelState {
    TunnelState::of(&settings(), &ways())
}

pub(crate) fn read(tunnel: &mut KernelTunnel) -> TunnelState {
    let readback = tunnel.read(&maker()).unwrap_or_else(|error| panic!("{}", describe(&error)));
    assert_eq!(readback.foreign, []);
    readback.state
}

pub(crate) fn bring(tunnel: &mut KernelTunnel, old: &TunnelState, new: &TunnelState) {
    for effect in Tunnel::diff(old, new) {
        match tunnel.commit(&effect.change) {
            Ok(()) => {}
            Err(Error::Refused { source, .. }) if source.errno == UNSUPPORTED => unable("this kernel has no VXLAN"),
            Err(error) => panic!("{}", describe(&error)),
        }
    }
}

/// The kernel with the sample.
fn with_sample() -> KernelTunnel {
    let mut tunnel = open();
    bring(&mut tunnel, &TunnelState::default(), &sample());
    tunnel
}

fn run(commands: &str) -> String {
    let output = Command::new("sh").args(["-ec", commands]).output().unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn a_tunnel_reads_back_equal_and_ip_shows_it() {
    let mut tunnel = open();
    assert_eq!(read(&mut tunnel), TunnelState::default());
    bring(&mut tunnel, &TunnelState::default(), &sample());
    assert_eq!(read(&mut tunnel), sample());
    assert_eq!(Tunnel::diff(&read(&mut tunnel), &sample()), []);
    let rules = run("ip rule; ip -6 rule");
    for rule in [
        "300:	from all fwmark 0/0x1000 iif egressd0 tun_id 69 unreachable proto 69",
        "301:	from all fwmark 0/0x1000 goto 499 proto 69",
        "302:	from all fwmark 0x1001/0x107f lookup 1162280961 proto 69",
        "425:	from all fwmark 0x107c/0x107f lookup 1162281084 proto 69",
        "489:	from all fwmark 0x1000/0x107f goto 499 proto 69",
        "490:	from all fwmark 0x107f/0x107f goto 499 proto 69",
        "491:	from all fwmark 0x107e/0x107f lookup 1162281086 proto 69",
        "498:	from all fwmark 0x1000/0x1000 unreachable proto 69",
        "499:	from all nop proto 69",
    ] {
        assert_eq!(rules.matches(rule).count(), 2, "{rule} in {rules}");
    }
    let routes =
        run("ip route show table 1162280961; ip -6 route show table 1162281084; ip route show table 1162281086");
    assert!(
        routes.contains(
            "encap ip id 69 src 0.0.0.0 dst 192.168.7.2 ttl 0 tos 0 dev egressd0 proto 69 scope link metric 1"
        ),
        "{routes}"
    );
    assert!(routes.contains("unreachable default proto 69 metric 4000"), "{routes}");
    assert!(routes.contains("encap ip6 id 69 src :: dst fd00:7::2"), "{routes}");
    assert!(routes.contains("10.244.3.8  encap ip6 id 69 src :: dst fd00:7::3"), "{routes}");
    let device = run("ip -d link show egressd0; ip addr show egressd0; cat /proc/sys/net/ipv4/conf/egressd0/rp_filter");
    assert!(device.contains("mtu 1464") && device.contains("vxlan external") && device.contains("gpe"), "{device}");
    assert!(device.contains("dstport 4790") && device.contains(",UP"), "{device}");
    assert!(device.contains("169.254.69.69/32 scope link noprefixroute") && device.ends_with("2\n"), "{device}");
}

fn what_is_printed_is_what_ip_takes_and_takes_away() {
    let mut tunnel = open();
    run(&Tunnel::text(&sample()));
    assert_eq!(read(&mut tunnel), sample());
    let gone: String = text(&sample(), &TunnelState::default());
    run(&gone);
    assert_eq!(read(&mut tunnel), TunnelState::default());
}

fn text(old: &TunnelState, new: &TunnelState) -> String {
    Tunnel::diff(old, new).iter().map(|effect| effect.change.to_string()).collect()
}

fn a_tunnel_becomes_another_one_and_goes() {
    let mut tunnel = with_sample();
    let mut moved = ways();
    for ways in moved.values_mut() {
        ways.gateways = [(gateway(1), Some(address("fd00:7::9"))), (gateway(3), Some(address("192.168.7.9")))].into();
        ways.homes.pop_first();
    }
    let others = [
        TunnelSettings { mtu: mtu(1436), ..settings() },
        TunnelSettings { port: NonZeroU16::new(4791).unwrap(), ..settings() },
        TunnelSettings { kind: TunnelKind::Vxlan, ..settings() },
    ];
    let mut before = sample();
    for settings in others {
        for ways in [ways(), moved.clone(), BTreeMap::new(), ways()] {
            let after = TunnelState::of(&settings, &ways);
            bring(&mut tunnel, &before, &after);
            assert_eq!(read(&mut tunnel), after);
            before = after;
        }
    }
    bring(&mut tunnel, &before, &TunnelState::default());
    assert_eq!(read(&mut tunnel), TunnelState::default());
    assert!(!run("ip rule; ip -6 rule; ip link; ip route show table all; ip -6 route show table all").contains("69"));
}

fn ten_thousand_homes_come_and_go() {
    let mut tunnel = open();
    let with = |count: u32| {
        let homes =
            (0..count).map(|number| (IpAddr::from((0x0a00_0000 + number).to_be_bytes()), address("192.168.7.3")));
        let ways = TunnelWays { gateways: BTreeMap::new(), homes: homes.collect() };
        TunnelState::of(&settings(), &[(Family::Ipv4, ways)].into())
    };
    bring(&mut tunnel, &TunnelState::default(), &with(0));
    for pair in [[0, 10_000], [10_000, 1]] {
        bring(&mut tunnel, &with(pair[0]), &with(pair[1]));
        assert_eq!(read(&mut tunnel), with(pair[1]));
    }
}

fn what_other_programs_take_away_comes_back_with_one_difference() {
    let mut tunnel = with_sample();
    for (fault, rest) in [
        ("ip route flush table 1162280961", "ip route"),
        ("ip link del egressd0", "egressd0"),
        ("ip link set egressd0 down", "egressd0"),
        ("ip addr flush dev egressd0", "ip addr replace"),
        ("sysctl -qw net.ipv4.conf.egressd0.rp_filter=1", "sysctl"),
        ("ip link set egressd0 mtu 1200", "mtu 1464"),
        ("ip rule flush; ip -6 rule flush", "ip rule add"),
        ("ip -6 rule del pref 498", "pref 498"),
        (
            "ip route replace default table 1162280961 metric 1 protocol 69 encap ip id 69 dst 192.0.2.1 dev egressd0",
            "replace",
        ),
    ] {
        run(fault);
        let left = read(&mut tunnel);
        assert!(text(&left, &sample()).contains(rest), "{fault}: {}", text(&left, &sample()));
        bring(&mut tunnel, &left, &sample());
        assert_eq!(read(&mut tunnel), sample(), "{fault}");
    }
}

/// Both get each operation in the same state.
fn the_kernel_refuses_what_the_fake_refuses() {
    let mut tunnel = open();
    let mut fake = FakeTunnel::default();
    for operation in operations() {
        let change = TunnelChange { operations: vec![operation] };
        let (made, faked) = (tunnel.commit(&change), fake.commit(&change));
        assert_eq!(made.is_ok(), faked.is_ok(), "{change}: {made:?} {faked:?}");
        if let (Err(Error::Refused { source, .. }), Err(faked)) = (&made, &faked) {
            assert!(source.to_string().starts_with(faked.why), "{change}: {source} {}", faked.why);
        }
        assert_eq!(read(&mut tunnel), fake.state, "{change}");
    }
}

/// What is taken in some states, and not in others.
fn operations() -> Vec<TunnelOperation> {
    let state = sample();
    let device = state.device.unwrap();
    let [first, last] = [*state.rules.first().unwrap(), *state.rules.last().unwrap()];
    let mut routes = state.routes.into_iter().map(|(place, kind)| TunnelRoute { place, kind });
    let [leads, refuses] = [routes.next().unwrap(), routes.next().unwrap()];
    let elsewhere = RoutePlace { table: TunnelTable::HOMES, ..leads.place };
    let of_device = |operation: TunnelOperation| [operation, operation];
    let of_rule = |rule: RoutingRule| {
        [TunnelOperation::DeleteRule(rule), TunnelOperation::AddRule(rule), TunnelOperation::AddRule(rule)]
    };
    let of_route = |route: TunnelRoute| {
        [
            TunnelOperation::DeleteRoute(route.place),
            TunnelOperation::AddRoute(route),
            TunnelOperation::AddRoute(route),
            TunnelOperation::ReplaceRoute(route),
        ]
    };
    let end = [leads, refuses].map(|route| TunnelOperation::DeleteRoute(route.place));
    [
        &of_device(TunnelOperation::DeleteDevice)[..],
        &of_device(TunnelOperation::SetDevice(device)),
        &of_route(leads),
        &[of_rule(first), of_rule(last)].concat(),
        &of_route(refuses),
        &of_device(TunnelOperation::CreateDevice(device)),
        &of_device(TunnelOperation::SetDevice(device)),
        &of_route(leads),
        &[TunnelOperation::DeleteRoute(elsewhere), TunnelOperation::DeleteDevice],
        &[end, end].concat(),
        &[first, last, last].map(TunnelOperation::DeleteRule),
    ]
    .concat()
}

fn a_device_of_another_program_is_named_and_stays_and_all_else_comes_and_goes() {
    let gateway = "type vxlan external gpe dstport 4790";
    for (made, what) in [
        ("name egressd0 type bridge", "a device of the kind bridge"),
        ("name egressd0 type vxlan id 69 dstport 4790", "a VXLAN device of one network (not external)"),
        (&format!("name egressd0 {gateway}"), "a VXLAN device that is in no group of egressd's"),
        (
            &format!("name eth9 group {} {gateway}; ip link property add dev eth9 altname egressd0", maker().group()),
            "another name of the device eth9",
        ),
    ] {
        run(&format!("ip link add {made}"));
        let before = run("ip -d link show egressd0");
        let mut tunnel = open();
        tunnel.adopt(&maker()).unwrap();
        let foreign = tunnel.read(&maker()).unwrap().foreign;
        assert_eq!(foreign, [Foreign { what: format!("the device egressd0 is {what}"), removal: None }]);
        assert_eq!(tunnel.read(&maker()).unwrap().state, TunnelState::default());
        let expected = format!("cannot use the device egressd0: it is {what}, which egressd did not make");
        let device = sample().device.unwrap();
        for operation in
            [TunnelOperation::CreateDevice(device), TunnelOperation::SetDevice(device), TunnelOperation::DeleteDevice]
        {
            let change = TunnelChange { operations: vec![operation] };
            assert_eq!(describe(&tunnel.commit(&change).unwrap_err()), expected);
        }
        all_but_the_device_come_and_go(&mut tunnel);
        assert_eq!(run("ip -d link show egressd0"), before);
        run("ip link del egressd0");
    }
}

/// What refuses comes before the device that cannot come, and goes.
fn all_but_the_device_come_and_go(tunnel: &mut KernelTunnel) {
    let effects = Tunnel::diff(&TunnelState::default(), &sample());
    let failed = effects.iter().try_for_each(|effect| tunnel.commit(&effect.change)).unwrap_err();
    assert!(matches!(failed, Error::Occupied { .. }), "{}", describe(&failed));
    let left = tunnel.read(&maker()).unwrap().state;
    assert_eq!((left.device, left.rules.len(), left.routes.len()), (None, 12, 6));
    bring(tunnel, &left, &TunnelState::default());
    assert_eq!(tunnel.read(&maker()).unwrap().state, TunnelState::default());
}

fn rules_and_routes_of_other_programs_are_named() {
    let mut tunnel = with_sample();
    run("ip rule add pref 310 fwmark 0x1000/0x1000 lookup main
         ip -6 rule add pref 301 protocol 69 from fd00::/64 lookup 7
         ip rule add pref 220 lookup 7
         ip route add 192.0.2.0/24 dev egressd0 table 1162280961 metric 5
         ip route add 192.0.2.0/24 dev egressd0 table 7");
    let readback = tunnel.read(&maker()).unwrap();
    assert_eq!(readback.state, sample());
    let what: Vec<&str> = readback.foreign.iter().map(|foreign| foreign.what.as_str()).collect();
    let passed_over = "which packets without a mark of egressd's pass over, on to 499";
    let expected = [
        &format!("IPv4 rule with preference 310 and protocol 0, {passed_over}"),
        "route of table 1162280961: 192.0.2.0/24 table 1162280961 metric 5",
        &format!("IPv6 rule with preference 301 and protocol 69, {passed_over}"),
    ];
    assert_eq!(what, expected);
    for removal in readback.foreign.iter().filter_map(|foreign| foreign.removal.as_ref()) {
        tunnel.commit(removal).unwrap();
    }
    assert_eq!(tunnel.read(&maker()).unwrap().foreign.len(), 2);
    assert_eq!(run("ip route show table 7").lines().count(), 1);
}

/// Catches: a reading that costs what the node's other routes cost.
#[expect(clippy::disallowed_methods, reason = "the test compares how long two readings take")]
fn many_routes_of_others_are_not_read() {
    let mut tunnel = with_sample();
    let route = |number: u32| format!("route add {} dev lo\n", IpAddr::from((0x0b00_0000 + number).to_be_bytes()));
    ip(&format!("link set lo up\n{}", (0..100_000).map(route).collect::<String>()));
    let begun = Instant::now();
    assert_eq!(read(&mut tunnel), sample());
    let ours = begun.elapsed();
    let begun = Instant::now();
    run("ip route show table main > /dev/null");
    let all = begun.elapsed();
    assert!(ours < all, "{ours:?} beside {all:?}");
}
