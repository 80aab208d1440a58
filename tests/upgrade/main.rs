//! Updates and rollbacks: egressds of earlier commits, built from this tree's history, and this one after and before
//! them, over the same tables and the same state directory; and what a newer egressd may have left.

mod before;
mod fixture;
mod newer_state;
mod newer_table;
mod updates;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Nodes with thousands of Services.
    lab::main_one_per_processor(lab::list![
        updates::an_update_and_its_rollback_change_no_packet,
        updates::the_second_layout_is_replaced_also_after_a_kill_halfway_and_no_packet_changes,
        updates::the_first_layout_is_replaced_also_after_a_kill_halfway_and_no_packet_changes,
        updates::a_layout_change_that_is_reverted_halfway_changes_no_packet,
        updates::another_programs_table_with_the_name_of_the_copy_stays_and_blocks_nothing,
        updates::doubtful_translation_continues_and_is_reported_until_the_setting_is_made,
        newer_table::a_table_of_a_newer_layout_is_kept_and_reported_and_taken_over_once_it_is_gone,
        newer_table::egress_clean_and_clean_keep_a_table_of_a_newer_layout,
        newer_state::state_files_of_a_newer_version_are_kept_and_reported_and_no_packet_changes,
        newer_state::a_policy_whose_state_only_a_newer_egressd_can_read_adds_no_translation,
    ])
}
