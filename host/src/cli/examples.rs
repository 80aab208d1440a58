//! Examples for `--help`. A test runs those that need no running egressd and no privileges, and parses the others.

/// Of `run`.
pub(super) const RUN: &str = "\
Examples:
  # Follow the Services of a directory, as root
  egressd run -f /etc/egressd --node node-1

  # The same beside kube-vip, with tables and annotations of its own
  egressd run -f /etc/egressd --node node-1 --instance-name blue --annotation-prefix example.org

  # Follow the cluster of a kubeconfig, with metrics on this node alone
  egressd run --kubeconfig admin.conf --node node-1 --http 127.0.0.1:9808";

/// Of `plan`.
pub(super) const PLAN: &str = "\
Examples:
  # What would be translated on node-1, and what is wrong with the input
  egressd plan -f manifests --node node-1

  # The same for what is in the cluster, whichever node holds the addresses
  kubectl get svc,endpointslices,nodes,servicecidrs -A -o yaml | egressd plan -f - --owner any

  # The rules as nftables text
  egressd plan -f manifests --node node-1 -o nft

  # The Services that are translated, one a line
  egressd plan -f manifests --node node-1 -o name";

/// Of `diff`.
pub(super) const DIFF: &str = "\
Examples:
  # What `run` with these settings would change in the kernel, as root
  egressd diff -f /etc/egressd --node node-1";

/// Of `status`.
pub(super) const STATUS: &str = "\
Examples:
  # What is in force on this node
  egressd status

  # On the node of a pod of the DaemonSet
  kubectl --namespace egressd exec daemonset/egressd -- /egressd status -o wide

  # For programs
  egressd status -o json

  # Destinations that are never translated to, with the reason of each
  egressd status --inside";

/// Of `probe`.
pub(super) const PROBE: &str = "\
Examples:
  # Whether the first rules are in force
  egressd probe ready";

/// Of `clean`.
pub(super) const CLEAN: &str = "\
Examples:
  # Show what would be removed, without removing it
  egressd clean --dry-run

  # Remove the tables of this instance, as root, once `run` has ended
  egressd clean

  # Remove those of every instance that has ended
  egressd clean --all";

/// Of `cni install`.
pub(super) const CNI_INSTALL: &str = "\
Examples:
  # Show what would be changed on this node, as root
  egressd cni install --dry-run

  # Install the plugin, and install it again when the cluster's network is configured anew
  egressd cni install --stay

  # No pod begins before its rules are in force, and none while egressd does not answer
  egressd cni install --stay --fail closed --wait 10";

/// Of `cni remove`.
pub(super) const CNI_REMOVE: &str = "\
Examples:
  # Take the plugin out of the network configuration, and remove its file, as root
  egressd cni remove

  # The same where CRI-O is the container runtime
  egressd cni remove --keep-plugin";

/// Of `explain-code`.
pub(super) const EXPLAIN_CODE: &str = "\
Examples:
  # What a finding with this code means, and what to do
  egressd explain-code held-elsewhere

  # Those of several findings, as they stand in the output
  egressd explain-code '[not-a-network]' '[no-local-endpoint]'

  # All codes, for programs
  egressd explain-code -o json";

/// Of `completion`.
pub(super) const COMPLETION: &str = "\
Examples:
  # In this shell
  source <(egressd completion bash)

  # In every new one
  egressd completion bash > ~/.local/share/bash-completion/completions/egressd";

/// Of `man`.
pub(super) const MAN: &str = "\
Examples:
  egressd man man1
  man ./man1/egressd-plan.1";

/// Of `policy new`.
pub(super) const NEW: &str = "\
Examples:
  egressd policy new only-https
  egressd policy new --kind validator no-wildcards";

/// Of `policy build`.
pub(super) const BUILD: &str = "\
Examples:
  egressd policy build only-https";

/// Of `policy check`.
pub(super) const CHECK: &str = "\
Examples:
  egressd policy check only-https.wasm
  egressd policy check only-https.wasm --settings settings.json";

/// Of `policy test`.
pub(super) const TEST: &str = "\
Examples:
  # The cases of the policy in this directory
  egressd policy test

  # Write what comes out into the cases, to be read before it is committed
  EGRESSD_BLESS=1 egressd policy test only-https";

/// Of `policy run`.
pub(super) const RUN_POLICY: &str = "\
Examples:
  egressd policy run only-https.wasm -f manifests --node node-1
  egressd policy run only-https.wasm -f manifests --node node-1 --service shop/web";

/// Of `policy bench`.
pub(super) const BENCH: &str = "\
Examples:
  egressd policy bench only-https.wasm
  egressd policy bench only-https.wasm -f manifests --calls 100";

/// Of `policy pack`.
pub(super) const PACK: &str = "\
Examples:
  # Load a policy that only reports what it would change
  egressd policy pack only-https.wasm --mode shadow | kubectl apply -f -

  # Let it decide, for the Services of some namespaces
  egressd policy pack only-https.wasm --namespaces team=payments | kubectl apply -f -";

/// Of `policy diff`.
pub(super) const DIFF_POLICIES: &str = "\
Examples:
  # What another version would change for each Service
  egressd policy diff old.wasm new.wasm -f manifests --node node-1

  # What other settings would change
  egressd policy diff old.wasm old.wasm --new-settings settings.json -f manifests";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::cli::Cli;

    /// The examples of a command and of those below it.
    fn examples(command: &clap::Command, all: &mut Vec<(String, String)>) {
        if let Some(text) = command.get_after_long_help() {
            let lines = text.to_string();
            all.extend(lines.lines().map(|line| (command.get_name().to_owned(), line.trim().to_owned())));
        }
        command.get_subcommands().for_each(|command| examples(command, all));
    }

    /// What the shell gives to egressd: from its name to what ends a simple command.
    fn arguments(line: &str) -> Option<Vec<&str>> {
        let tokens = line.split_whitespace().map(|token| token.trim_matches(['(', ')'])).collect::<Vec<_>>();
        let start = tokens.iter().rposition(|token| matches!(*token, "egressd" | "/egressd" | "<(egressd"))?;
        Some(tokens.into_iter().skip(start).take_while(|token| !matches!(*token, "|" | ">")).collect())
    }

    #[test]
    fn every_example_is_a_command_line_of_its_command() {
        let mut all = Vec::new();
        examples(&Cli::command(), &mut all);
        let typed: Vec<_> = all.iter().filter(|(_, line)| !line.starts_with('#')).collect();
        let parsed = typed.iter().filter_map(|(command, line)| Some((command, arguments(line)?)));
        for (command, arguments) in parsed.clone() {
            let result = Cli::try_parse_from(&arguments);
            assert!(
                result.is_ok(),
                "{arguments:?}: {}",
                result.err().map(|error| error.to_string()).unwrap_or_default()
            );
            assert!(arguments.contains(&command.as_str()), "{arguments:?} is an example of {command}");
        }
        assert!(parsed.count() > 25);
    }

    /// Of options that stand behind others which have one, it would be the heading of those.
    #[test]
    fn every_option_stands_below_its_own_heading() {
        let mut command = Cli::command();
        command.build();
        let Some(clean) = command.find_subcommand("clean") else { panic!("clean is a command") };
        let below = |heading: &str| -> Vec<_> {
            let all = clean.get_arguments().filter(|arg| arg.get_help_heading() == Some(heading));
            all.filter_map(|arg| arg.get_long()).collect()
        };
        assert_eq!(below("What to remove"), ["all", "newer-layout", "dry-run"]);
        assert_eq!(below("Staying"), ["stay", "http"]);
    }

    /// Longer ones would be wrapped, and not be what is to be typed.
    #[test]
    fn every_example_fits_into_a_line_of_the_help() {
        let mut all = Vec::new();
        examples(&Cli::command(), &mut all);
        assert!(all.iter().all(|(_, line)| line.len() <= 96), "{all:?}");
    }

    #[test]
    fn every_command_that_does_something_has_examples() {
        fn check(command: &clap::Command) {
            let below: Vec<_> = command.get_subcommands().filter(|command| command.get_name() != "help").collect();
            let plain = !below.is_empty() || command.get_name() == "version";
            assert!(plain || command.get_after_long_help().is_some(), "{} has no examples", command.get_name());
            below.into_iter().for_each(check);
        }
        check(&Cli::command());
    }
}
