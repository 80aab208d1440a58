//! Names of settings in the environment. Each begins with `EGRESSD_`; what kube-vip or Kubernetes has as well is also read
//! by their name.

use clap::{Arg, Command};

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

/// The same command, whose settings are read by their other name where that one alone is set.
pub(super) fn with_other_names(command: Command, is_set: &dyn Fn(&str) -> bool) -> Command {
    command
        .mut_args(|arg| match other_name(&arg, is_set) {
            Some(name) => arg.env(name),
            None => arg,
        })
        .mut_subcommands(|command| with_other_names(command, is_set))
}

fn other_name(arg: &Arg, is_set: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    let ours = arg.get_env()?;
    let (ours, other) = OTHER_NAMES.into_iter().find(|(name, _)| *name == ours)?;
    (!is_set(ours) && is_set(other)).then_some(other)
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
            let with = |set: &[&str]| read(&with_other_names(Cli::command(), &|name| set.contains(&name)));
            assert!(with(&[]).contains(ours) && with(&[ours, other]).contains(ours), "{ours}");
            let alone = with(&[other]);
            assert!(alone.contains(other) && !alone.contains(ours), "{other}: {alone:?}");
        }
    }
}
