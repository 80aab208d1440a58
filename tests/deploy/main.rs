//! The deployment as it is written, and as kustomize renders it: it agrees with the program and with the pages.
//! `tests/cluster` tests it at an API server.

mod cni;
mod metrics;
mod objects;
mod overlay;
mod page;
mod rendered;
mod rights;
mod written;

use std::process::ExitCode;

use lab::cluster::kubectl_ready;
use lab::{Test, list, main_of_groups, nothing};

/// Tests that only read files.
const WRITTEN: &[Test] = list![
    rights::the_roles_grant_what_the_program_needs_and_nothing_else,
    rights::config_maps_of_others_may_be_read_by_their_names_alone,
    written::every_manifest_is_in_the_kustomization_of_its_directory,
    written::only_the_component_for_it_has_a_namespace,
    written::the_daemon_set_starts_what_the_program_understands_with_one_capability,
    written::every_object_has_the_labels_that_kubernetes_recommends,
    written::the_image_has_one_name_which_no_kustomization_replaces,
    written::a_container_that_fails_leaves_its_reason_with_the_pod,
    written::the_probes_ask_over_a_socket_of_the_pods_own,
    cni::the_container_has_the_image_of_the_base_and_arguments_that_the_program_understands,
    page::every_path_of_a_command_is_there,
    page::every_block_of_commands_says_where_it_runs,
    page::every_kustomization_has_its_row,
];

/// Tests of the output of kustomize.
const RENDERED: &[Test] = list![
    rendered::every_kustomization_renders,
    rendered::the_whole_is_the_base_with_its_namespace_the_admission_policies_and_the_networks,
    rendered::every_object_follows_the_namespace_of_an_overlay,
    rendered::references_follow_the_prefix_of_an_overlay,
    rendered::an_overlay_replaces_the_image_by_its_documented_name,
    rendered::the_component_remove_differs_in_arguments_and_rollout,
    rendered::the_component_remove_works_with_every_other_component,
    rendered::selinux_changes_the_label_of_the_process_alone,
    rendered::optional_watches_come_only_with_their_component,
    rendered::beside_kube_vip_every_object_has_another_prefix,
    rights::publishing_less_grants_only_the_rights_for_that,
    rights::whatever_may_be_written_is_bound_by_an_admission_policy,
    rights::the_overlay_for_older_servers_has_no_admission_policy,
    cni::the_component_adds_a_container_without_capabilities_and_two_directories_of_the_node,
    cni::the_plugin_asks_where_egressd_answers_on_the_node,
    cni::removing_reaches_the_container_by_an_annotation,
    metrics::scrapes_ask_where_the_program_listens,
    metrics::the_address_is_accepted_in_both_families,
    metrics::the_service_and_the_monitor_select_the_pods,
    page::the_kustomizations_of_the_page_render,
];

fn main() -> ExitCode {
    main_of_groups(&[(nothing, WRITTEN), (kubectl_ready, RENDERED)])
}
