#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::model::UnixTime;

use super::*;

/// Everything that there is to remember.
fn remember_all(state: &mut StateDir) {
    let uid = Uid::new("a").unwrap();
    state.remember([(uid.clone(), Some(Arc::default()))].into(), [(uid, Some(Arc::default()))].into());
    let guard = PolicyObject { name: "guard".to_owned(), ..PolicyObject::default() };
    state.remember_policies(&[("guard".to_owned(), Arc::new(guard))].into());
    state.remember_networks(&KnownNetworks::default());
    state.write_sign(SignOfLife { at: UnixTime(1), beginning: BTreeSet::new() });
}

/// All files below a directory.
fn written(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (BTreeSet<_>, BTreeSet<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| written(folder))).collect()
}

/// The law of every file in the directory, those of a later day included: a new one that is not versioned fails here.
#[test]
fn every_file_of_a_newer_version_stays_to_the_byte_and_is_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    remember_all(&mut StateDir::open(dir.path()));
    let files = [ACCEPTED, DRAFTS, "policies/guard.policy", NETWORKS, ALIVE].map(|name| dir.path().join(name));
    let newer = b"{\"version\":2,\"of\":\"a later day\"}\n\x00\xff";
    assert_eq!(written(dir.path()), files.iter().cloned().collect(), "the files that this test knows");
    for file in &files {
        fs::write(file, newer).unwrap();
    }
    let mut state = StateDir::open(dir.path());
    assert_eq!(state.findings().iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["newer-state"; 5]);
    assert_eq!((state.memory(), state.lost_policies()), (RestoredState::Partial, ["guard".to_owned()].into()));
    remember_all(&mut state);
    state.remember(Updates::new(), Updates::new());
    remember_all(&mut state);
    let next = StateDir::open(dir.path());
    assert_eq!((next.accepted().len(), next.drafts().len(), next.policies().len()), (1, 1, 1), "over a restart");
    assert_eq!((next.memory(), next.lost_policies()), (RestoredState::Partial, BTreeSet::new()));
    assert!(files.iter().all(|file| fs::read(file).unwrap() == newer));
}

/// What was translated before goes on after an update alone, and where nothing is left it is not known which release it
/// was.
#[test]
fn an_earlier_release_is_known_by_what_it_left() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!StateDir::open(dir.path()).is_of_an_earlier_release() && StateDir::open(dir.path()).is_bare());
    StateDir::open(dir.path()).lose();
    assert_eq!(StateDir::open(dir.path()).memory(), RestoredState::Partial, "over a restart");
    assert!(StateDir::open(dir.path()).is_of_an_earlier_release() && !StateDir::open(dir.path()).is_bare());
    fs::create_dir(dir.path().join(sources::FOLDER)).unwrap();
    assert!(!StateDir::open(dir.path()).is_of_an_earlier_release());
}

#[test]
fn what_is_written_by_this_version_is_all_known_to_it() {
    let dir = tempfile::tempdir().unwrap();
    remember_all(&mut StateDir::open(dir.path()));
    let state = StateDir::open(dir.path());
    assert_eq!(
        (state.findings(), state.memory(), state.lost_policies()),
        (vec![], RestoredState::Whole, BTreeSet::new())
    );
}

#[test]
fn a_directory_that_cannot_be_written_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let mut state = StateDir::open(&file.join("below"));
    state.remember([(Uid::new("a").unwrap(), Some(Arc::default()))].into(), Default::default());
    assert!(state.accepted().is_empty(), "it is tried again with the next change");
}

#[test]
fn what_cannot_be_read_is_reported_and_what_is_not_there_is_not() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(StateDir::open(dir.path()).findings(), []);
    std::os::unix::fs::symlink("/dev/null", dir.path().join(ACCEPTED)).unwrap();
    let findings = StateDir::open(dir.path()).findings();
    assert!(matches!(&findings[..], [one] if one.code == "state-unreadable" && one.message.contains("accepted: ")));
}

/// Whatever the umask of the machine is.
#[test]
fn what_an_earlier_release_wrote_is_closed_to_others() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(POLICIES);
    fs::create_dir(&folder).unwrap();
    let files = [dir.path().join(ACCEPTED), dir.path().join(DRAFTS), folder.join("a.policy")];
    files.iter().for_each(|file| fs::write(file, "").unwrap());
    let all = || files.iter().map(PathBuf::as_path).chain([dir.path(), &folder]);
    all().for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap());
    assert_eq!(StateDir::narrow(dir.path()), None);
    let modes: Vec<u32> = all().map(|path| fs::metadata(path).unwrap().mode() & 0o777).collect();
    assert_eq!(modes, [0o600, 0o600, 0o600, 0o700, 0o700]);
}
