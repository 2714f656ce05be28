//! What every store has to do: one suite of named tests, run on each by one macro.

#[path = "../common/mod.rs"]
mod common;

mod bench;
mod suite;
mod together;

use server_stub::store::{Change, ChangeSet, SqliteStore, Store as _};

use bench::{brian, persona, session};

/// Runs the suite on every store: `memory::NAME`, `sqlite::NAME`, `postgres::NAME`.
macro_rules! conformance {
    ($($name:ident)*) => {
        conformance! { memory, Memory, [$($name)*] }
        conformance! { sqlite, Sqlite, [$($name)*] }
        conformance! { postgres, Postgres, [$($name)*] }
    };
    ($store:ident, $kind:ident, [$($name:ident)*]) => {
        mod $store {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                crate::suite::$name(crate::common::Kind::$kind).await;
            })*
        }
    };
}

conformance! {
    a_persona_is_loaded_as_it_was_stored
    a_challenge_is_replaced_whole
    an_id_is_taken_once
    a_trial_is_a_commit_that_changes_nothing
    a_revision_guards_a_persona
    owned_accounts_are_never_below_zero
    a_change_set_applies_whole_or_not_at_all
    entries_that_are_none_are_refused
    a_session_stands_as_expected
    a_session_ends_empty_and_for_good
    an_index_is_used_once
    a_history_has_the_newest_of_both_sides
    a_message_is_answered_once
    loads_count_within_a_window_and_clear
    fees_are_lines_of_a_statement
    a_payment_is_told_of_a_session_that_ended_before_it
    sessions_are_due_after_their_last_millisecond
    new_numbers_are_new
    an_epoch_begins_once_and_numbers_leap
    attempts_are_counted_one_by_one
    the_same_report_is_one
    reports_are_read_in_order_and_removed
    of_reports_a_thousand_are_kept
    payments_of_an_order_are_found_behind_a_thousand_others
    a_setting_replaces_the_one_of_its_name
    of_many_at_once_each_stands_or_falls_alone
    the_journal_is_a_chain_of_what_applied
    loads_together_say_what_loads_alone_say
}

#[tokio::test]
async fn a_file_keeps_what_was_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        let store = SqliteStore::open(folder.path()).expect("a store");
        let fresh = store.new_session_id().await.expect("a number");
        assert_eq!(fresh.number(), round + 1, "numbers go on where they were");
        let mut set = ChangeSet::default();
        if round == 0 {
            set.push(Change::Register(Box::new(persona())));
        }
        set.push(Change::Open(Box::new(session(fresh.number()))));
        store.commit(set).await.expect("a session");
        let file = store.persona(&brian()).await.expect("a store").expect("a persona");
        assert_eq!(file.sessions.len() as u64, round + 1);
    }
}
