//! Tells the story. Colours only on a terminal, and not where `NO_COLOR` is set.

use std::env;
use std::fmt::Display;
use std::io::{IsTerminal, stdout};

use anstyle::{AnsiColor, Style};

/// A voice.
pub(crate) struct Narrator {
    bold: Style,
    faint: Style,
    good: Style,
    bad: Style,
}

impl Narrator {
    pub(crate) fn for_this_terminal() -> Self {
        let colours = stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if !colours {
            return Self { bold: Style::new(), faint: Style::new(), good: Style::new(), bad: Style::new() };
        }
        Self {
            bold: Style::new().bold(),
            faint: Style::new().dimmed(),
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default(),
        }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("{}\n", paint(self.bold, text));
    }

    pub(crate) fn say(&self, text: &str) {
        println!("{text}");
    }

    /// The next thing that happens.
    pub(crate) fn step(&self, text: &str) {
        println!("\n{}", paint(self.bold, text));
    }

    /// What one would type.
    pub(crate) fn command(&self, line: &str) {
        println!("  {}", paint(self.faint, format!("$ {line}")));
    }

    /// A file, or what a command printed.
    pub(crate) fn text(&self, text: &str) {
        for line in text.lines() {
            println!("  {}", paint(self.faint, format!("| {}", line.replace('\t', "    "))));
        }
    }

    /// Something that was checked.
    pub(crate) fn fine(&self, text: &str) {
        println!("  {} {text}", paint(self.good, "ok"));
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        paint(self.bad, text)
    }

    pub(crate) fn end(&self) {
        println!("\n{}", paint(self.bold, "That is all of it"));
        println!("  Annotate a Service, and the pods behind it leave the cluster with the Service's own address,");
        println!("  whatever node they run on and whatever the CNI does. Firewalls outside can rely on that address.");
        println!("  Inside the cluster nothing changes. Delete the Service, and nothing is left of it.");
        println!("  Every line marked {} was a real packet or a real rule, checked.", paint(self.good, "ok"));
    }
}

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
