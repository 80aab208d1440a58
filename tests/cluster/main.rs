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
    // The longest first, so that the others run in parallel with them.
    outages::an_api_server_that_is_away_changes_no_packet_and_the_catch_up_is_exact,
    rights::a_right_that_is_missing_is_named,
    roles::publishing_less_needs_fewer_requests_and_works,
    budget::a_thousand_services_with_256_kib_of_annotations_each_do_not_affect_others,
    pods::a_missing_right_to_pods_disables_only_their_use_and_a_withdrawn_one_removes_nothing,
    deployment::the_deployment_puts_one_pod_on_every_node,
    deployment::a_namespace_with_a_stricter_pod_security_level_would_refuse_the_pod,
    deployment::the_container_of_the_daemon_set_translates_with_its_one_capability,
    deployment::metrics_are_reached_from_outside_of_the_node_with_their_component,
    deployment::the_removal_patch_leaves_nothing_on_the_node,
    deployment::the_examples_translate_as_documented,
    egress_nodes::each_node_publishes_itself_and_writes_nothing_at_rest,
    egress_nodes::a_further_address_of_another_node_is_inside_while_that_node_has_it,
    egress_nodes::without_the_definition_nothing_is_published_and_all_else_works,
    egress_nodes::the_definition_accepts_what_a_node_publishes_within_bounds,
    egress_nodes::the_oldest_server_accepts_the_definition_as_well,
    rights::each_right_is_used_and_no_other_is_asked_for,
    roles::a_role_without_the_right_to_write_disables_only_publishing,
    roles::the_role_of_an_earlier_release_disables_only_new_features,
    admission::only_the_published_annotations_of_a_service_may_be_written,
    admission::only_the_status_of_a_policys_config_map_may_be_written,
    admission::publishing_works_on_the_largest_objects_as_well,
    admission::only_egressds_own_events_about_its_own_objects_may_be_written,
    admission::a_token_writes_the_egress_node_of_its_node_and_no_other,
    admission::a_token_without_a_node_can_write_only_what_a_node_publishes,
    admission::accounts_without_the_cluster_role_are_not_matched,
    admission::the_annotations_that_may_be_published_follow_the_prefix,
    admission::the_admission_policies_exist_and_their_expressions_type_check,
    admission::an_overlay_in_another_namespace_is_bound_as_well,
    pods::with_its_component_a_slice_takes_no_pod_of_another_tenant,
    networks::networks_of_plugins_and_installers_are_added_and_removed,
    networks::missing_kinds_and_rights_are_not_errors,
    networks::networks_read_before_a_right_was_withdrawn_stay_inside,
    last_good::a_nodes_unreadable_address_stays_inside_after_a_start,
    lab_itself::endpoint_slices_come_from_the_controller_in_both_families,
    lab_itself::the_api_server_comes_back_with_the_same_data,
    lab_itself::an_older_api_has_no_service_cidrs_and_no_streaming_lists,
    life::an_annotated_service_is_translated,
    life::a_scaled_service_translates_its_current_pods,
    life::a_pod_that_comes_back_with_another_address_is_translated_from_there,
    life::an_unrelated_pod_that_takes_over_an_address_is_untouched,
    life::annotations_edited_live_take_effect,
    life::a_service_deleted_while_egressd_is_down_leaves_nothing,
    life::a_service_that_becomes_a_cluster_ip_loses_its_snat,
    life::two_services_with_one_address_translate_their_pods_both,
    life::a_slice_with_a_thousand_endpoints_is_in_force,
    moves::an_address_that_moves_during_full_puts_is_translated_to_where_it_is,
    outages::connections_that_die_silently_are_detected,
    beside::a_service_that_kube_vip_moves_is_translated_to_where_its_lease_is,
    beside::the_node_that_metallb_names_translates_and_moves_are_followed,
    beside::without_metallb_or_the_right_to_read_it_nothing_changes,
    leases::the_node_that_holds_ciliums_lease_translates_and_moves_are_followed,
    leases::a_lease_that_is_not_renewed_expires_and_a_deleted_one_does_not_count,
    leases::kube_vips_lease_of_a_service_counts_before_a_vip_host_that_was_left,
    leases::a_lease_is_held_while_the_api_server_is_away_and_moves_are_followed_when_it_is_back,
    leases::after_the_right_to_leases_is_withdrawn_the_last_ones_count_and_that_is_reported_once,
    leases::more_leases_than_are_followed_cost_no_connection_and_the_newest_service_is_unknown,
    beside::without_the_component_metallbs_status_is_not_read_and_a_vip_host_is,
    beside::flannels_annotations_tunnel_and_rules_change_nothing,
    beside::calicos_pools_are_configured_and_not_read,
    shown::kubectl_shows_what_the_page_for_operators_promises,
    reporting::the_state_of_a_service_is_published_in_the_cluster,
    reporting::pods_that_run_where_the_address_is_not_are_reported_on_the_service,
    reporting::kube_vips_own_egress_is_reported_on_the_service_in_any_order_of_start,
    reporting::an_orphaned_table_is_an_event_on_the_node,
    reporting::a_controller_that_writes_back_a_stale_service_starts_no_write_loop,
    budget::a_policy_that_is_added_later_sees_annotations_that_were_not_read_before,
    policies::a_policy_is_in_force_as_its_config_map_says,
    policies::a_failing_policy_is_reported_on_its_config_map_and_on_the_service,
    life::an_older_api_is_supported,
    outages::changes_while_egressd_is_paused_are_applied_exactly_when_it_continues,
];
