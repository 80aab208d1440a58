//! Prints the steps. Colours only on a terminal, and not where `NO_COLOR` is set.

use std::env;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stdout};

use anstyle::{AnsiColor, Style};

/// Prints titles, steps, commands and results.
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
        print(format_args!("{}\n", paint(self.bold, text)));
    }

    pub(crate) fn say(&self, text: &str) {
        print(text);
    }

    pub(crate) fn step(&self, text: &str) {
        print(format_args!("\n{}", paint(self.bold, text)));
    }

    /// A command as a user would type it.
    pub(crate) fn command(&self, line: &str) {
        print(format_args!("  {}", paint(self.faint, format!("$ {line}"))));
    }

    /// A file, or what a command printed.
    pub(crate) fn text(&self, text: &str) {
        for line in text.lines() {
            print(format_args!("  {}", paint(self.faint, format!("| {}", line.replace('\t', "    ")))));
        }
    }

    /// A result that was checked.
    pub(crate) fn fine(&self, text: &str) {
        print(format_args!("  {} {text}", paint(self.good, "ok")));
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        paint(self.bad, text)
    }

    pub(crate) fn end(&self) {
        print(format_args!("\n{}", paint(self.bold, "That is all of it")));
        print("  Annotate a Service, and the pods behind it leave the cluster with the Service's own address,");
        print("  on the node that has it. Firewalls outside can rely on that address.");
        print("  Inside the cluster nothing changes. Delete the Service, and nothing is left of it.");
        print(format_args!(
            "  Every line marked {} was a real packet or a real rule, checked.",
            paint(self.good, "ok")
        ));
    }
}

/// An error is ignored: stdout may be closed, as it is by `head`; the checks go on.
fn print(text: impl Display) {
    let _ = writeln!(stdout(), "{text}");
}

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
