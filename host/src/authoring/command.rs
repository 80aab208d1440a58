//! `egressd policy`: from what was typed to the tool, and what it prints.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use egressd_core::finding::Severity;
use egressd_core::net::MarkBit;
use egressd_core::ruleset::Priority;

use super::cases::{self, Tested};
use super::check::{self, checked, engine};
use super::scenario::{ManifestScenario, narrowed};
use super::{bench, build, compare, new, pack};
use crate::admin::output::{self, Columns, Paint};
use crate::cli::{self, Bench, DiffPolicies, Input, Instance, New, Pack, PolicyCommand, RunPolicy, Source};
use crate::config::{self, Config};
use crate::out::stderr;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All is well, or nothing changes.
    Fine,
    /// A case fails, a finding is an error, or something changes.
    Otherwise,
}

/// Does what was typed.
///
/// # Errors
/// When it cannot be done, or the policy is none that egressd takes.
pub fn carry_out(command: &PolicyCommand, out: &mut dyn Write, paint: Paint) -> Result<Answer> {
    match command {
        PolicyCommand::New(args) => make(args, out).map(|()| Answer::Fine),
        PolicyCommand::Build(args) => {
            let (file, bytes) = build::build(&args.dir, args.output.as_deref())?;
            writeln!(out, "{}: {bytes} bytes", file.display())?;
            Ok(Answer::Fine)
        }
        PolicyCommand::Check(args) => {
            check::print(out, &checked(&engine()?, &args.file, args.settings.as_deref())?)?;
            Ok(Answer::Fine)
        }
        PolicyCommand::Test(args) => Ok(match cases::test(&args.dir, args.component.as_deref(), out)? {
            Tested::AllWell => Answer::Fine,
            Tested::SomeFail => Answer::Otherwise,
        }),
        PolicyCommand::Run(args) => run(args, out, paint),
        PolicyCommand::Bench(args) => measure(args, out).map(|()| Answer::Fine),
        PolicyCommand::Pack(args) => print_packed(args, out).map(|()| Answer::Fine),
        PolicyCommand::Diff(args) => difference(args, out),
    }
}

fn make(args: &New, out: &mut dyn Write) -> Result<()> {
    let root = new::new(Path::new(""), &args.name, args.kind)?;
    let root = root.display();
    writeln!(out, "{root} is made: `cd {root}`, then `cargo test` and `egressd policy build`; see {root}/README.md")?;
    Ok(())
}

fn run(args: &RunPolicy, out: &mut dyn Write, paint: Paint) -> Result<Answer> {
    let policy = checked(&engine()?, &args.component.file, args.component.settings.as_deref())?;
    let scene = scene(&args.scene)?;
    let key = args.service.as_deref().map(|name| scene.service(name)).transpose()?;
    let mut report = scene.with(&policy)?;
    if let Some(key) = key {
        report = narrowed(report, &key);
    }
    check::print_contract(out, policy.inspection.contract)?;
    output::table(out, &report, Columns::Usual, paint)?;
    Ok(if output::worst(&report) == Some(Severity::Error) { Answer::Otherwise } else { Answer::Fine })
}

fn measure(args: &Bench, out: &mut dyn Write) -> Result<()> {
    let engine = engine()?;
    let policy = checked(&engine, &args.component.file, args.component.settings.as_deref())?;
    bench::bench(&engine, &policy, args, out)?;
    Ok(())
}

fn print_packed(args: &Pack, out: &mut dyn Write) -> Result<()> {
    let policy = checked(&engine()?, &args.component.file, args.component.settings.as_deref())?;
    let packed = pack::pack(&policy, args)?;
    write!(out, "{}", packed.yaml)?;
    if let Some(hint) = packed.hint {
        writeln!(stderr(), "egressd: {hint}")?;
    }
    Ok(())
}

fn difference(args: &DiffPolicies, out: &mut dyn Write) -> Result<Answer> {
    let engine = engine()?;
    let old = checked(&engine, &args.old, args.settings.as_deref())?;
    let mut new = checked(&engine, &args.new, args.new_settings.as_deref().or(args.settings.as_deref()))?;
    // The new version is the same policy, whatever it calls itself.
    new.description.name.clone_from(&old.description.name);
    let scene = scene(&args.scene)?;
    let (before, after) = (scene.with(&old)?, scene.with(&new)?);
    Ok(if compare::print(out, &before, &after)? == 0 { Answer::Fine } else { Answer::Otherwise })
}

/// A directory as `plan` would read it on a node that holds every address and remembers nothing.
fn scene(args: &cli::ManifestArgs) -> Result<ManifestScenario> {
    Ok(ManifestScenario::read(config(args)?, args.manifests.clone(), args.order)?)
}

fn config(args: &cli::ManifestArgs) -> Result<Config> {
    let cli::ManifestArgs { manifests, node, namespace, order: _, networks, annotations } = args;
    config::config(&Input {
        source: Source {
            manifests: vec![manifests.clone()],
            published: cli::Published::default(),
            kubeconfig: None,
            trust_address_annotation: false,
            node: node.clone(),
            namespace: namespace.clone(),
            owner: cli::Owner::Any,
            shared_addresses: cli::SharedAddresses::Allow,
            on_unavailable: cli::OnUnavailable::Pass,
            on_change: cli::OnChange::Keep,
            unknown_pods: cli::UnknownPods::Pass,
            pods: cli::Pods::Ignore,
            detect_networks: cli::DetectNetworks::Nodes,
            announcements: cli::Announcements::Ignore,
            state_dir: PathBuf::new(),
            table_layout: None,
            priority: Priority::DEFAULT.number(),
            mark_mask: MarkBit::DEFAULT.mask(),
        },
        networks: networks.clone(),
        annotations: annotations.clone(),
        policies: cli::Policies::default(),
        instance: Instance { instance_name: None },
        limits: cli::Limits::default(),
    })
}
