//! Attacks of local users and writers of files on a running egressd: they affect neither packets nor the requests of
//! others.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use lab::addresses::{NODE_NAME, OUTSIDE_V4};
use lab::{Egressd, Lab, Protocol, wait_until};
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};
use crate::tools::{HTTP, get};

/// The output of `probe`, which has to exit with this code.
fn probe(fixture: &Fixture, question: &str, code: i32) -> Result<String> {
    let mut printed = String::new();
    wait_until(&format!("`probe {question}` ends with {code}"), lab::DEADLINE, || {
        let (found, output) = program().probe(&fixture.lab, &fixture.manifests, &[question])?;
        printed = output;
        Ok(found == Some(code))
    })?;
    Ok(printed)
}

fn status(fixture: &Fixture) -> Result<String> {
    Ok(program().status(&fixture.lab, &fixture.manifests, &[])?.1)
}

/// As the kubelet probes a container.
pub(crate) fn a_probe_says_whether_egressd_is_live_and_ready() -> Result<()> {
    let fixture = Fixture::with_web()?;
    for question in ["live", "ready"] {
        let printed = probe(&fixture, question, 1)?;
        let expected = "egressd: cannot connect: no egressd answers on ";
        ensure!(printed.starts_with(expected) && printed.lines().count() == 1, "{printed}");
    }
    // As long as another one has the table, it is live and not ready.
    let first = elsewhere(&fixture)?;
    let second = fixture.run()?;
    ensure!(probe(&fixture, "live", 0)?.is_empty(), "a probe that ends well prints nothing");
    let printed = probe(&fixture, "ready", 1)?;
    ensure!(printed.starts_with("egressd: egressd is not ready: nothing is in force yet"), "{printed}");
    first.stop()?;
    probe(&fixture, "ready", 0)?;
    second.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    second.stop()
}

/// An egressd of the same tables that answers elsewhere, and translates.
fn elsewhere(fixture: &Fixture) -> Result<Egressd<'_>> {
    let (manifests, state) = (fixture.manifests.path(), fixture.manifests.state());
    let directories = [manifests, state].map(|path| path.to_string_lossy().into_owned());
    let [manifests, state] = directories.each_ref().map(String::as_str);
    let arguments = ["run", "--node", NODE_NAME, "--manifests", manifests, "--state-dir", state];
    let mut egressd = program().begin(&fixture.lab, &arguments)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    Ok(egressd)
}

pub(crate) fn a_port_that_is_taken_is_reported_and_served_once_it_is_free() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let taken = fixture.lab.node().namespace.run(|| TcpListener::bind(HTTP))??;
    let mut egressd = watched(&fixture)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.wait_until_log_has("cannot listen for HTTP on 127.0.0.1:9808: Address already in use")?;
    probe(&fixture, "ready", 0)?;
    let shown = status(&fixture)?;
    ensure!(shown.contains("[http-not-served]"), "{shown}");
    drop(taken);
    egressd.wait_until("metrics are served", || Ok(get(&fixture.lab, "/metrics").is_ok()))?;
    let (shown, metrics) = (status(&fixture)?, get(&fixture.lab, "/metrics")?.1);
    ensure!(!shown.contains("http-not-served") && !metrics.contains("http-not-served"), "{shown}\n{metrics}");
    egressd.stop()
}

/// Another program cleaned /run.
pub(crate) fn a_socket_that_is_removed_is_made_again() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run()?;
    probe(&fixture, "ready", 0)?;
    fs::remove_file(fixture.manifests.socket_of(NODE_NAME))?;
    probe(&fixture, "ready", 1)?;
    probe(&fixture, "ready", 0)?;
    egressd.stop()
}

/// Two instances with the same socket.
pub(crate) fn a_socket_that_is_taken_is_reported_and_served_once_it_is_free() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let first = fixture.run_until_translated()?;
    probe(&fixture, "ready", 0)?;
    let http = HTTP.to_string();
    let arguments = ["--http", &http, "--instance-name=other"];
    let mut other = program().run_with(&fixture.lab, &fixture.manifests, &arguments)?;
    other.wait_until_log_has("another egressd answers there")?;
    other.wait_until("metrics have the finding", || {
        Ok(get(&fixture.lab, "/metrics").is_ok_and(|(_, metrics)| metrics.contains("code=\"status-not-served\"} 1")))
    })?;
    first.stop()?;
    other.wait_until("it answers", || Ok(status(&fixture)?.contains("kube_vip_other_v4")))?;
    other.stop()
}

/// H7.
pub(crate) fn silent_connections_do_not_block_scrapers_and_probes() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = watched(&fixture)?;
    egressd.wait_until("metrics are served", || Ok(get(&fixture.lab, "/metrics").is_ok()))?;
    let silent = silent(&fixture.lab, 128)?;
    let (status, _) = get(&fixture.lab, "/metrics")?;
    ensure!(status.contains("200"), "{status}");
    probe(&fixture, "live", 0)?;
    drop(silent);
    egressd.stop()
}

/// Connections with an unfinished request.
fn silent(lab: &Lab, count: usize) -> Result<Vec<TcpStream>> {
    let silent = || {
        let mut stream = TcpStream::connect(HTTP)?;
        stream.write_all(b"GET /").map(|()| stream)
    };
    Ok(lab.node().namespace.run(|| (0..count).map(|_| silent()).collect::<std::io::Result<_>>())??)
}

/// H15: what has no end, or waits for another, holds up no edit; in its place a file is read.
pub(crate) fn a_special_file_among_the_manifests_is_named_and_delays_no_edit() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let at = |name: &str| fixture.manifests.path().join(name);
    mkfifoat(CWD, at("pipe.yaml"), Mode::RUSR | Mode::WUSR)?;
    symlink("/dev/zero", at("zero.yaml"))?;
    fs::File::create(at("huge.yaml"))?.set_len(1 << 40)?;
    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    let mut shown = String::new();
    egressd.wait_until("status names them", || {
        shown = status(&fixture)?;
        let named = ["pipe.yaml: it is a named pipe", "zero.yaml: it is a device", "huge.yaml: it has more than"];
        Ok(named.iter().all(|part| shown.contains(part)))
    })?;
    fs::remove_file(at("pipe.yaml"))?;
    fixture.manifests.write_text("pipe.yaml", "apiVersion: v1\nkind: List\nitems: []\n")?;
    egressd.wait_until("the pipe is gone", || Ok(!status(&fixture)?.contains("pipe.yaml")))?;
    egressd.stop()
}

/// P4: what cannot be read keeps its last good content, and is read as soon as it can be.
pub(crate) fn a_file_that_becomes_special_keeps_its_last_good_content() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let pipe = fixture.manifests.path().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR)?;
    fs::rename(pipe, fixture.manifests.path_of(&web()))?;
    egressd.wait_until("status names it", || Ok(status(&fixture)?.contains("; its last good state stays in force")))?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

/// H17.
pub(crate) fn egressds_state_is_private_also_after_an_earlier_release() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let state = fixture.manifests.state();
    let kept = [state.join("accepted"), state.join("drafts"), state.clone()];
    let modes = |paths: &[PathBuf]| -> Result<Vec<u32>> {
        paths.iter().map(|path| Ok(fs::metadata(path)?.mode() & 0o777)).collect()
    };
    fixture.run_until_translated()?.stop()?;
    ensure!(modes(&kept)? == [0o600, 0o600, 0o700], "made with {:?}", modes(&kept)?);
    for (path, mode) in kept.iter().zip([0o644, 0o644, 0o755]) {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    let mut egressd = fixture.run()?;
    egressd.wait_until("the modes are narrow", || Ok(modes(&kept)? == [0o600, 0o600, 0o700]))?;
    egressd.stop()
}

fn watched(fixture: &Fixture) -> Result<Egressd<'_>> {
    program().run_with(&fixture.lab, &fixture.manifests, &["--http", &HTTP.to_string()])
}
