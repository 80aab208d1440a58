//! egressd where its users run it: in a container, under a kubelet, beside kube-proxy and CNI plugins, installed by the
//! commands of its own documentation. `make test-node` runs this.
//!
//! The trials share one cluster and run one after the other. Each begins with what it needs ([`fixture`]), so any of
//! them can be run alone.

mod container;
mod first_packet;
mod fixture;
mod install;
mod page;
mod policies;
mod ports;
mod removal;
mod starts;
mod traffic;
mod updates;

use std::process::ExitCode;

macro_rules! trials {
    ($($trial:path),* $(,)?) => { [$((stringify!($trial), $trial as fn() -> anyhow::Result<()>)),*] };
}

fn main() -> ExitCode {
    let trials = trials![
        install::the_nodes_are_real,
        install::every_command_of_the_page_is_in_a_section_that_is_followed,
        install::the_page_installs_it_and_its_example_is_translated,
        container::the_container_has_one_capability_and_a_filter_of_system_calls,
        container::the_component_for_metrics_lets_others_read_them,
        ports::callers_from_outside_are_answered_with_kube_proxy_in_nftables_mode,
        ports::a_pod_with_a_host_port_is_translated_and_answers_there,
        ports::a_pod_on_the_host_network_is_not_translated_and_reported,
        starts::a_single_new_pod_is_translated,
        starts::many_new_pods_are_all_translated,
        first_packet::with_the_plugin_the_first_packet_of_a_pod_has_the_services_address,
        first_packet::two_hundred_pods_at_once_begin_with_the_services_address,
        first_packet::a_killed_egressd_and_a_removed_plugin_leave_a_network_that_works,
        policies::a_policy_is_compiled_in_the_container_and_takes_effect,
        updates::an_update_under_traffic_changes_no_source,
        updates::a_killed_egressd_is_started_again_and_changes_no_source,
        updates::restarts_of_a_nodes_components_change_no_source,
        updates::replicas_on_another_node_than_the_address_leave_as_their_node,
        updates::pods_of_a_drained_node_are_translated_where_the_address_follows,
        ports::callers_from_outside_are_answered_with_kube_proxy_in_iptables_mode,
        container::the_reason_of_a_failed_start_is_in_describe,
        removal::tables_of_an_instance_name_of_before_are_reported_and_removed,
        removal::the_component_remove_leaves_nothing,
    ];
    let code = lab::main_one_by_one(lab::node::ready, &trials);
    fixture::tear_down();
    code
}
