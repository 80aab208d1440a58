//! Names of settings in the environment. Each begins with `EGRESSD_`; what kube-vip or Kubernetes has as well is also read
//! by their name.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, Error};

/// Our name, and the other one.
pub const OTHER_NAMES: [(&str, &str); 7] = [
    ("EGRESSD_POD_NETWORKS", "egress_podcidr"),
    ("EGRESSD_SERVICE_NETWORKS", "egress_servicecidr"),
    ("EGRESSD_EGRESS_CLEAN", "egress_clean"),
    ("EGRESSD_INSTANCE_NAME", "instance_name"),
    ("EGRESSD_NODE", "NODE_NAME"),
    ("EGRESSD_NAMESPACE", "POD_NAMESPACE"),
    ("EGRESSD_KUBECONFIG", "KUBECONFIG"),
];

/// What a variable is set to.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The same command in this environment: settings are read by their other name where that one alone is set. A variable
/// that is set and empty counts as not set.
pub(super) fn with_variables(command: Command, variables: Variables) -> Command {
    command
        .mut_args(|arg| match variable(&arg) {
            Some(ours) => with_variable(arg, &ours, variables),
            None => arg,
        })
        .mut_subcommands(|command| with_variables(command, variables))
}

fn variable(arg: &Arg) -> Option<String> {
    arg.get_env().and_then(OsStr::to_str).map(str::to_owned)
}

fn with_variable(arg: Arg, ours: &str, variables: Variables) -> Arg {
    match other_name(ours, variables) {
        Some(other) => arg.env(other),
        None if variables(ours).is_some_and(|value| value.is_empty()) => arg.env(None::<&'static str>),
        None => arg,
    }
}

fn other_name(name: &str, variables: Variables) -> Option<&'static str> {
    let is_set = |name: &str| variables(name).is_some_and(|value| !value.is_empty());
    let (ours, other) = OTHER_NAMES.into_iter().find(|(ours, _)| *ours == name)?;
    (!is_set(ours) && is_set(other)).then_some(other)
}

/// The name by which a setting is read: ours, or the other one where that one alone is set.
pub fn name_in_use(ours: &'static str) -> &'static str {
    other_name(ours, &|name| env::var_os(name)).unwrap_or(ours)
}

/// The same error, which names the variable where the value comes from the environment.
pub(super) fn with_source(mut error: Error, command: &Command, arguments: impl Iterator<Item = OsString>) -> Error {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg).cloned() else { return error };
    // What is typed is checked first, so without the environment the same value would be refused.
    let typed = without_variables(command.clone()).try_get_matches_from(arguments).err();
    let is_same = |typed: &Error| {
        typed.kind() == error.kind() && typed.get(ContextKind::InvalidArg) == error.get(ContextKind::InvalidArg)
    };
    if typed.as_ref().is_some_and(is_same) {
        return error;
    }
    if let Some(name) = variable_of(command, &option) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(format!("{option} ({name})")));
    }
    error
}

fn without_variables(command: Command) -> Command {
    command.mut_args(|arg| arg.env(None::<&'static str>)).mut_subcommands(without_variables)
}

/// The variable of an option, which clap shows as `--http <ADDR:PORT>`.
fn variable_of(command: &Command, option: &str) -> Option<String> {
    let long = option.split(' ').next()?.strip_prefix("--")?;
    let own = command.get_arguments().find(|arg| arg.get_long() == Some(long)).and_then(variable);
    own.or_else(|| command.get_subcommands().find_map(|command| variable_of(command, option)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// All variables that a command and those below it read.
    fn read(command: &Command) -> BTreeSet<String> {
        let own = command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned()));
        own.chain(command.get_subcommands().flat_map(read)).collect()
    }

    #[test]
    fn every_setting_has_a_name_that_begins_with_egressd() {
        let mut others = read(&Cli::command());
        others.retain(|name| !name.starts_with("EGRESSD_"));
        // Accepted without effect, and only by the name that kube-vip has for it.
        assert_eq!(others, BTreeSet::from(["egress_withnftables".to_owned()]));
    }

    #[test]
    fn another_name_counts_where_ours_is_not_set() {
        for (ours, other) in OTHER_NAMES {
            let value = |set: &[&str], name: &str| set.contains(&name).then(|| OsString::from("x"));
            let with = |set: &[&str]| read(&with_variables(Cli::command(), &|name| value(set, name)));
            assert!(with(&[]).contains(ours) && with(&[ours, other]).contains(ours), "{ours}");
            let alone = with(&[other]);
            assert!(alone.contains(other) && !alone.contains(ours), "{other}: {alone:?}");
        }
    }

    #[test]
    fn a_variable_that_is_set_and_empty_counts_as_not_set() {
        for name in read(&Cli::command()) {
            let empty = |variable: &str| (variable == name).then(OsString::new);
            assert!(!read(&with_variables(Cli::command(), &empty)).contains(&name), "{name} is read");
        }
        for (ours, other) in OTHER_NAMES {
            let both = |name: &str| [ours, other].contains(&name).then(OsString::new);
            let read = read(&with_variables(Cli::command(), &both));
            assert!(!read.contains(ours) && !read.contains(other), "{ours} or {other} is read");
        }
    }

    #[test]
    fn an_option_is_found_by_what_errors_call_it() {
        let of = |option: &str| variable_of(&Cli::command(), option);
        assert_eq!(of("--http <ADDR:PORT>").as_deref(), Some("EGRESSD_HTTP"));
        assert_eq!(of("--egress-clean").as_deref(), Some("EGRESSD_EGRESS_CLEAN"));
        assert_eq!((of("--output <OUTPUT>"), of("<SHELL>"), of("--none")), (None, None, None));
    }
}
