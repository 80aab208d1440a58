//! egressd in a cluster: a real API server, a real EndpointSlice controller, real packets.

mod admission;
mod beside;
mod budget;
mod deployment;
mod egress_nodes;
mod fixture;
mod lab_itself;
mod last_good;
mod leases;
mod life;
mod moves;
mod networks;
mod outages;
mod pods;
mod policies;
mod reporting;
mod rights;
mod roles;
mod shown;

lab::tests![
    if lab::cluster::ready;
    // The longest first: others run beside them, and none of them alone at the end.
    outages::an_api_server_that_is_away_changes_no_packet_and_the_catch_up_is_exact,
    rights::a_right_that_is_missing_is_named,
    roles::who_publishes_less_asks_for_less_and_misses_nothing,
    budget::a_thousand_services_with_256_kib_of_annotations_each_are_no_burden_for_others,
    pods::a_missing_right_to_pods_costs_that_alone_and_a_withdrawn_one_takes_nothing_away,
    deployment::the_deployment_puts_one_pod_on_every_node,
    deployment::a_stricter_namespace_would_refuse_the_pod,
    deployment::the_container_of_the_daemon_set_translates_with_its_one_capability,
    deployment::metrics_are_reached_from_outside_of_the_node_with_their_component,
    deployment::the_patch_that_removes_leaves_nothing_on_the_node,
    deployment::the_examples_translate_as_they_say,
    egress_nodes::each_node_publishes_itself_and_writes_nothing_at_rest,
    egress_nodes::a_further_address_of_another_node_is_inside_while_it_has_it,
    egress_nodes::without_the_definition_nothing_is_published_and_all_else_works,
    egress_nodes::the_definition_takes_what_a_node_says_and_nothing_without_bounds,
    egress_nodes::the_oldest_server_takes_the_definition_as_well,
    rights::each_right_is_used_and_no_other_is_asked_for,
    roles::a_role_without_what_is_written_costs_that_and_nothing_else,
    roles::the_role_of_an_earlier_release_costs_what_is_new_and_nothing_else,
    admission::a_service_takes_what_is_published_and_nothing_else,
    admission::a_policys_config_map_takes_its_status_and_nothing_else,
    admission::the_largest_objects_take_what_is_published_as_well,
    admission::events_are_egressds_own_and_about_what_it_is_there_for,
    admission::a_token_writes_the_egress_node_of_its_node_and_no_other,
    admission::a_token_that_names_no_node_writes_as_some_node_and_nothing_more,
    admission::whoever_is_not_bound_to_the_cluster_role_is_not_looked_at,
    admission::the_annotations_that_may_be_published_follow_the_prefix,
    admission::the_policies_are_there_and_the_api_server_has_nothing_against_their_expressions,
    admission::an_overlay_elsewhere_is_bound_as_well,
    pods::with_its_component_a_slice_takes_no_pod_of_another_tenant,
    networks::what_network_plugins_and_installers_say_comes_and_goes,
    networks::kinds_and_rights_that_are_missing_are_no_trouble,
    networks::what_was_read_before_a_right_was_withdrawn_stays_inside,
    last_good::a_nodes_address_that_cannot_be_read_at_the_start_stays_inside,
    lab_itself::endpoint_slices_come_from_the_controller_in_both_families,
    lab_itself::the_api_server_comes_back_with_the_same_data,
    lab_itself::an_older_api_has_no_service_cidrs_and_no_streaming_lists,
    life::an_annotated_service_is_translated,
    life::a_scaled_service_translates_the_pods_that_there_are,
    life::a_pod_that_comes_back_with_another_address_is_translated_from_there,
    life::an_unrelated_pod_that_takes_over_an_address_is_untouched,
    life::annotations_edited_live_take_effect,
    life::a_service_deleted_while_egressd_is_down_leaves_nothing,
    life::a_service_that_becomes_a_cluster_ip_loses_its_snat,
    life::two_services_with_one_address_translate_their_pods_both,
    life::a_slice_with_a_thousand_endpoints_is_in_force,
    moves::an_address_that_moves_amid_full_puts_is_translated_to_where_it_is,
    outages::connections_that_die_silently_are_detected,
    beside::a_service_that_kube_vip_moves_is_translated_to_where_its_lease_is,
    beside::the_node_that_metallb_names_translates_and_moves_are_followed,
    beside::without_metallb_or_the_right_to_read_it_nothing_changes,
    leases::the_node_that_holds_ciliums_lease_translates_and_moves_are_followed,
    leases::a_lease_that_is_not_renewed_ends_and_one_that_is_deleted_is_as_none,
    leases::kube_vips_lease_of_a_service_counts_before_a_vip_host_that_was_left,
    leases::a_lease_is_held_while_the_api_server_is_away_and_moves_are_followed_when_it_is_back,
    leases::where_the_right_to_leases_is_withdrawn_what_was_read_counts_and_that_is_reported_once,
    leases::more_leases_than_are_followed_cost_no_connection_and_the_newest_service_is_unknown,
    beside::what_metallb_writes_is_not_read_without_the_component_and_a_vip_host_is,
    beside::what_flannel_writes_changes_nothing,
    beside::calicos_pools_are_configured_and_not_read,
    shown::kubectl_shows_what_the_page_for_operators_promises,
    reporting::the_state_of_a_service_is_published_in_the_cluster,
    reporting::pods_that_run_where_the_address_is_not_are_reported_on_the_service,
    reporting::kube_vips_own_egress_is_reported_on_the_service_whoever_came_first,
    reporting::an_orphaned_table_is_an_event_on_the_node,
    reporting::a_controller_that_writes_back_a_stale_service_starts_no_write_loop,
    budget::a_policy_that_comes_later_sees_what_nothing_read_before,
    policies::a_policy_is_in_force_as_its_config_map_says,
    policies::a_policy_that_fails_says_so_and_so_does_the_service,
    life::an_older_api_is_good_enough,
    outages::what_happens_while_egressd_is_stopped_is_exact_when_it_goes_on,
];
