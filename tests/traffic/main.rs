//! egressd's guarantees, tested with real packets: egressd runs on a node in the lab, and the outside host
//! reports the caller's address that it sees. Each test names the property of `docs/properties.md` that it holds.

#![expect(clippy::disallowed_methods, reason = "tests measure how long something takes")]

mod at_start;
mod authoring;
mod backstop;
mod bad_input;
mod before_slices;
mod beside;
mod beside_calico;
mod beside_flannel;
mod beside_kube_vip;
mod beside_metallb;
mod busy;
mod calls;
mod changes;
mod devices;
mod drift;
mod edits;
mod fail_closed;
mod files;
mod first_light;
mod fixture;
mod flows;
mod flows_unasked;
mod flowtables;
mod foreign_floods;
mod guarded_by_selector;
mod guarded_floods;
mod guests;
mod hijack;
mod history;
mod inside;
mod installations;
mod isolation;
mod last_good;
mod life;
mod limits;
mod links;
mod listeners;
mod lookups;
mod memory;
mod neighbours;
mod networks;
mod orphans;
mod owner;
mod peers_cases;
mod peers_drift;
mod peers_storms;
mod policies;
mod ports;
mod published;
mod required;
mod settings;
mod shadows;
mod tenants;
mod tools;
mod translation;
mod tunnels;
mod two_services;
mod under_load;
mod unsaved;

lab::tests![
    authoring::following_the_page_translates_one_port_and_no_other,
    policies::adding_changing_breaking_and_deleting_a_policy_never_leaves_a_wrong_packet,
    policies::a_live_edit_takes_effect_while_a_policy_loops_for_another_service,
    policies::the_built_in_policy_has_the_hosts_prefix_and_can_be_disabled,
    policies::the_last_good_policy_is_in_force_after_a_restart_with_a_bad_one,
    policies::a_policy_beyond_the_limit_does_not_displace_one_in_force,
    policies::a_policy_that_never_loaded_stops_no_egress_unless_it_is_required,
    policies::plan_loads_policies_as_run_does,
    required::a_required_policy_is_missed_and_the_node_not_ready_until_it_was_loaded_once,
    installations::the_objects_of_common_installations_name_their_pod_networks,
    isolation::invalid_input_of_a_tenant_costs_another_no_policy_and_no_rule,
    isolation::a_service_whose_policy_cannot_answer_keeps_its_rules_over_a_restart,
    isolation::a_new_address_and_a_new_pod_take_effect_while_others_edit_expensive_services_continuously,
    limits::a_change_beyond_a_tenants_limit_is_not_in_force_and_others_are,
    limits::a_small_change_is_in_force_before_a_large_one_that_came_with_it,
    shadows::a_shadow_lists_exactly_what_enforcing_it_changes,
    first_light::a_pod_behind_a_service_is_seen_with_its_address_until_the_service_is_deleted,
    inside::without_known_pod_networks_there_is_no_snat_to_private_destinations_until_a_setting_names_them,
    inside::a_pod_outside_of_all_known_networks_is_not_translated_to_private_destinations_and_others_are,
    inside::a_tenant_who_lists_an_outside_address_does_not_affect_others,
    inside::status_lists_what_is_inside_and_why,
    installations::pods_of_common_installations_reach_each_other_untranslated_whatever_fails,
    translation::every_endpoint_is_translated_over_every_protocol_in_both_families,
    translation::a_pod_that_no_service_selects_is_untouched,
    translation::an_endpoint_on_another_node_is_not_translated_here,
    translation::a_service_without_the_annotation_gets_no_snat,
    translation::pods_reach_each_other_untranslated,
    translation::a_cluster_ip_is_untranslated_even_when_its_endpoint_is_outside,
    translation::ipv6_is_untranslated_until_its_networks_are_known,
    ports::named_destination_ports_are_translated_and_no_others,
    ports::a_range_of_ports_includes_its_ends_and_nothing_beyond,
    ports::ranges_and_single_ports_of_several_protocols_go_together,
    ports::all_ports_of_one_protocol_do_not_include_other_protocols,
    ports::named_source_ports_are_translated_and_no_others,
    ports::source_and_destination_ports_have_to_match_both,
    ports::flush_conntrack_is_accepted,
    ports::annotations_without_effect_change_no_packet,
    networks::only_allowed_networks_are_translated,
    networks::denied_networks_are_not_translated,
    networks::a_denied_network_inside_an_allowed_one_is_not_translated,
    networks::allowed_and_denied_networks_and_ports_have_to_match_all,
    networks::allowing_everything_allows_everything_outside_the_cluster,
    networks::denying_everything_translates_nothing,
    networks::overlapping_and_doubled_networks_are_one,
    networks::a_thousand_networks_are_accepted,
    networks::a_family_without_an_allowed_network_is_untouched,
    tenants::a_slice_that_lists_another_tenants_pod_does_not_take_it_over,
    tenants::an_endpoint_that_is_this_nodes_interface_is_not_translated,
    tenants::a_node_that_claims_what_is_not_its_own_changes_no_packet,
    tenants::addresses_that_another_node_publishes_stay_inside_and_disable_no_translation,
    published::addresses_that_another_egressd_of_this_machine_publishes_in_a_directory_stay_inside,
    tenants::an_address_of_two_tenants_is_shared_or_belongs_to_the_oldest,
    hijack::pods_that_a_slice_takes_over_without_and_with_the_pods_of_the_node,
    hijack::an_endpoint_whose_pod_is_gone_is_reported_and_translated_again_when_it_is_back,
    two_services::networks_go_before_ports_and_ports_before_everything,
    two_services::a_packet_that_a_service_denies_is_matched_against_the_next,
    two_services::the_older_of_two_equal_services_wins,
    two_services::source_ports_and_ranges_rank_like_single_ports,
    two_services::the_next_service_takes_over_when_the_first_is_deleted,
    at_start::after_a_start_of_the_machine_no_unknown_pod_leaves_before_anything_is_read,
    at_start::without_its_node_a_guarded_pod_reaches_no_private_destination_over_a_restart_too,
    fail_closed::while_the_address_is_elsewhere_nothing_leaves_and_the_cluster_is_reached,
    fail_closed::no_change_of_ours_lets_a_packet_of_a_guarded_pod_leave_with_another_source,
    fail_closed::packets_without_a_connection_do_not_leave_a_guarded_pod,
    fail_closed::bad_input_blocks_only_pods_of_services_that_ask_for_it,
    fail_closed::an_unknown_pod_leaves_only_once_it_is_known,
    fail_closed::every_reason_not_to_translate_blocks_and_not_asking_does_not,
    before_slices::a_pod_is_translated_before_a_slice_lists_it_and_after_two_seconds_only_if_one_does,
    before_slices::no_packet_changes_its_source_when_the_slice_arrives,
    before_slices::a_guarded_pod_leaves_with_the_services_address_from_the_first_packet_on,
    guarded_by_selector::a_pod_does_not_leave_before_a_slice_lists_it_and_then_with_the_services_address,
    guarded_by_selector::what_a_single_stack_service_selects_does_not_leave_by_the_other_family,
    flows::what_contradicts_a_change_is_kept_by_default,
    flows::what_contradicts_a_change_is_severed_where_that_is_asked_for_and_nothing_else,
    flows::what_changed_while_no_egressd_ran_is_severed_at_the_start_where_that_is_asked_for,
    flows::what_begins_to_be_translated_keeps_its_open_connections_unasked,
    flows_unasked::what_a_new_pod_began_before_its_rules_ends_and_what_a_running_one_began_stays,
    flows_unasked::what_a_pod_began_while_no_egressd_ran_ends_and_what_an_older_one_began_stays,
    flows_unasked::what_began_while_the_rules_were_gone_ends_and_what_was_kept_before_stays,
    flows_unasked::a_guarded_pod_that_keeps_its_port_is_translated_once_the_address_is_there,
    flows_unasked::two_hundred_thousand_connections_of_others_stay_where_some_end,
    backstop::while_the_tables_are_lost_a_guarded_pod_reaches_the_cluster_and_nothing_else,
    backstop::with_the_last_guarded_pod_policies_and_marks_go,
    backstop::the_mark_is_seen_by_no_other_program_and_owned_tables_have_none,
    backstop::beside_ipsec_of_others_there_are_no_policies_of_ours,
    tunnels::what_is_left_of_a_tunnel_goes_with_clean,
    tunnels::what_is_left_of_a_tunnel_goes_with_a_start_without_one,
    tunnels::the_tunnel_of_another_egressd_stays,
    edits::every_annotation_takes_effect_while_running_and_nowhere_else,
    edits::an_edit_of_one_service_of_a_pod_leaves_the_other_as_it_was,
    bad_input::every_bad_form_is_reported_and_the_last_accepted_configuration_stays,
    bad_input::bad_input_from_the_beginning_translates_nothing,
    bad_input::the_last_accepted_configuration_follows_current_endpoints,
    settings::a_custom_prefix_leaves_kube_vips_annotations_without_effect,
    settings::kube_vips_environment_variables_are_understood,
    devices::behind_a_vlan_sources_are_as_behind_a_cable,
    devices::behind_a_bond_sources_are_as_behind_a_cable,
    devices::behind_wireguard_sources_are_as_behind_a_cable,
    lookups::while_its_element_is_replaced_all_the_time_no_packet_of_a_pod_misses_it,
    flowtables::a_connection_in_a_flowtable_keeps_its_source_past_the_guard_and_others_do_not_leave,
    neighbours::egressd_wins_against_a_masquerade_that_was_there_before,
    neighbours::egressd_wins_against_a_masquerade_that_is_added_later,
    neighbours::other_tables_stay_as_they_are,
    neighbours::a_chain_that_translates_before_ours_is_reported_until_ours_is_first,
    neighbours::a_chain_at_our_priority_is_reported_until_it_is_gone,
    neighbours::cilium_on_the_node_is_reported_at_the_start,
    neighbours::kube_vips_tables_are_reported_where_both_act_on_a_service,
    memory::a_policy_waits_until_the_container_has_memory_to_compile_it,
    beside_flannel::flannels_rules_that_existed_first_keep_working_for_others,
    beside_flannel::flannels_rules_that_are_added_later_do_not_change_ours,
    beside_flannel::flannel_that_rewrites_its_rules_changes_no_packet,
    beside_flannel::pods_always_reach_each_other_untranslated_through_flannels_tunnel,
    beside_calico::calicos_rules_that_existed_first_keep_working_for_others,
    beside_calico::calicos_rules_that_are_added_later_do_not_change_ours,
    beside_calico::pods_of_calicos_pools_always_reach_each_other_untranslated,
    beside_calico::pools_that_are_not_configured_are_a_warning_and_nothing_private_is_translated_to,
    beside_kube_vip::an_address_that_kube_vip_moves_is_translated_to_where_it_answers,
    beside_kube_vip::its_own_egress_and_ours_translate_each_its_own_service,
    beside_kube_vip::its_own_egress_and_ours_agree_about_one_service,
    beside_kube_vip::its_own_tables_are_refused_and_keep_working,
    beside_kube_vip::our_tables_are_closed_to_it,
    beside_metallb::by_default_an_address_that_metallb_answers_for_is_translated_to_nowhere,
    beside_metallb::with_the_status_of_metallb_the_answers_come_back_through_the_speaker,
    beside_metallb::with_a_vip_host_the_answers_come_back_through_the_speaker,
    beside_metallb::a_vip_host_that_stays_behind_loses_the_answers,
    files::an_edited_annotation_takes_effect_at_once,
    files::during_a_change_of_address_the_pods_own_address_is_never_seen,
    files::a_broken_file_is_named_and_its_last_good_state_stays,
    files::a_truncated_file_is_named_and_its_last_good_state_stays,
    files::a_corrected_file_takes_effect,
    files::a_vanished_directory_is_named_and_everything_stays_in_force,
    links::a_swapped_link_is_followed_and_the_pods_own_address_is_never_seen,
    links::a_file_behind_a_link_is_followed_and_stays_in_force_while_it_is_away,
    links::a_directory_that_returns_is_followed_again_and_an_empty_one_in_its_place_removes_nothing,
    last_good::an_invalid_file_at_the_start_neither_stops_nor_widens_translation,
    last_good::a_service_that_was_never_remembered_keeps_what_was_in_force,
    last_good::a_guard_in_a_broken_file_is_in_force_after_a_restart,
    last_good::an_empty_directory_at_the_start_is_awaited,
    changes::endpoints_come_and_go,
    changes::a_service_that_turns_into_a_cluster_ip_loses_its_snat,
    changes::changes_while_egressd_is_down_are_applied_exactly_after_the_start,
    changes::the_last_accepted_configuration_survives_a_restart_with_the_state_directory,
    unsaved::a_state_directory_that_cannot_be_written_is_reported_and_stops_no_change,
    life::stopping_egressd_changes_no_packet,
    life::a_restart_adopts_the_table_and_changes_no_packet,
    life::after_kill_9_the_rules_stay_and_the_next_start_adopts_them,
    life::an_open_connection_survives_a_restart,
    life::a_service_deleted_meanwhile_leaves_nothing_after_the_start,
    life::clean_removes_everything,
    orphans::a_renamed_instance_reports_its_old_tables_and_clean_all_removes_those_and_no_other,
    orphans::the_command_that_a_finding_names_removes_the_orphan_and_two_that_live_are_none,
    orphans::clean_keeps_the_tables_of_a_running_egressd,
    orphans::without_owners_a_table_is_orphaned_when_its_lock_is_free_and_unknown_is_not_free,
    orphans::without_table_owners_clean_removes_tables_of_ended_and_named_instances,
    orphans::the_lock_is_held_as_long_as_egressd_runs_and_not_longer,
    orphans::where_no_lock_can_be_made_egressd_logs_it_and_translates,
    orphans::clean_stay_is_ready_when_nothing_is_left,
    orphans::clean_stay_does_not_wait_for_another_instance_and_keeps_its_tables,
    orphans::clean_that_is_stopped_early_names_the_remaining_tables,
    listeners::a_probe_says_whether_egressd_is_live_and_ready,
    listeners::a_port_that_is_taken_is_reported_and_served_once_it_is_free,
    listeners::a_socket_that_is_taken_is_reported_and_served_once_it_is_free,
    listeners::a_socket_that_is_removed_is_made_again,
    listeners::silent_connections_do_not_block_scrapers_and_probes,
    listeners::a_special_file_among_the_manifests_is_named_and_delays_no_edit,
    listeners::a_file_that_becomes_special_keeps_its_last_good_content,
    listeners::egressds_state_is_private_also_after_an_earlier_release,
    tools::diff_after_run_is_empty,
    tools::a_manifest_that_is_not_in_force_shows_up_in_diff,
    tools::a_foreign_change_of_the_table_shows_up_in_diff,
    tools::status_counts_connections_and_survives_an_elements_change,
    tools::status_counts_only_what_a_chain_translates,
    tools::status_shows_state_policy_and_owner,
    tools::status_reports_that_no_egressd_runs,
    tools::a_node_is_ready_when_its_first_round_is_in_force,
    tools::metrics_parse_and_count,
    tools::a_second_egressd_reports_who_owns_the_table,
    tools::egress_clean_replaces_a_foreign_table,
    tools::two_thousand_services_are_in_force_readable_and_without_difference,
    owner::an_address_is_translated_to_while_an_interface_has_it,
    owner::one_familys_address_may_be_removed_while_the_other_stays,
    owner::a_restart_while_the_address_is_held_changes_no_packet,
    owner::addresses_on_the_ipvs_interface_alone_do_not_count,
    owner::a_vip_host_that_names_another_node_is_accepted,
    owner::by_address_a_vip_host_that_is_another_node_is_ignored,
    owner::by_vip_host_the_named_node_translates_without_an_interface_that_has_it,
    owner::with_any_every_node_translates,
    owner::lost_notifications_are_recovered,
    owner::an_ipv6_address_counts_when_no_other_machine_has_it,
    owner::plan_reads_the_interfaces_once,
    owner::an_address_that_moves_between_two_nodes_is_translated_to_where_it_is,
    busy::beside_a_hundred_commits_a_second_every_start_succeeds,
    drift::what_another_program_changes_is_undone_and_reported,
    drift::two_hundred_changes_are_undone_each_in_a_moment,
    drift::a_foreign_table_in_the_place_of_ours_is_reported_and_not_touched,
    foreign_floods::what_another_program_removes_of_the_guard_is_repaired_under_a_flood_and_reported,
    foreign_floods::while_another_program_flushes_or_deletes_the_tables_guarded_pods_are_blocked,
    guarded_floods::with_a_full_disk_no_restart_lets_a_guarded_pod_leave_with_another_source,
    guarded_floods::with_too_little_memory_no_guarded_pod_leaves_with_another_source,
    guarded_floods::what_egressd_owns_no_other_program_changes_under_a_flood_of_a_guarded_pod,
    peers_cases::a_one_shot_pod_sends_nothing_until_it_is_known_and_then_with_the_egress_address_alone,
    peers_cases::while_a_service_comes_changes_and_goes_no_packet_has_the_pods_own_address_or_an_old_one,
    peers_cases::while_no_node_holds_the_address_pods_are_blocked_and_with_pass_they_leave_with_their_nodes,
    peers_drift::while_the_rules_are_flushed_deleted_or_reloaded_a_guarded_pod_is_blocked_and_then_as_before,
    peers_drift::no_connection_keeps_the_source_that_it_began_with_before_a_repair,
    peers_storms::killed_again_and_again_while_many_pods_start_egressd_lets_none_leave_with_another_source,
    under_load::a_hundred_thousand_connections_have_a_source_that_was_valid_at_the_time,
    under_load::another_priority_after_a_restart_under_load_changes_no_packet,
    under_load::restarts_and_kill_9_under_load_change_no_packet,
    under_load::an_address_that_moves_to_another_service_is_never_seen_with_the_old_one,
];
