//! `docs/write-a-policy.md`, followed to the letter in a fresh directory: every block of commands in its order, and
//! what it prints where the page says so. Packets then show that only the one port is translated.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::{Lab, Protocol, Seen, wait_until};

use crate::fixture::WEB_V4;

/// The port of the page, and another one.
const TRANSLATED: u16 = 443;
const UNTRANSLATED: u16 = 80;

/// Where cargo keeps what it compiles on the way to a result: the tests of policies share it, so that what every policy
/// depends on is compiled once.
const INTERMEDIATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/guests");

/// A fenced block: the language, and the lines.
type Block<'a> = (&'a str, String);

/// A reader of the page: commands are typed on the lab's node, each block where the one before it ended.
struct Reader<'lab> {
    lab: &'lab Lab,
    home: PathBuf,
    /// The directory in which the last block ended.
    at: PathBuf,
}

/// `egressd run`, killed at the end of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is as good.
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

impl<'lab> Reader<'lab> {
    fn new(lab: &'lab Lab) -> Result<Self> {
        // At the same place each time: what cargo keeps of this crate is then replaced, and does not pile up. Empty, so
        // that nothing of it counts as built: another test's policy has the same name.
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        Ok(Self { lab, at: home.clone(), home })
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = self.lab.node().namespace.command("bash");
        let binary = Path::new(env!("CARGO_BIN_EXE_egressd"));
        let bin = binary.parent().unwrap_or(binary).display();
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-e", "-c", script]).current_dir(&self.at).env("PATH", format!("{bin}:{path}:/usr/sbin:/sbin"));
        // What the crates need was fetched when this workspace was built, and compiled for other policies.
        command.env("CARGO_NET_OFFLINE", "true").env("CARGO_BUILD_BUILD_DIR", INTERMEDIATE);
        command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        command
    }

    /// Runs a block; returns its output.
    fn types(&mut self, block: &str) -> Result<String> {
        let end = self.home.join("end");
        let output = self.shell(&format!("{block}\npwd > '{}'", end.display())).output()?;
        let [printed, complaint] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        ensure!(output.status.success(), "{block}failed ({}):\n{printed}{complaint}", output.status);
        self.at = fs::read_to_string(end)?.trim_end().into();
        Ok(printed)
    }

    fn leaves_running(&self, block: &str) -> Result<Running> {
        let log = File::create(self.home.join("log"))?;
        let mut command = self.shell(&format!("exec {block}"));
        let child = command.stdout(Stdio::null()).stderr(log).spawn().context("cannot start egressd run")?;
        Ok(Running(child))
    }

    fn wait_until_seen(&self, port: u16, expected: impl Into<Seen>) -> Result<()> {
        let expected = expected.into();
        let is_seen = || Ok(self.lab.seen_from(self.lab.pod(1), (OUTSIDE_V4, port), Protocol::Tcp)? == expected);
        let log = || fs::read_to_string(self.home.join("log")).unwrap_or_default();
        wait_until(&format!("port {port} is seen as {expected}"), lab::DEADLINE, is_seen).with_context(log)
    }
}

/// P1, P7: from `egressd policy new` to translated packets.
pub(crate) fn following_the_page_translates_one_port_and_no_other() -> Result<()> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/write-a-policy.md"))?;
    let blocks = blocks(&page);
    let lab = Lab::new()?;
    let mut reader = Reader::new(&lab)?;
    let mut running = None;
    for (index, (_, block)) in blocks.iter().enumerate().filter(|(_, (language, _))| *language == "sh") {
        if block.starts_with("egressd run ") {
            running = Some(reader.leaves_running(block)?);
            // In shadow mode it changes nothing.
            reader.wait_until_seen(UNTRANSLATED, WEB_V4)?;
            reader.wait_until_seen(TRANSLATED, WEB_V4)?;
            continue;
        }
        let printed = reader.types(block)?;
        if let Some((_, expected)) = blocks.get(index + 1).filter(|(language, _)| *language == "text") {
            ensure!(printed == *expected, "{block}prints, and not what the page says:\n{printed}");
        }
    }
    ensure!(running.is_some(), "the page runs egressd");
    reader.wait_until_seen(UNTRANSLATED, lab.pod(1).v4())?;
    reader.wait_until_seen(TRANSLATED, WEB_V4)
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let parts: Vec<&str> = page.split("```").collect();
    // Between an opening fence and the next one.
    let inside = parts.iter().skip(1).step_by(2).filter_map(|part| part.split_once('\n'));
    inside.map(|(language, text)| (language, text.to_owned())).collect()
}
