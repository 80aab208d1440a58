//! What egressd promises, held against real packets: egressd runs on a node in the lab, and the outside world
//! tells who it believes is calling. Each test names the property of `docs/properties.md` that it holds.

mod files;
mod first_light;
mod life;
mod neighbours;
mod owner;
mod stage;
mod translation;

lab::tests![
    first_light::a_pod_behind_a_service_is_seen_with_its_address_until_the_service_is_deleted,
    translation::every_endpoint_is_translated_over_every_protocol_in_both_families,
    translation::a_pod_that_no_service_selects_is_untouched,
    translation::an_endpoint_on_another_node_is_not_translated_here,
    translation::a_service_without_the_annotation_translates_nobody,
    translation::pods_reach_each_other_untranslated,
    translation::a_cluster_ip_is_untranslated_even_when_its_endpoint_is_outside,
    translation::ipv6_is_untranslated_until_its_networks_are_known,
    neighbours::egressd_wins_against_a_masquerade_that_was_there_before,
    neighbours::egressd_wins_against_a_masquerade_that_comes_later,
    neighbours::other_tables_stay_as_they_are,
    files::an_edited_annotation_takes_effect_at_once,
    files::a_new_address_never_shows_the_pod_in_between,
    files::a_broken_file_is_named_and_its_last_good_state_stays,
    files::a_truncated_file_is_named_and_its_last_good_state_stays,
    files::a_mended_file_takes_effect,
    files::a_vanished_directory_is_named_and_everything_stays_in_force,
    life::ending_changes_no_packet,
    life::a_restart_adopts_the_table_and_changes_no_packet,
    life::after_kill_9_the_rules_stay_and_the_next_start_adopts_them,
    life::an_open_connection_survives_a_restart,
    life::a_service_deleted_meanwhile_leaves_nothing_after_the_start,
    life::clean_removes_everything,
    owner::an_address_is_translated_to_while_an_interface_has_it,
    owner::one_familys_address_may_go_while_the_other_stays,
    owner::a_restart_while_the_address_is_held_changes_no_packet,
    owner::what_only_the_interface_of_ipvs_has_does_not_count,
    owner::a_vip_host_that_is_another_node_is_believed,
    owner::by_address_a_vip_host_that_is_another_node_is_ignored,
    owner::by_vip_host_the_named_node_translates_without_an_interface_that_has_it,
    owner::any_node_translates_whoever_holds_it,
    owner::news_that_were_lost_are_made_up_for,
    owner::an_ipv6_address_counts_when_nobody_else_has_it,
    owner::plan_reads_the_interfaces_once,
    owner::an_address_that_moves_between_two_nodes_is_translated_to_where_it_is,
];
