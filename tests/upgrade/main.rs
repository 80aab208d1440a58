//! Updates and rollbacks: egressds of earlier commits, built from this tree's history, and this one after and before
//! them, over the same tables and the same state directory; and what a newer egressd may have left.

mod before;
mod fixture;
mod newer_state;
mod newer_table;
mod updates;

lab::tests![
    updates::an_update_and_its_undoing_change_no_packet,
    updates::the_second_layout_is_made_over_ends_in_the_middle_without_a_packet_noticing,
    updates::the_first_layout_is_made_over_ends_in_the_middle_without_a_packet_noticing,
    updates::a_layout_that_is_taken_back_in_the_middle_changes_no_packet,
    updates::another_programs_table_with_the_name_of_the_copy_stays_and_hinders_nothing,
    updates::what_was_translated_in_doubt_goes_on_and_is_reported_until_the_setting_is_made,
    newer_table::a_table_of_a_newer_layout_is_kept_and_reported_and_taken_over_once_it_is_gone,
    newer_table::what_would_replace_or_remove_a_table_keeps_one_of_a_newer_layout,
    newer_state::state_files_of_a_newer_version_are_kept_and_reported_and_no_packet_changes,
    newer_state::a_policy_of_which_only_a_newer_egressd_knows_what_was_in_force_lets_nothing_new_pass,
];
