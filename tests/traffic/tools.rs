//! The operator's tools: diff, status, probes, metrics.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::manifest::endpoints;
use lab::{Egressd, Lab, Protocol, wait_until};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};

/// The maximal age of a survey.
const MAX_SURVEY_AGE: Duration = Duration::from_millis(600);

pub(crate) const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9808);

pub(crate) fn diff_after_run_is_empty() -> Result<()> {
    let fixture = Fixture::with_web()?;
    expect_diff(&fixture, 1, "add element ip kube_vip_v4 egress_addrs { 10.0.0.1")?;
    let egressd = fixture.run_until_translated()?;
    // While a daemon owns the table, and after it.
    expect_diff(&fixture, 0, "no differences")?;
    egressd.stop()?;
    expect_diff(&fixture, 0, "no differences")
}

pub(crate) fn a_manifest_that_is_not_in_force_shows_up_in_diff() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.stop()?;
    fixture.manifests.write(&endpoints("web", [fixture.lab.pod(2).v4()]))?;
    expect_diff(&fixture, 1, "delete element ip kube_vip_v4 egress_addrs { 10.0.0.1 }")?;
    expect_diff(&fixture, 1, "add element ip kube_vip_v4 egress_addrs { 10.0.0.2")
}

pub(crate) fn a_foreign_change_of_the_table_shows_up_in_diff() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.stop()?;
    fixture.lab.node().nft("add rule ip kube_vip_v4 egress_postrouting limit rate 1/second\n")?;
    expect_diff(&fixture, 1, "# foreign: rule 7 of chain egress_postrouting in table ip kube_vip_v4")?;
    expect_diff(&fixture, 1, "flush chain ip kube_vip_v4 egress_postrouting")
}

pub(crate) fn status_counts_connections_and_survives_an_elements_change() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let first = connections(&fixture)?;
    ensure!(first > 0, "run_until_translated made a connection");
    call(&fixture, 3)?;
    expect_connections(&fixture, first + 3)?;

    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    thread::sleep(MAX_SURVEY_AGE);
    let moved = connections(&fixture)?;
    ensure!(moved > first + 3, "the changed element began at 0: {moved} after {first} and 3");
    call(&fixture, 2)?;
    expect_connections(&fixture, moved + 2)?;
    egressd.stop()
}

pub(crate) fn status_counts_only_what_a_chain_translates() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write(&web().annotation("egress-allowed-networks", "172.18.0.0/16"))?;
    let egressd = fixture.run_until_translated()?;
    let before = connections(&fixture)?;
    call(&fixture, 2)?;
    let elsewhere = lab::addresses::OTHER_OUTSIDE_V4;
    fixture.lab.expect_seen(fixture.selected(), elsewhere, Protocol::Tcp, fixture.selected().v4())?;
    expect_connections(&fixture, before + 2)?;
    egressd.stop()
}

pub(crate) fn status_shows_state_policy_and_owner() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let (code, printed) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(code == Some(0), "{code:?}: {printed}");
    for part in ["table ip kube_vip_v4: owned by ", "default/web", "translating", &WEB_V4.to_string(), "annotations"] {
        ensure!(printed.contains(part), "{part:?} is missing:\n{printed}");
    }
    for (form, part) in [
        ("name", "service/default/web\n"),
        ("wide", "ENDPOINT ADDRESSES"),
        ("yaml", "apiVersion: egressd.io/v1alpha1\n"),
        ("json", "\"kind\": \"Status\""),
    ] {
        let (_, printed) = program().status(&fixture.lab, &fixture.manifests, &["-o", form])?;
        ensure!(printed.contains(part), "{part:?} is missing:\n{printed}");
    }
    egressd.stop()
}

pub(crate) fn status_reports_that_no_egressd_runs() -> Result<()> {
    let fixture = Fixture::with_web()?;
    expect_no_egressd(&fixture)?;
    // The dead process leaves its socket behind, and the next one replaces it.
    fixture.run_until_translated()?.kill()?;
    expect_no_egressd(&fixture)?;
    let egressd = fixture.run_until_translated()?;
    wait_until("status answers", lab::DEADLINE, || {
        Ok(program().status(&fixture.lab, &fixture.manifests, &[])?.0 == Some(0))
    })?;
    egressd.stop()
}

pub(crate) fn a_node_is_ready_when_its_first_round_is_in_force() -> Result<()> {
    let fixture = Fixture::with_web()?;
    // It waits for this one to let go of the tables.
    let first = fixture.run_until_translated()?;
    let mut egressd = watched(&fixture)?;
    egressd.wait_until("it is alive", || {
        Ok(get(&fixture.lab, "/livez").is_ok_and(|(status, _)| status.contains("200")))
    })?;
    let (status, why) = get(&fixture.lab, "/readyz")?;
    ensure!(status.contains("503") && why.starts_with("nothing is in force yet"), "{status}: {why}");
    first.stop()?;
    egressd.wait_until("it is ready", || Ok(get(&fixture.lab, "/readyz")?.0.contains("200")))?;
    fixture.lab.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    egressd.stop()
}

pub(crate) fn metrics_parse_and_count() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = watched(&fixture)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    let (status, text) = get(&fixture.lab, "/metrics")?;
    ensure!(status.contains("200") && text.starts_with("# HELP "), "{status}\n{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        value.with_context(|| format!("no number: {line}"))?;
    }
    for part in [
        "egressd_services{state=\"translating\"} 1\n",
        "egressd_endpoints 1\n",
        "egressd_elements{family=\"ipv4\",map=\"egress_addrs\"} 1\n",
        "egressd_connections_total{namespace=\"default\",service=\"web\"} ",
        "egressd_commits_total ",
        "egressd_policy_evaluations_total{policy=\"annotations\"} ",
        "egressd_build_info{version=",
    ] {
        ensure!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    egressd.stop()
}

/// P10.
pub(crate) fn a_second_egressd_reports_who_owns_the_table() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let first = fixture.run_until_translated()?;
    let mut second = fixture.run()?;
    let code = second.ended()?;
    let printed = second.log();
    ensure!(code == Some(1) && printed.contains("owns the table"), "{code:?}: {printed}");
    first.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    first.stop()
}

/// P10.
pub(crate) fn egress_clean_replaces_a_foreign_table() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.lab.node().nft("add table ip kube_vip_v4\nadd chain ip kube_vip_v4 theirs\n")?;
    let mut refused = fixture.run()?;
    ensure!(refused.ended()? == Some(1), "{}", refused.log());
    expect_reason(&refused.log(), &["table ip kube_vip_v4", "kube-vip", "instance_name", "egress_clean", "beside.md"])?;

    let mut egressd = program().run_with(&fixture.lab, &fixture.manifests, &["--egress-clean"])?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    ensure!(!fixture.lab.node().ruleset()?.contains("theirs"), "{}", fixture.lab.node().ruleset()?);
    expect_diff(&fixture, 0, "no differences")?;
    egressd.stop()
}

/// The last line of a log: what Kubernetes shows of a container that ended, when it takes the reason from there.
fn expect_reason(log: &str, parts: &[&str]) -> Result<()> {
    let last = log.lines().last().unwrap_or_default();
    let missing = parts.iter().find(|part| !last.contains(*part));
    ensure!(last.starts_with("egressd: ") && missing.is_none(), "the last line has no {missing:?}:\n{log}");
    ensure!(last.len() < 512, "the last line has {} bytes:\n{last}", last.len());
    Ok(())
}

pub(crate) fn two_thousand_services_are_in_force_readable_and_without_difference() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write_text("many.yaml", &many(2_000)?)?;
    let egressd = fixture.run_until_translated()?;
    expect_diff(&fixture, 0, "no differences")?;
    let rules = fixture.lab.node().ruleset()?;
    // Each pod is outside of the known networks, so it has elements for private destinations too.
    let translates = |element: &&str| element.contains("comment \"many/s") && element.contains(" : 11.0.0.3");
    let readable = rules.split(',').filter(translates).count();
    ensure!(
        readable == 6_000,
        "{readable} elements say whose they are\n{}",
        rules.chars().take(3_000).collect::<String>()
    );
    let (code, printed) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(code == Some(0) && printed.contains("many/s1999"), "{printed}");
    egressd.stop()
}

/// Services `many/s0` and so on, each with three endpoints: more elements than one batch of a cold start has.
fn many(count: usize) -> Result<String> {
    let mut text = String::new();
    for i in 0..count {
        let pods: Vec<String> =
            (0..3).map(|k| i * 3 + k + 512).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect();
        let list = pods.iter().map(|pod| format!("{{addresses: [{pod}], nodeName: node-1}}")).collect::<Vec<_>>();
        write!(
            text,
            "---\n{{apiVersion: v1, kind: Service, metadata: {{namespace: many, name: s{i}, annotations: \
             {{kube-vip.io/egress: \"true\"}}}}, spec: {{type: LoadBalancer}}, \
             status: {{loadBalancer: {{ingress: [{{ip: 11.0.0.3}}]}}}}}}\n\
             ---\n{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: \
             {{namespace: many, name: s{i}-x, labels: {{kubernetes.io/service-name: s{i}}}}}, endpoints: [{}]}}\n",
            list.join(", ")
        )?;
    }
    Ok(text)
}

fn watched(fixture: &Fixture) -> Result<Egressd<'_>> {
    program().run_with(&fixture.lab, &fixture.manifests, &["--http", &HTTP.to_string()])
}

pub(crate) fn get(lab: &Lab, path: &str) -> Result<(String, String)> {
    lab.node().http(HTTP, path)
}

fn expect_diff(fixture: &Fixture, code: i32, text: &str) -> Result<()> {
    let (found, printed) = program().diff(&fixture.lab, &fixture.manifests)?;
    ensure!(found == Some(code) && printed.contains(text), "expected {code} and {text:?}, got {found:?}:\n{printed}");
    Ok(())
}

fn expect_no_egressd(fixture: &Fixture) -> Result<()> {
    let (code, printed) = program().status(&fixture.lab, &fixture.manifests, &[])?;
    ensure!(
        code == Some(1) && printed.contains("no egressd answers on") && printed.lines().count() == 1,
        "{code:?}: {printed}"
    );
    Ok(())
}

fn call(fixture: &Fixture, times: usize) -> Result<()> {
    (0..times).try_for_each(|_| fixture.lab.seen_from(fixture.selected(), OUTSIDE_V4, Protocol::Tcp).map(drop))
}

/// A survey is up to half a second old.
fn expect_connections(fixture: &Fixture, expected: u64) -> Result<()> {
    wait_until(
        &format!("status counts {expected} connections"),
        lab::DEADLINE,
        || Ok(connections(fixture)? == expected),
    )
}

fn connections(fixture: &Fixture) -> Result<u64> {
    let (_, printed) = program().status(&fixture.lab, &fixture.manifests, &["--output", "json"])?;
    let line = printed.lines().find(|line| line.contains("\"connections\":")).context(printed.clone())?;
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().context(printed)
}
