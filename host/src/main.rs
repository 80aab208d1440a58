//! The program `egressd`: logging, signals, exit codes.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use egressd::admin::admin_server::{AdminServer, Listeners};
use egressd::admin::clean::{self, Action, CleanOutcome, Job, NewerLayout, Parts, Scope};
use egressd::admin::document::{Document, Inside};
use egressd::admin::explain;
use egressd::admin::manual;
use egressd::admin::oneshot::{self, Known, Report};
use egressd::admin::output;
use egressd::admin::print;
use egressd::admin::status_socket;
use egressd::authoring::{self, Answer};
use egressd::cli::{
    CleanArgs, Cli, Command, Input, LogFormat, PlanArgs, PolicyCommand, ProbeArgs, Question, Run, StatusArgs,
};
use egressd::cni;
use egressd::config::{self, Config};
use egressd::daemon::evaluator::Evaluator;
use egressd::daemon::heap;
use egressd::daemon::{Daemon, Observers, Start, Threads, unless};
use egressd::errors::with_causes;
use egressd::instances::lock::{Lock, LockDir};
use egressd::instances::orphans;
use egressd::kernel::addresses::{self, Addresses, Observer};
use egressd::kernel::bystanders;
use egressd::kernel::flows::FlowsThread;
use egressd::kernel::nft::{KernelThread, Netlink, Notifications};
use egressd::kernel::tunnel::{KernelTunnel, TunnelThread};
use egressd::kernel::xfrm::{Policies, XfrmThread};
use egressd::log::Form;
use egressd::metrics::Metrics;
use egressd::neighbours;
use egressd::pod_wait::pod_waits;
use egressd::policies::{Library, Loader, Sandbox};
use egressd::rights::Publish;
use egressd::source::Source;
use egressd::source::handover::handover;
use egressd::state::{DiskReport, Sources, StateDir};
use egressd::state_channel::notices::Notices;
use egressd::state_channel::{StateReader, state_channel};
use egressd::{out, publish, wasm};
use egressd_core::chain::Chain;
use egressd_core::compile::Instance;
use egressd_core::finding::Severity;
use egressd_core::node::Adapter as _;
use egressd_core::pipeline::Settings;
use egressd_core::policy::Limits;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// For `plan` with findings of severity error, and for everything that failed. Wrong usage is clap's 2.
const FAILED: u8 = 1;

/// For `diff`: as with diff(1), trouble is 2.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    // No command of clap's, which would suggest it to people who mistype another one.
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|name| cni::is_plugin(&name)) {
        return cni::run();
    }
    if arguments.next().is_some_and(|first| first == wasm::SUBCOMMAND) {
        return wasm::compile_child(arguments.next().and_then(|bytes| bytes.to_str()?.parse().ok()));
    }
    let command = Cli::typed().command;
    let compares =
        matches!(command, Command::Diff(_) | Command::Policy(PolicyCommand::Diff(_) | PolicyCommand::Test(_)));
    let failed = if compares { TROUBLE } else { FAILED };
    let done = match command {
        // Every few seconds on each node: it begins nothing that it does not need.
        Command::Probe(args) => probe(&args).map(|()| ExitCode::SUCCESS),
        Command::Run(run) => self::run(&run).map(|()| ExitCode::SUCCESS),
        Command::Plan(args) => plan(&args),
        Command::Diff(args) => difference(&args),
        Command::Status(args) => status(&args).map(|()| ExitCode::SUCCESS),
        Command::Clean(args) => clean(&args),
        Command::Cni(args) => cni::install::run(&args, stop),
        Command::ExplainCode(args) => explain::print(&mut out::stdout(), &args).map(|()| ExitCode::SUCCESS),
        Command::Completion { shell } => manual::completion(&mut out::stdout(), shell).map(|()| ExitCode::SUCCESS),
        Command::Policy(command) => policy(&command),
        Command::Man { dir } => manual::man(&dir).map(|()| ExitCode::SUCCESS),
        Command::Version => writeln!(out::stdout(), "egressd {}", env!("CARGO_PKG_VERSION"))
            .context("cannot print the version")
            .map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        // No reader is left when stderr is closed.
        let _ = writeln!(out::stderr(), "egressd: {}", with_causes(&*error));
        ExitCode::from(failed)
    })
}

fn run(args: &Run) -> Result<()> {
    heap::begin();
    log(args.watching.log_format);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    runtime.block_on(follow(args))
}

fn log(format: LogFormat) {
    let form = match format {
        LogFormat::Text if out::stderr().is_terminal() => Form::Coloured,
        LogFormat::Text => Form::Plain,
        LogFormat::Json => Form::Json,
    };
    let given = std::env::var("EGRESSD_LOG").ok().filter(|filter| !filter.is_empty());
    if let Err(error) = egressd::log::begin(form, given.as_deref(), out::stderr) {
        warn!("cannot use EGRESSD_LOG, and {} is logged: {error}", egressd::log::DEFAULT_FILTER);
    }
}

async fn follow(args: &Run) -> Result<()> {
    // First, so that a signal is never met unprepared: a batch begun is a batch finished.
    let mut stop = pin!(stop()?);
    let mut config = configured(&args.input)?;
    let instance = config::instance(&args.input.instance)?;
    let locks = LockDir::new(&args.locks.lock_dir);
    let node = config.settings.node.clone();
    let publish = place(&config, config::publish(args.publish));
    let source = source(&mut config)?;
    let addresses = Addresses::follow()?;
    let listeners = listeners(args)?;
    let (metrics, notices) = (Metrics::default(), Notices::default());
    let state = open_privately(&config.state_dir, &listeners.socket, &args.locks.lock_dir, &notices);
    let threads = threads(&config.settings, config.policies, &metrics, &state).await?;
    let (sender, receiver) = handover();
    let orphans = look_around(&config, &instance, &locks, &notices)?;
    let (state_channel, reader) = state_channel(sender.findings(), notices.reader(), orphans.found());
    let (pod_waits, announced) = pod_waits();
    let admin_server = AdminServer {
        node: node.clone(),
        publish: publish.publish,
        tables: config.settings.tables.clone(),
        reader: reader.clone(),
        kernel: threads.kernel.clone(),
        metrics: metrics.clone(),
        orphans,
        notices: notices.clone(),
        pod_waits,
    };
    self::publish(&source, config.origin.publish_dir(), &reader, publish)?;
    admin_server.start(listeners).context("cannot start the thread that answers questions")?;
    let observers = Observers { state_channel, metrics, notices };
    let adopting = Daemon::take_over(config.settings, state, threads, start(args), observers);
    let Some(daemon) = unless(stop.as_mut(), adopting).await else { return Ok(()) };
    // While a newer egressd's table is waited for, nothing here stands against its removal.
    let _lives = hold(&locks, &instance);
    source.spawn(sender)?;
    info!(node, version = env!("CARGO_PKG_VERSION"), "running");
    daemon?.hearing(announced).run(receiver, addresses, stop).await
}

/// The settings; what is wrong with them or with this node, and no reason to end, is logged.
fn configured(input: &Input) -> Result<Config> {
    let config = config::to_follow(input)?;
    let bystanders = bystanders::findings().context("cannot look for other programs on this node")?;
    config.findings.iter().chain(&bystanders).for_each(|finding| warn!(code = %finding.code, "{}", finding.message));
    Ok(config)
}

fn start(args: &Run) -> Start {
    if args.egress_clean { Start::Replace } else { Start::Adopt }
}

/// Where Services come from. If that is an API server, it is inside the cluster.
fn source(config: &mut Config) -> Result<Source> {
    let source = Source::open(config.origin.clone(), &config.settings.node, config.namespace.clone())?;
    let source = source.remembering(Sources::of(&config.state_dir));
    config.settings.cluster.api_server.extend(source.api_server());
    Ok(source)
}

fn listeners(args: &Run) -> Result<Listeners> {
    let socket = config::socket(&args.watching.socket, &args.input.instance)?;
    Ok(Listeners { socket, http: args.watching.http })
}

/// What earlier processes had in force, and room for what comes.
fn library(settings: &Settings, limits: Limits, metrics: Metrics, state: &StateDir) -> Result<Library> {
    let library = Library::new(Sandbox::new()?, settings.prefix.clone(), metrics, state.policies());
    Ok(library.missing(state.lost_policies()).within(limits))
}

/// Opens the state directory. What earlier releases let other users do with our directories ends here.
fn open_privately(state: &Path, socket: &Path, locks: &Path, notices: &Notices) -> StateDir {
    notices.note("the state directory", StateDir::narrow(state));
    notices.note("the directory of the status socket", status_socket::narrow(socket));
    notices.note("the directory of locks", LockDir::new(locks).narrow());
    StateDir::open(state).reporting(disk_report(notices))
}

/// What is wrong with the disk of the state directory, as long as it is.
fn disk_report(notices: &Notices) -> DiskReport {
    let notices = notices.clone();
    DiskReport::new(move |topic, finding| notices.note(topic.name(), finding))
}

/// Starts what looks for tables of other egressds, and for what other programs put before our chain.
fn look_around(config: &Config, own: &Instance, locks: &LockDir, notices: &Notices) -> Result<orphans::OrphanWatch> {
    neighbours::follow(config.settings.tables.priority, notices.clone(), Netlink::open)
        .context("cannot start the thread that looks for other programs' chains")?;
    orphans::OrphanWatch::start(own.clone(), locks.clone(), Netlink::open)
        .context("cannot start the thread that looks for orphaned tables")
}

/// The threads that load policies, ask them, and change the kernel.
async fn threads(settings: &Settings, limits: Limits, metrics: &Metrics, state: &StateDir) -> Result<Threads> {
    let library = library(settings, limits, metrics.clone(), state)?;
    let loader = Loader::start(library).context("cannot start the thread that loads policies")?;
    let evaluator = Evaluator::start(Chain::default()).context("cannot start the thread of the policies")?;
    let kernel = KernelThread::spawn(Netlink::open).await?;
    let notifications = Notifications::follow(&kernel, &settings.tables).await?;
    let (xfrm, tunnel) = (XfrmThread::over(Policies::open).await?, TunnelThread::over(KernelTunnel::open).await?);
    let flows = FlowsThread::spawn().await?;
    Ok(Threads { kernel, notifications, xfrm, tunnel, flows, loader, evaluator })
}

/// Shows others that this egressd lives. Translating does not depend on it.
fn hold(locks: &LockDir, instance: &Instance) -> Option<Lock> {
    let held = locks.hold(instance).inspect_err(|error| {
        let found = error.finding();
        warn!(code = %found.code, "{}", found.message);
    });
    held.ok()
}

/// Where this node writes to the cluster, and how much.
fn place(config: &Config, publish: Publish) -> publish::PublishConfig {
    publish::PublishConfig {
        node: config.settings.node.clone(),
        namespace: config.namespace.clone(),
        prefix: config.settings.prefix.clone(),
        publish,
    }
}

/// Writes into the cluster, where there is one and it is to be written to; without one into a directory, where one is given.
fn publish(
    source: &Source,
    directory: Option<&Path>,
    reader: &StateReader,
    place: publish::PublishConfig,
) -> Result<()> {
    if let Some(directory) = directory {
        return publish_in(directory, reader, &place.node);
    }
    if matches!(source, Source::Manifests(_)) || place.publish == Publish::Nothing {
        return Ok(());
    }
    let runtime = publish::runtime().context("cannot start tokio")?;
    let client = match source.client(&runtime) {
        Ok(Some(client)) => client,
        other => {
            // Dropped here, inside another runtime, it would panic.
            runtime.shutdown_background();
            return other.map(drop).map_err(Into::into);
        }
    };
    publish::start(runtime, client, reader.clone(), place)
        .context("cannot start the thread that publishes to the cluster")
}

/// Writes this node's file into the directory in which the nodes of this machine publish themselves.
fn publish_in(directory: &Path, reader: &StateReader, node: &str) -> Result<()> {
    let directory = publish::Directory::new(directory.to_owned(), node.to_owned());
    publish::start_in(directory, reader.clone()).context("cannot start the thread that publishes this node")
}

/// Ends with SIGTERM (the kubelet) or SIGINT (a person).
fn stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn plan(args: &PlanArgs) -> Result<ExitCode> {
    let config = config::config(&args.input)?;
    let interfaces = config.settings.owner.looks_at_interfaces();
    // Where the owner does not depend on them, a plan can be made anywhere, and is the same everywhere.
    let interfaces = if interfaces { addresses::read()? } else { addresses::NodeInterfaces::default() };
    let report = report(config, interfaces)?;
    print::plan(&report, args.output).context("cannot print the plan")?;
    let failed = output::worst(&report) == Some(Severity::Error);
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// What `run` would make of its source now, on a node whose interfaces have this.
fn report(mut config: Config, interfaces: addresses::NodeInterfaces) -> Result<Report> {
    let mut source = source(&mut config)?;
    let state = StateDir::open(&config.state_dir);
    let networks = state.networks().cloned().unwrap_or_default();
    let known = Known {
        accepted: state.accepted(),
        drafts: state.drafts(),
        memory: state.memory(),
        policies: state.policies(),
        private: networks.private,
        own_pods: networks.own_pods,
        interfaces,
    };
    let mut library = library(&config.settings, config.policies, Metrics::default(), &state)?;
    let mut report = oneshot::plan(source.read()?, config.settings, known, &mut library);
    report.source_findings.splice(0..0, config.findings.into_iter().chain(state.findings()));
    Ok(report)
}

fn difference(input: &Input) -> Result<ExitCode> {
    let config = config::config(input)?;
    let tables = config.settings.tables.clone();
    let bit = config.settings.mark;
    let mut report = report(config, addresses::read()?)?;
    if let Some(fatal) = &report.round.fatal {
        bail!("cannot compare: `run` would not carry the plan out: {}", fatal.message);
    }
    // After the plan, which with many Services takes seconds: the daemon may be at work.
    let readback = Netlink::open()?.read_with_certainty(&tables)?;
    oneshot::mark_as_held(&mut report.round, &readback.state, tables, bit);
    let interfaces = Observer.read(&())?;
    let changes = oneshot::difference(&readback, &interfaces.state, &report.round);
    output::difference(&mut out::stdout(), &readback, &changes).context("cannot print the difference")?;
    let same = changes.is_empty() && readback.foreign.is_empty();
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn policy(command: &PolicyCommand) -> Result<ExitCode> {
    let mut out = out::stdout();
    let colours = print::paint(out.is_terminal());
    Ok(match authoring::carry_out(command, &mut out, colours)? {
        Answer::Fine => ExitCode::SUCCESS,
        Answer::Otherwise => ExitCode::from(FAILED),
    })
}

fn inside(args: &StatusArgs) -> Result<()> {
    let text = status_socket::inside(&config::socket(&args.socket, &args.instance)?)?;
    let all: Vec<Inside> = serde_json::from_str(&text).context("cannot read what egressd answered")?;
    print::inside(&all, args.output).context("cannot print what is inside")
}

fn status(args: &StatusArgs) -> Result<()> {
    if args.inside {
        return inside(args);
    }
    let text = status_socket::read(&config::socket(&args.socket, &args.instance)?)?;
    let document: Document = serde_json::from_str(&text).context("cannot read what egressd answered")?;
    print::status(&document, args.output).context("cannot print the status")
}

fn probe(args: &ProbeArgs) -> Result<()> {
    let question = match args.question {
        Question::Live => status_socket::Probe::Live,
        Question::Ready => status_socket::Probe::Ready,
    };
    Ok(status_socket::probe(&config::socket(&args.socket, &args.instance)?, question)?)
}

fn clean(args: &CleanArgs) -> Result<ExitCode> {
    let scope = if args.all { Scope::All } else { Scope::Own };
    let newer = if args.newer_layout { NewerLayout::Goes } else { NewerLayout::Stays };
    let locks = LockDir::new(&args.locks.lock_dir);
    let action = if args.dry_run { Action::Show } else { Action::Remove };
    let job = Job { own: config::instance(&args.instance)?, scope, newer, locks, action };
    let pass = move |spared: &BTreeSet<Instance>| Ok(job.clean(Netlink::open()?, Parts::open(), spared)?);
    if args.stay {
        let listeners = clean::Listeners { socket: config::socket(&args.socket, &args.instance)?, http: args.http };
        return stay(pass, listeners).map(|()| ExitCode::SUCCESS);
    }
    let report = pass(&BTreeSet::new())?;
    report.print(&mut out::stdout(), &mut out::stderr()).context("cannot print what was removed")?;
    Ok(match report.outcome() {
        CleanOutcome::Cleaned => ExitCode::SUCCESS,
        CleanOutcome::Incomplete => ExitCode::from(FAILED),
    })
}

fn stay(
    pass: impl Fn(&BTreeSet<Instance>) -> Result<clean::Report> + Clone + Send + 'static,
    listeners: clean::Listeners,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stop = stop()?;
        clean::stay(pass, listeners, stop).await
    })
}
