//! Objects that are there and cannot be read, without a last good state, where that matters beyond the objects themselves:
//! something may be in force of them.

use egressd_core::model::{ChangeKey, ObjectReference, SubjectKey, Uid, UnreadableService};
use serde::{Deserialize, Serialize};

use super::doubt::{Likelihood, PossibleObjects};

/// See above.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lost {
    pub(super) services: Vec<(SubjectKey, UnreadableService)>,
    /// Policies' ConfigMaps.
    pub(super) policies: Vec<ObjectReference>,
    /// Whether something of it could say where pods live, or which node announces addresses.
    pub(super) doubts: PossibleObjects,
}

/// The line that leaves it to the next process.
#[derive(Serialize, Deserialize)]
struct Line {
    lost: Written,
}

#[derive(Serialize, Deserialize)]
struct Written {
    services: Vec<WrittenService>,
    /// Namespace and name.
    policies: Vec<(String, String)>,
    #[serde(default)]
    doubt: Likelihood,
    #[serde(default)]
    claims: Likelihood,
}

#[derive(Serialize, Deserialize)]
struct WrittenService {
    namespace: String,
    name: String,
    uid: String,
    why: String,
}

impl Lost {
    pub(super) fn is_empty(&self) -> bool {
        let Self { services, policies, doubts } = self;
        services.is_empty() && policies.is_empty() && doubts.is_none()
    }

    pub(super) fn keys(&self) -> Vec<ChangeKey> {
        let services = self.services.iter().map(|(key, _)| ChangeKey::Subject(key.clone()));
        let policies = self.policies.iter().map(|policy| ChangeKey::Policy(policy.name.to_string()));
        services.chain(policies).chain(self.doubts.keys()).collect()
    }

    /// A line, where there is something.
    pub(super) fn line(&self) -> Option<String> {
        let service = |(key, service): &(SubjectKey, UnreadableService)| WrittenService {
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            uid: service.uid.to_string(),
            why: service.why.to_string(),
        };
        let services = self.services.iter().map(service).collect();
        let policies =
            self.policies.iter().map(|policy| (policy.namespace.to_string(), policy.name.to_string())).collect();
        let PossibleObjects { networks: doubt, claims } = self.doubts;
        let line = serde_json::to_string(&Line { lost: Written { services, policies, doubt, claims } }).ok()?;
        (!self.is_empty()).then(|| line + "\n")
    }

    /// What the line among these says that [`Lost::line`] made.
    pub(super) fn among(lines: &[u8]) -> Self {
        let mut lines = lines.split(|byte| *byte == b'\n').rev();
        let line = lines.find_map(|line| serde_json::from_slice::<Line>(line).ok());
        line.map(|line| Self::read(line.lost)).unwrap_or_default()
    }

    fn read(Written { services, policies, doubt, claims }: Written) -> Self {
        let service = |written: WrittenService| {
            let WrittenService { namespace, name, uid, why } = written;
            Some((
                SubjectKey::service(namespace, name),
                UnreadableService { uid: Uid::new(uid).ok()?, why: why.into() },
            ))
        };
        let policies = policies.into_iter().map(|(namespace, name)| ObjectReference::new(namespace, name)).collect();
        let doubts = PossibleObjects { networks: doubt, claims };
        Self { services: services.into_iter().filter_map(service).collect(), policies, doubts }
    }
}
