//! The page on the command line names every setting.

use std::collections::BTreeMap;
use std::fs;

use clap::{Command, CommandFactory};
use egressd::cli::{Cli, OTHER_NAMES};

use crate::root;

#[test]
fn the_page_on_the_command_line_has_every_setting_with_its_names() {
    let file = root().join("docs/commands.md");
    let page = fs::read_to_string(file).unwrap();
    let mut settings = BTreeMap::new();
    collect(&Cli::command(), &mut settings);
    assert!(settings.len() > 30, "{settings:?}");
    for (name, option) in settings {
        let other = OTHER_NAMES.into_iter().find(|(ours, _)| *ours == name).map(|(_, other)| format!("`{other}`"));
        let row = format!("| `--{option}` | `{name}` | {} |", other.unwrap_or_default()).replace("|  |", "| |");
        assert!(page.contains(&row), "this row is missing in docs/commands.md:\n{row}");
    }
}

/// The variables that a command and those below it read, each with its option.
fn collect(command: &Command, settings: &mut BTreeMap<String, String>) {
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        if let (Some(name), Some(option)) = (arg.get_env(), arg.get_long()) {
            settings.insert(name.to_string_lossy().into_owned(), option.to_owned());
        }
    }
    command.get_subcommands().for_each(|command| collect(command, settings));
}
