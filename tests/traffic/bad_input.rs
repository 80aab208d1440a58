//! P4: bad input never widens translation, and is reported with the remedy.

use anyhow::{Context, Result, ensure};
use lab::addresses::{NODE_NAME, OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::manifest::{self, Service, endpoints};
use lab::{Egressd, Protocol};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program};

/// The first accepted configuration: ports and networks, so that losing either would show.
const ACCEPTED: [(&str, &str); 3] =
    [("egress", "true"), ("egress-destination-ports", "tcp:80,udp:53"), ("egress-denied-networks", "172.19.0.0/16")];

/// An annotation, a value for it, the bad item in that, and the sentence about it.
const BAD: [(&str, &str, &str, &str); 16] = [
    ("egress", "True", "True", "is not a boolean; write \"true\""),
    ("egress-ipv6", "yes", "yes", "is not a boolean; write \"true\""),
    ("flush-conntrack", "1", "1", "is not a boolean; write \"true\""),
    ("egress-destination-ports", "tcp:80,5060", "5060", "has no protocol; write one like tcp:5060 or udp:5060"),
    ("egress-destination-ports", "TCP:80", "TCP:80", "has the unknown protocol \"TCP\"; write \"tcp\""),
    ("egress-destination-ports", "tcp:80, tcp:0", "tcp:0", "has port 0; ports are 1 to 65535"),
    ("egress-destination-ports", "tcp:65536", "tcp:65536", "has port 65536; ports are 1 to 65535"),
    ("egress-destination-ports", "tcp:90-80", "tcp:90-80", "is backwards; write tcp:80-90"),
    ("egress-destination-ports", "tcp:80:90", "tcp:80:90", "has more than one colon"),
    ("egress-destination-ports", "tcp:80,", "", "is an empty item"),
    ("egress-source-ports", "icmp:8", "icmp:8", "has the unknown protocol \"icmp\"; write tcp, udp or sctp"),
    (
        "egress-allowed-networks",
        "172.18.0.1/16",
        "172.18.0.1/16",
        "write 172.18.0.0/16, or 172.18.0.1 for a single address",
    ),
    ("egress-allowed-networks", "0.0.0.0/33", "0.0.0.0/33", "has the prefix length 33; the longest is 32"),
    ("egress-allowed-networks", "::ffff:172.18.0.1", "::ffff:172.18.0.1", "write it as IPv4, like 172.18.0.1"),
    ("egress-denied-networks", "172.19.0.0/16, ,::/0", "", "is an empty item"),
    ("egress-denied-networks", "internet", "internet", "has \"internet\" where an address belongs"),
];

/// The accepted annotations, with this one in place of its own or beside them.
fn service(name: &str, value: &str) -> Service {
    let others = ACCEPTED.into_iter().filter(|(other, _)| *other != name);
    let service = manifest::service("web").addresses([WEB_V4]).annotation(name, value);
    others.fold(service, |service, (name, value)| service.annotation(name, value))
}

fn accepted() -> Service {
    let [(name, value), ..] = ACCEPTED;
    service(name, value)
}

fn run(fixture: &Fixture) -> Result<Egressd<'_>> {
    fixture.manifests.write(&accepted())?;
    fixture.manifests.write(&fixture.web_endpoints())?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(fixture.selected(), (OUTSIDE_V4, 80), WEB_V4.into())?;
    Ok(egressd)
}

fn expect_that_the_accepted_is_in_force(fixture: &Fixture, egressd: &Egressd<'_>) -> Result<()> {
    let pod = fixture.selected();
    egressd.expect_seen(pod, (OUTSIDE_V4, 80), Protocol::Tcp, WEB_V4)?;
    egressd.expect_seen(pod, (OUTSIDE_V4, 53), Protocol::Udp, WEB_V4)?;
    egressd.expect_seen(pod, (OUTSIDE_V4, 8080), Protocol::Tcp, pod.v4())?;
    egressd.expect_seen(pod, (OTHER_OUTSIDE_V4, 80), Protocol::Tcp, pod.v4())
}

/// P4.
pub(crate) fn every_bad_form_is_reported_and_the_last_accepted_configuration_stays() -> Result<()> {
    let fixture = Fixture::new()?;
    let mut egressd = run(&fixture)?;
    for (name, value, item, sentence) in BAD {
        let about = || format!("{name}: {value:?}");
        egressd.turn_page();
        fixture.manifests.write(&service(name, value))?;
        egressd.wait_until_log_has(&format!("{name}: {item:?}")).with_context(about)?;
        egressd.wait_until_log_has(sentence).with_context(about)?;
        expect_that_the_accepted_is_in_force(&fixture, &egressd).with_context(about)?;
        expect_that_plan_underlines(&fixture, item, sentence).with_context(about)?;
    }
    fixture.manifests.write(&service("egress-destination-ports", "tcp:8080"))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}

/// `egressd plan` fails, prints the message, and underlines the bad item.
fn expect_that_plan_underlines(fixture: &Fixture, item: &str, sentence: &str) -> Result<()> {
    let directory = fixture.manifests.path().to_string_lossy().into_owned();
    let state = format!("{directory}/.state");
    let arguments = ["plan", "--node", NODE_NAME, "--manifests", &directory, "--state-dir", &state];
    let output = program().output(&fixture.lab, &arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(1), "plan ended with {}:\n{text}", output.status);
    let mut lines = text.lines().skip_while(|line| !line.contains(sentence)).skip(1);
    let (value, carets) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (begin, end) = (carets.find('^').unwrap_or_default(), carets.len());
    ensure!(carets.ends_with('^'), "nothing is underlined in\n{text}");
    ensure!(item.is_empty() || value.get(begin..end) == Some(item), "not {item:?} is underlined in\n{text}");
    Ok(())
}

/// P4: without an accepted configuration there is none to keep.
pub(crate) fn bad_input_from_the_beginning_translates_nothing() -> Result<()> {
    let fixture = Fixture::new()?;
    let pod = fixture.selected();
    fixture.manifests.write(&service("egress-destination-ports", "5060"))?;
    fixture.manifests.write(&fixture.web_endpoints())?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("there is no earlier valid configuration")?;
    for port in [80, 5060, 8080] {
        egressd.expect_seen(pod, (OUTSIDE_V4, port), Protocol::Tcp, pod.v4())?;
    }
    egressd.stop()
}

/// P4: the input stays, not what followed from it: endpoints and addresses are today's.
pub(crate) fn the_last_accepted_configuration_follows_current_endpoints() -> Result<()> {
    let fixture = Fixture::new()?;
    let mut egressd = run(&fixture)?;
    egressd.turn_page();
    fixture.manifests.write(&service("egress-denied-networks", "internet"))?;
    egressd.wait_until_log_has("internet")?;

    let (gone, come) = (fixture.selected(), fixture.lab.pod(2));
    fixture.manifests.write(&endpoints("web", [come.v4()]))?;
    egressd.wait_until_seen(come, (OUTSIDE_V4, 80), WEB_V4.into())?;
    egressd.expect_seen(come, (OTHER_OUTSIDE_V4, 80), Protocol::Tcp, come.v4())?;
    egressd.expect_seen(gone, (OUTSIDE_V4, 80), Protocol::Tcp, gone.v4())?;

    fixture.manifests.write(&service("egress-denied-networks", "internet").addresses([OTHER_V4]))?;
    egressd.wait_until_seen(come, (OUTSIDE_V4, 80), OTHER_V4.into())?;
    egressd.expect_seen(come, (OUTSIDE_V4, 8080), Protocol::Tcp, come.v4())?;
    egressd.stop()
}
