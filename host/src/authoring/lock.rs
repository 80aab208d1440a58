//! The part of our lock file that a policy needs, so that it is built with the versions that were tested.

use std::collections::{BTreeMap, BTreeSet};

/// The mark before each package.
const PACKAGE: &str = "[[package]]\n";

/// One package of a lock file, as text.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    /// Names, with a version where there are several.
    dependencies: Vec<&'a str>,
    text: &'a str,
}

/// What is left of a lock file for a package `name` that depends on these others. Cargo leaves out the rest that only
/// other features need.
pub(super) fn pruned(lock: &str, name: &str, dependencies: &[&str]) -> String {
    let mut parts = lock.split(PACKAGE);
    let head = parts.next().unwrap_or_default();
    let packages: Vec<Package<'_>> = parts.map(package).collect();
    let kept = reachable(&packages, dependencies);
    let mut texts: BTreeMap<(String, String), String> = BTreeMap::new();
    for index in kept {
        let package = &packages[index];
        let text = package.text.trim_end().to_owned();
        texts.insert((package.name.to_owned(), package.version.to_owned()), text);
    }
    let lines: String = dependencies.iter().map(|dependency| format!(" \"{dependency}\",\n")).collect();
    let own = format!("name = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n{lines}]");
    texts.insert((name.to_owned(), String::new()), own);
    let body: Vec<String> = texts.into_values().map(|text| format!("{PACKAGE}{text}\n")).collect();
    head.to_owned() + &body.join("\n")
}

fn package(text: &str) -> Package<'_> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.map_or("", |value| value.trim_end_matches('"'))
    };
    let list =
        text.split_once("dependencies = [\n").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    let dependencies = list.lines().map(|line| line.trim().trim_end_matches(',').trim_matches('"')).collect();
    Package { name: field("name"), version: field("version"), dependencies, text }
}

fn reachable(packages: &[Package<'_>], from: &[&str]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = from.to_vec();
    while let Some(wanted) = open.pop() {
        let (name, version) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let fits = |package: &Package<'_>| package.name == name && (version.is_empty() || version == package.version);
        let found = packages.iter().position(fits).filter(|index| reached.insert(*index));
        open.extend(found.into_iter().flat_map(|index| &packages[index].dependencies));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::pruned;

    #[test]
    fn unused_packages_are_removed_and_the_own_package_is_added() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"c 2.0.0\",\n]\n\n\
                    [[package]]\nname = \"b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"c\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"c\"\nversion = \"2.0.0\"\n";
        let expected = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"c 2.0.0\",\n]\n\n\
                        [[package]]\nname = \"b-policy\"\nversion = \"0.1.0\"\ndependencies = [\n \"a\",\n]\n\n\
                        [[package]]\nname = \"c\"\nversion = \"2.0.0\"\n";
        assert_eq!(pruned(lock, "b-policy", &["a"]), expected);
    }
}
