#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::model::Labels;
use egressd_core::testkit::news;
use proptest::prelude::*;

use super::*;

type Accepted = Of<Labels>;

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn annotations(value: &str) -> Arc<Labels> {
    Arc::new([("kube-vip.io/egress".to_owned(), value.to_owned())].into())
}

/// Makes it hold exactly this.
fn write(journal: &mut Journal<Labels>, all: &Accepted) {
    journal.write(news(journal.written(), all)).unwrap();
}

fn reopened(path: &Path) -> Journal<Labels> {
    Journal::open(path.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_next_process_finds_what_this_one_wrote_last(
        turns in prop::collection::vec(prop::collection::btree_map("[a-d]", "[xy\n\"]{0,3}", 0..4), 1..12)
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/when/needed");
        let mut journal = reopened(&path);
        for turn in turns {
            let accepted: Accepted = turn.iter().map(|(of, value)| (uid(of), annotations(value))).collect();
            write(&mut journal, &accepted);
            let next = reopened(&path);
            prop_assert_eq!(next.written(), &accepted);
            prop_assert_eq!(journal.written(), &accepted);
        }
    }
}

#[test]
fn a_change_is_a_line_and_now_and_then_all_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    let mut journal = reopened(&path);
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    let mut most = 0;
    for turn in 0..3 * MAX_OUTDATED_LINES {
        let accepted = [(uid("a"), annotations("true")), (uid("b"), annotations(&turn.to_string()))].into();
        write(&mut journal, &accepted);
        if turn == 1 {
            assert_eq!(lines(&path), 4, "the version, two Services and a change");
        }
        most = most.max(journal.lines);
    }
    assert!((MAX_OUTDATED_LINES..MAX_OUTDATED_LINES + 5).contains(&most), "{most} lines");
    assert_eq!(lines(&path), 1 + journal.lines);
}

#[test]
fn a_line_that_was_cut_off_harms_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    fs::write(&path, b"[\"a\",{\"x\":\"1\"}]\n\xff\n[\"no uid!\",{\n[\"b\",{\"x\":").unwrap();
    let mut journal = reopened(&path);
    assert_eq!(journal.written().keys().cloned().collect::<Vec<_>>(), [uid("a")]);
    let mut next = journal.written().clone();
    next.insert(uid("b"), annotations("true"));
    write(&mut journal, &next);
    assert_eq!(reopened(&path).written(), &next);
    assert_eq!(
        fs::read_to_string(&path).unwrap().lines().count(),
        4,
        "it was written anew, and says that something is lost"
    );
}

/// The law of every state in which a crash or a full disk can leave a file: what is lost is never as if it had not been
/// there, however often all is written anew.
#[test]
fn a_file_that_is_empty_or_cut_off_anywhere_has_lost_something_and_says_so_until_it_is_removed() {
    let whole = "{\"version\":1}\n[\"a\",{\"x\":\"1\"}]\n[\"b\",{\"x\":\"1\"}]\n";
    let zeros = format!("{whole}\0\0\0\0");
    let is_line = |end: &usize| *end > 0 && whole.as_bytes()[end - 1] == b'\n';
    let cut = (0..whole.len()).filter(|end| !is_line(end)).map(|end| &whole[..end]);
    for left in cut.chain([zeros.as_str(), "\0\0\0\0", "\n", "[\"a\",{\n"]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accepted");
        fs::write(&path, left).unwrap();
        for value in ["1", "2"] {
            let mut journal = reopened(&path);
            let codes: Vec<_> = journal.findings().iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!(codes, ["state-unreadable"], "{left:?}");
            write(&mut journal, &[(uid("c"), annotations(value))].into());
        }
        assert_eq!(reopened(&path).written().len(), 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(reopened(&path).findings(), []);
    }
}

#[test]
fn a_file_that_is_removed_meanwhile_is_written_anew_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    let mut journal = reopened(&path);
    write(&mut journal, &[(uid("a"), annotations("1"))].into());
    fs::remove_file(&path).unwrap();
    let both = [(uid("a"), annotations("1")), (uid("b"), annotations("1"))].into();
    write(&mut journal, &both);
    assert_eq!((reopened(&path).written(), reopened(&path).findings()), (&both, &[][..]));
}

#[test]
fn a_line_of_a_later_day_is_kept_however_often_all_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    let strange = ["{\"mark\":1}", "[\"a\",null,\"and more\"]", "[\"c\",{\"x\":7}]"];
    fs::write(&path, format!("[\"a\",{{\"x\":\"1\"}}]\n{}\n", strange.join("\n"))).unwrap();
    let mut journal = reopened(&path);
    assert_eq!(journal.findings().len(), 1);
    assert!(journal.findings()[0].message.contains("has 3 lines that this egressd does not know"));
    for turn in 0..3 * MAX_OUTDATED_LINES {
        write(&mut journal, &[(uid("a"), annotations(&turn.to_string()))].into());
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().skip(1).take(3).collect::<Vec<_>>(), strange, "{text}");
    assert_eq!(reopened(&path).written(), journal.written());
    assert_eq!(journal.findings(), reopened(&path).findings());
}

/// Of a Service the last line counts. An earlier one is another draft than the one that is in force.
#[test]
fn an_earlier_line_does_not_count_where_a_later_one_of_the_same_service_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    let (earlier, other) = ("[\"a\",{\"x\":\"1\"}]", "[\"b\",{\"x\":\"1\"}]");
    for unknown in ["[\"a\",{\"x\":7}]", "[\"a\",null,\"and more\"]", "[\"a\"]", "[\"a\",[],{\"x\":\"1\"}]"] {
        fs::write(&path, format!("{{\"version\":1}}\n{earlier}\n{other}\n{unknown}\n")).unwrap();
        let journal = reopened(&path);
        assert_eq!(journal.written().keys().cloned().collect::<Vec<_>>(), [uid("b")], "{unknown}");
        fs::write(&path, format!("{{\"version\":1}}\n{unknown}\n{earlier}\n{other}\n")).unwrap();
        assert_eq!(reopened(&path).written().len(), 2, "{unknown} came before");
    }
}

/// Else the newer egressd would take its own line for the last one, once it is back.
#[test]
fn a_line_of_a_later_day_goes_with_what_is_written_or_forgotten_of_its_service() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    let unknown = "[\"a\",{\"x\":7}]";
    for changes in [vec![None], vec![Some("1")], vec![Some("1"), None]] {
        fs::write(&path, format!("{{\"version\":1}}\n{unknown}\n")).unwrap();
        let mut journal = reopened(&path);
        for change in changes {
            let newest = change.map(annotations);
            journal.write([(uid("a"), newest)].into_iter().collect()).unwrap();
        }
        let last = fs::read_to_string(&path).unwrap().lines().last().map(str::to_owned);
        assert_ne!(last.as_deref(), Some(unknown));
        for turn in 0..3 * MAX_OUTDATED_LINES {
            journal.write([(uid("b"), Some(annotations(&turn.to_string())))].into_iter().collect()).unwrap();
        }
        assert!(!fs::read_to_string(&path).unwrap().contains(unknown));
        assert_eq!(reopened(&path).written(), journal.written());
    }
}

/// An update that is undone, and that undone again.
#[test]
fn a_file_of_a_newer_version_stays_to_the_byte_and_what_is_remembered_meanwhile_is_the_end_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accepted");
    let newer = b"{\"version\":2}\n\x00\xffwhatever";
    fs::write(&path, newer).unwrap();
    let mut journal = reopened(&path);
    assert!(journal.written().is_empty());
    assert_eq!(journal.findings().len(), 1);
    let meanwhile = Accepted::from([(uid("b"), annotations("meanwhile"))]);
    for accepted in [&meanwhile, &Accepted::new(), &meanwhile] {
        write(&mut journal, accepted);
        assert_eq!(reopened(&path).written(), accepted, "over a restart");
    }
    assert_eq!(fs::read(&path).unwrap(), newer);

    // The newer one's own, as that one reads it.
    fs::write(&path, "{\"version\":1}\n[\"a\",{\"x\":\"1\"}]\n[\"b\",{\"x\":\"1\"}]\n").unwrap();
    let mut journal = reopened(&path);
    assert_eq!(journal.written().keys().cloned().collect::<Vec<_>>(), [uid("a"), uid("b")]);
    assert_eq!(journal.written()[&uid("b")], annotations("meanwhile"), "what was written last");
    let both = journal.written().clone();
    write(&mut journal, &both);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "it is in the file now");
    assert_eq!((reopened(&path).written(), reopened(&path).findings()), (&both, &[][..]));
}
