//! Which policies there should be, as far as a source can know.

use std::sync::Arc;

use egressd_core::model::Snapshot;

use super::Objects;

/// What the ConfigMaps say, and for one that is there and cannot be read, what was in force of it before.
pub fn wanted(snapshot: &Snapshot, in_force: &Objects) -> Objects {
    let readable = snapshot.policies.iter().map(|(name, object)| (name.clone(), Arc::clone(object)));
    let unreadable = snapshot.unreadable.policies.iter();
    let before = unreadable.filter_map(|name| Some((name.clone(), Arc::clone(in_force.get(name)?))));
    before.chain(readable).collect()
}

#[cfg(test)]
mod tests {
    use egressd_core::model::PolicyObject;

    use super::*;

    fn named(name: &str, settings: &str) -> (String, Arc<PolicyObject>) {
        let settings = Some(settings.to_owned());
        (name.to_owned(), Arc::new(PolicyObject { name: name.to_owned(), settings, ..PolicyObject::default() }))
    }

    #[test]
    fn a_guard_whose_config_map_cannot_be_read_is_wanted_as_it_was_in_force() {
        let in_force: Objects = [named("gone", "1"), named("lost", "1"), named("read", "1")].into();
        let mut snapshot = Snapshot { policies: [named("read", "2")].into_iter().collect(), ..Snapshot::default() };
        snapshot.unreadable.policies.extend(["lost".to_owned(), "never-known".to_owned()]);
        assert_eq!(wanted(&snapshot, &in_force), [named("lost", "1"), named("read", "2")].into());
    }
}
