#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::MetadataExt;

use super::*;

const WEB: &str = "/srv/web.yaml";

fn recalled(sources: &Sources, of: &str) -> Vec<u8> {
    match sources.recall(of) {
        RestoredSource::Lines(lines) => lines,
        other @ (RestoredSource::Nothing | RestoredSource::Unknown(_)) => panic!("{other:?}"),
    }
}

#[test]
fn what_is_remembered_of_a_source_is_recalled_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(&dir.path().join("state"));
    assert_eq!(sources.recall(WEB), RestoredSource::Nothing);
    sources.remember(WEB, b"1\n").unwrap();
    sources.remember("/srv/other.yaml", b"").unwrap();
    sources.remember(WEB, b"2\n3\n").unwrap();
    assert_eq!(recalled(&Sources::of(&dir.path().join("state")), WEB), b"2\n3\n");
    assert_eq!(sources.others(&BTreeSet::new()), [WEB, "/srv/other.yaml"].map(str::to_owned).into());
    assert_eq!(sources.others(&[WEB.to_owned()].into()), ["/srv/other.yaml".to_owned()].into());
    sources.forget(WEB).unwrap();
    sources.forget(WEB).unwrap();
    assert_eq!((sources.recall(WEB), recalled(&sources, "/srv/other.yaml")), (RestoredSource::Nothing, vec![]));
}

#[test]
fn what_is_no_news_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    sources.remember(WEB, b"1\n").unwrap();
    let inode = || fs::metadata(sources.file(WEB)).unwrap().ino();
    let before = inode();
    sources.remember(WEB, b"1\n").unwrap();
    assert_eq!(inode(), before);
}

#[test]
fn what_cannot_be_read_or_is_of_a_newer_version_stays_and_is_not_taken_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    sources.remember(WEB, b"1\n").unwrap();
    let file = sources.file(WEB);
    for (bytes, code) in [(&b"{\"version\":2,\"of\":\"?\"}\n"[..], "newer-state"), (b"\0", "state-unreadable")] {
        fs::write(&file, bytes).unwrap();
        let RestoredSource::Unknown(finding) = sources.recall(WEB) else { panic!("{code}") };
        assert_eq!(finding.code, code);
        assert!(finding.message.contains("/srv/web.yaml"), "{}", finding.message);
    }
}

#[test]
fn beside_a_newer_file_this_egressd_remembers_what_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    sources.remember(WEB, b"1\n").unwrap();
    let (file, newer) = (sources.file(WEB), b"{\"version\":2}\nof a later day");
    fs::write(&file, newer).unwrap();
    sources.remember(WEB, b"2\n").unwrap();
    assert_eq!(recalled(&sources, WEB), b"2\n");
    assert_eq!(sources.others(&BTreeSet::new()), [WEB.to_owned()].into());
    sources.forget(WEB).unwrap();
    assert!(matches!(sources.recall(WEB), RestoredSource::Unknown(_)));
    assert_eq!(fs::read(&file).unwrap(), newer);
}

#[test]
fn files_are_their_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(&dir.path().join("state"));
    sources.remember(WEB, b"1\n").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!([&sources.state, &sources.folder, &sources.file(WEB)].map(|path| mode(path)), [0o700, 0o700, 0o600]);
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_unknown_and_not_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources::of(dir.path());
    sources.remember(WEB, b"1\n2\n").unwrap();
    let whole = fs::read(sources.file(WEB)).unwrap();
    for length in 0..whole.len() {
        fs::write(sources.file(WEB), &whole[..length]).unwrap();
        assert!(matches!(sources.recall(WEB), RestoredSource::Unknown(_)), "of {length} bytes");
    }
}
