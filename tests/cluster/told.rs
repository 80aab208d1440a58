//! What the people of a cluster are told, in its own ways.

use anyhow::{Context, Result, ensure};
use lab::cluster::{Cluster, POLICIES, SERVICES, json_of};
use lab::manifest::policy;
use lab::wait_until;
use serde_json::Value;

use crate::stage::{WEB, annotate, cluster, expect_exact, expect_still, run};

const PAGE: &str = include_str!("../../docs/operate.md");

/// The Events about a Service in its present life: reason and note.
fn events(cluster: &Cluster, about: &str) -> Result<Vec<(String, String)>> {
    let service = cluster.api.get(&format!("{SERVICES}/{about}"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = cluster.api.list("/apis/events.k8s.io/v1/namespaces/default/events", "")?;
    let about = all.iter().filter(|event| event["regarding"]["uid"] == service["metadata"]["uid"]);
    Ok(about.map(|event| (text(&event["reason"]), text(&event["note"]))).collect())
}

/// Waits until an Event about `web` has this reason, and these words.
pub(crate) fn wait_for_event(cluster: &Cluster, reason: &str, words: &str) -> Result<()> {
    let mut last = Vec::new();
    let is_told = || {
        last = events(cluster, "web")?;
        Ok(last.iter().any(|(one, note)| one == reason && note.contains(words)))
    };
    wait_until(&format!("an Event {reason} says {words:?}"), lab::DEADLINE * 3, is_told)
        .with_context(|| format!("the Events are {last:?}"))
}

fn active_endpoint(cluster: &Cluster) -> Result<Value> {
    let service = cluster.api.get(&format!("{SERVICES}/web"))?;
    Ok(service["metadata"]["annotations"]["kube-vip.io/active-endpoint"].clone())
}

/// Annotations and Events; and once everything is told, nothing is written any more.
pub(crate) fn a_service_says_in_the_cluster_what_became_of_it() -> Result<()> {
    let cluster = cluster()?;
    let _egressd = run(&cluster)?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    wait_until("the active endpoint is published", lab::DEADLINE, || {
        Ok(active_endpoint(&cluster)? == pod.v4().to_string())
    })?;
    wait_for_event(&cluster, "Applied", &format!("translates {}", pod.v4()))?;
    expect_still(&cluster)?;
    annotate(&cluster, "web", "egress-destination-ports", Some("tcp:http"))?;
    wait_for_event(&cluster, "Invalid", "tcp:http")?;
    // What was accepted last stays in force.
    expect_exact(&cluster, &[(pod, WEB)])?;
    annotate(&cluster, "web", "egress-destination-ports", None)?;
    annotate(&cluster, "web", "egress", None)?;
    annotate(&cluster, "web", "egress-ipv6", None)?;
    expect_exact(&cluster, &[])?;
    wait_until("nothing is published any more", lab::DEADLINE, || Ok(active_endpoint(&cluster)?.is_null()))?;
    let told = events(&cluster, "web")?;
    ensure!(told.len() < 10, "a Service's life is no storm: {told:?}");
    expect_still(&cluster)
}

/// What the page for operators shows is what `kubectl` prints, word for word but for ages.
pub(crate) fn kubectl_shows_what_the_page_for_operators_promises() -> Result<()> {
    let cluster = cluster()?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    // Both families are told at once.
    cluster.wait_for_endpoints("web", &[pod.v4(), pod.v6()])?;
    let _egressd = run(&cluster)?;
    let [applied, invalid, again, refused] = promised()?;
    expect_shown(&cluster, &applied)?;
    annotate(&cluster, "web", "egress-destination-ports", Some("tcp:http"))?;
    expect_shown(&cluster, &invalid)?;
    annotate(&cluster, "web", "egress-destination-ports", None)?;
    expect_shown(&cluster, &again)?;
    cluster.api.create(POLICIES, &json_of(&policy("guard").wasm(b"a guard")))?;
    expect_shown(&cluster, &refused)
}

/// A command on the page, and the lines that it prints.
struct Shown {
    command: &'static str,
    lines: Vec<&'static str>,
}

/// The examples on the page, in their order. What is left out there is a line of three dots.
fn promised<const COUNT: usize>() -> Result<[Shown; COUNT]> {
    let blocks = PAGE.split("```text\n$ kubectl ").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let shown = blocks
        .filter_map(|(block, _)| block.split_once('\n'))
        .map(|(command, lines)| Shown { command, lines: lines.lines().filter(|line| *line != "...").collect() });
    let shown: Vec<Shown> = shown.collect();
    let found = shown.len();
    shown.try_into().ok().with_context(|| format!("docs/operate.md shows {found} commands, not {COUNT}"))
}

fn expect_shown(cluster: &Cluster, shown: &Shown) -> Result<()> {
    let arguments: Vec<&str> = shown.command.split(' ').collect();
    let mut printed = String::new();
    let waited = wait_until(&format!("kubectl {} shows what is promised", shown.command), lab::DEADLINE, || {
        printed = cluster.kubectl(&arguments)?;
        let has = |line: &&str| printed.lines().any(|one| words(one).eq(words(line)));
        Ok(shown.lines.iter().all(has))
    });
    waited.with_context(|| format!("promised:\n{}\nprinted:\n{printed}", shown.lines.join("\n")))
}

/// Without ages, such as `5s`, and however wide a column is.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_age = |word: &str| {
        let number = word.trim_end_matches(')').strip_suffix(['s', 'm', 'h']);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    line.split_whitespace().filter(move |word| !is_age(word))
}
