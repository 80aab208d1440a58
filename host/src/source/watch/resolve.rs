//! Resolves a path: every directory that is passed, and the name that is looked up in it. Where one of these names comes to
//! mean something else, the path does.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{self, Component, Path, PathBuf};

/// So many links are followed, as the kernel does (`MAXSYMLINKS`): beyond, there is a loop.
const MAX_LINKS: usize = 40;

/// A name in a directory; the directory's own path has no links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) directory: PathBuf,
    pub(super) name: OsString,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathTarget {
    /// A directory, by its path without links.
    Directory(PathBuf),
    /// Something else, which is the last step.
    File(Step),
    /// Nothing: the last step leads nowhere, or round in circles.
    Nothing,
}

/// The look-ups of a path, and what they lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvedPath {
    pub(super) steps: Vec<Step>,
    pub(super) end: PathTarget,
}

/// Resolves a path from the root.
///
/// # Errors
/// When the path is relative and there is no current directory.
pub(super) fn resolve(path: &Path) -> io::Result<ResolvedPath> {
    let mut resolver = Resolver { at: PathBuf::from("/"), rest: VecDeque::new(), steps: Vec::new() };
    resolver.put_before(&path::absolute(path)?);
    Ok(resolver.run())
}

/// Resolves a name in a directory, whose path has no links.
pub(super) fn resolve_in(directory: &Path, name: OsString) -> ResolvedPath {
    Resolver { at: directory.to_owned(), rest: [PathPart::Name(name)].into(), steps: Vec::new() }.run()
}

struct Resolver {
    at: PathBuf,
    rest: VecDeque<PathPart>,
    steps: Vec<Step>,
}

enum PathPart {
    Root,
    Up,
    Name(OsString),
}

impl Resolver {
    fn run(mut self) -> ResolvedPath {
        let mut links = 0;
        while let Some(part) = self.rest.pop_front() {
            let name = match part {
                PathPart::Root => {
                    self.at = PathBuf::from("/");
                    continue;
                }
                PathPart::Up => {
                    self.at.pop();
                    continue;
                }
                PathPart::Name(name) => name,
            };
            let step = Step { directory: self.at.clone(), name };
            self.steps.push(step.clone());
            let path = step.directory.join(&step.name);
            match fs::symlink_metadata(&path).map(|found| found.file_type()) {
                Ok(kind) if kind.is_dir() => self.at = path,
                Ok(kind) if kind.is_symlink() && links < MAX_LINKS => {
                    links += 1;
                    match fs::read_link(&path) {
                        Ok(target) => self.put_before(&target),
                        Err(_) => return self.ending(PathTarget::Nothing),
                    }
                }
                Ok(kind) if !kind.is_symlink() && self.rest.is_empty() => return self.ending(PathTarget::File(step)),
                Ok(_) | Err(_) => return self.ending(PathTarget::Nothing),
            }
        }
        let end = PathTarget::Directory(self.at.clone());
        self.ending(end)
    }

    /// What a link says comes before what is left.
    fn put_before(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::RootDir => self.rest.push_front(PathPart::Root),
                Component::ParentDir => self.rest.push_front(PathPart::Up),
                Component::Normal(name) => self.rest.push_front(PathPart::Name(name.to_owned())),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    fn ending(self, end: PathTarget) -> ResolvedPath {
        ResolvedPath { steps: self.steps, end }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn names(resolved: &ResolvedPath) -> Vec<String> {
        resolved.steps.iter().map(|step| step.name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn every_link_of_a_chain_is_a_step_and_the_end_is_the_file_itself() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        fs::create_dir_all(at("x/deep")).unwrap();
        fs::create_dir(at("d")).unwrap();
        fs::write(at("x/deep/real.yaml"), "").unwrap();
        symlink("deep", at("x/short")).unwrap();
        symlink("../x/short/real.yaml", at("d/second")).unwrap();
        symlink(at("d/second"), at("d/app.yaml")).unwrap();
        let resolved = resolve_in(&at("d"), "app.yaml".into());
        let end = Step { directory: at("x/deep"), name: "real.yaml".into() };
        assert_eq!(resolved.end, PathTarget::File(end));
        let links: Vec<String> = names(&resolved).into_iter().rev().take(6).collect();
        assert_eq!(links, ["real.yaml", "deep", "short", "x", "second", "d"]);
        assert_eq!(resolved.steps[0], Step { directory: at("d"), name: "app.yaml".into() });
    }

    #[test]
    fn a_path_with_a_loop_or_a_missing_target_ends_where_it_stops() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        symlink("gone/app.yaml", root.join("c")).unwrap();
        let circle = resolve_in(&root, "a".into());
        assert_eq!((circle.end, circle.steps.len()), (PathTarget::Nothing, MAX_LINKS + 1));
        let nowhere = resolve_in(&root, "c".into());
        assert_eq!((names(&nowhere), nowhere.end), (vec!["c".to_owned(), "gone".to_owned()], PathTarget::Nothing));
        fs::write(root.join("file"), "").unwrap();
        assert_eq!(resolve(&root.join("file/below")).unwrap().end, PathTarget::Nothing);
        assert_eq!(resolve(&root.join(".././")).unwrap().end, PathTarget::Directory(root.parent().unwrap().to_owned()));
    }
}
