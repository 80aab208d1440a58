//! `kubectl` prints what the pages show.

use anyhow::{Context, Result};
use lab::cluster::{Cluster, POLICIES, json_of};
use lab::manifest::policy;
use lab::wait_until;

use crate::fixture::{annotate, cluster, run};

const PAGE: &str = include_str!("../../docs/operate.md");

/// What the page for operators shows is what `kubectl` prints, column by column, but for ages.
pub(crate) fn kubectl_shows_what_the_page_for_operators_promises() -> Result<()> {
    let cluster = cluster()?;
    let pod = cluster.lab.pod(1);
    cluster.create_pod("web-1", "web", pod)?;
    // Both families are reported at once.
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
struct CommandExample {
    command: &'static str,
    lines: Vec<&'static str>,
}

/// The examples on the page, in their order. Omitted lines are shown there as three dots.
fn promised<const COUNT: usize>() -> Result<[CommandExample; COUNT]> {
    let blocks = PAGE.split("```text\n$ kubectl ").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let shown = blocks.filter_map(|(block, _)| block.split_once('\n')).map(|(command, lines)| CommandExample {
        command,
        lines: lines.lines().filter(|line| *line != "...").collect(),
    });
    let shown: Vec<CommandExample> = shown.collect();
    let found = shown.len();
    shown.try_into().ok().with_context(|| format!("docs/operate.md shows {found} commands, not {COUNT}"))
}

fn expect_shown(cluster: &Cluster, shown: &CommandExample) -> Result<()> {
    let arguments: Vec<&str> = shown.command.split(' ').collect();
    let mut printed = String::new();
    let waited = wait_until(&format!("kubectl {} shows what is promised", shown.command), lab::DEADLINE, || {
        printed = cluster.kubectl(&arguments)?;
        let has = |line: &&str| printed.lines().any(|one| columns(one).eq(columns(line)));
        Ok(shown.lines.iter().all(has))
    });
    waited.with_context(|| format!("promised:\n{}\nprinted:\n{printed}", shown.lines.join("\n")))
}

/// Without ages, such as `5s`, and however wide a column is.
fn columns(line: &str) -> impl Iterator<Item = &str> {
    let is_age = |column: &str| {
        let number = column.trim_end_matches(')').strip_suffix(['s', 'm', 'h']);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    line.split_whitespace().filter(move |column| !is_age(column))
}
