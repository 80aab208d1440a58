//! The names of egressd's chains and maps.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::model::{SubjectKey, Uid};
use crate::net::Family;
use crate::ruleset::{DataKind, GATEWAYS, GUARDED, KeyKind, LONGEST_COMMENT, MapKind, Name, Stage};

/// The fixed objects of every table.
pub(super) struct Objects {
    pub(super) excluded: Name,
    pub(super) inside: Name,
    /// What leads to addresses.
    pub(super) translating: StageNames,
    /// What leads to other nodes, where there is a tunnel.
    pub(super) diverting: StageNames,
    pub(super) guarded: Name,
    pub(super) allowed_sources: Name,
    pub(super) known_pods: Name,
    pub(super) own_networks: Name,
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            excluded: const { Name::literal("egress_excluded") },
            inside: const { Name::literal("egress_inside") },
            translating: StageNames {
                addresses: const { Name::literal("egress_addrs") },
                ports: const { Name::literal("egress_ports") },
                chains: const { Name::literal("egress_chains") },
                net_pods: const { Name::literal("egress_net_pods") },
                elsewhere: const { Name::literal("egress_elsewhere") },
            },
            diverting: StageNames {
                addresses: const { Name::literal("egress_gateways") },
                ports: const { Name::literal("egress_gateway_ports") },
                chains: const { Name::literal("egress_gateway_chains") },
                net_pods: const { Name::literal("egress_gateway_net_pods") },
                elsewhere: const { Name::literal("egress_gateway_elsewhere") },
            },
            guarded: GUARDED,
            allowed_sources: const { Name::literal("egress_allowed_sources") },
            known_pods: const { Name::literal("egress_known_pods") },
            own_networks: const { Name::literal("egress_own_networks") },
        }
    }
}

/// The maps that are looked up at one stage.
pub(super) struct StageNames {
    /// What all packets of a pod lead to.
    pub(super) addresses: Name,
    pub(super) ports: Name,
    pub(super) chains: Name,
    pub(super) net_pods: Name,
    pub(super) elsewhere: Name,
}

impl Objects {
    pub(super) fn of(&self, stage: Stage) -> &StageNames {
        match stage {
            Stage::Diverting => &self.diverting,
            Stage::Translating => &self.translating,
        }
    }
}

/// `egress_allow_24`, `egress_deny_port_16`: what leads to an address, and what to none; the number is that of the
/// bits. `egress_gateway_allow_24` is what leads to another node.
pub(super) fn by_prefix(stage: Stage, kind: MapKind) -> Name {
    let of = match stage {
        Stage::Diverting => GATEWAYS,
        Stage::Translating => "egress",
    };
    let what = match kind.data {
        DataKind::Nothing => "deny",
        DataKind::Address | DataKind::Verdict | DataKind::Mark => "allow",
    };
    Name::composed(match kind.key {
        KeyKind::Address
        | KeyKind::Elsewhere
        | KeyKind::Port
        | KeyKind::Guarded
        | KeyKind::AllowedSource
        | KeyKind::KnownPod => format!("{of}_{what}"),
        KeyKind::Prefix(bits) => format!("{of}_{what}_{bits}"),
        KeyKind::PrefixPort(bits) => format!("{of}_{what}_port_{bits}"),
    })
}

/// How the names of all chains of single Services begin at a stage.
fn service_chains(stage: Stage) -> &'static str {
    match stage {
        Stage::Diverting => "kube_vip_mark_",
        Stage::Translating => "kube_vip_snat_",
    }
}

/// `kube_vip_snat_v4_<uid>_<hash of its rules>`, `kube_vip_mark_v4_...`.
pub(super) fn service_chain(stage: Stage, family: Family, uid: &Uid, content: Content) -> Name {
    Name::composed(format!("{}{}_{uid}_{content}", service_chains(stage), suffix(family)))
}

/// `kube_vip_merged_v4_<hash of the ordered list of chains>`.
pub(super) fn merged_chain(family: Family, parts: &[Name]) -> Name {
    let content = Content::of(parts.iter().map(Name::as_str));
    Name::composed(format!("kube_vip_merged_{}_{content}", suffix(family)))
}

/// A chain that another one jumps to.
pub(super) fn sub_chain(chain: &Name, number: usize) -> Name {
    Name::composed(format!("{chain}_{number}"))
}

/// What a chain says, as a part of its name. Pods of several tenants share a chain by its name alone, and tenants
/// choose most of what is hashed: so it has to be a hash for which no other content can be found, 128 bits of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content(u128);

impl Content {
    /// Of texts in order, each with its length, so that no two lists are one text.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let head = hash.finalize().into_iter().take(16);
        Self(head.fold(0, |content, byte| content << 8 | u128::from(byte)))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// `namespace/name uid`. When that is too long the name is cut, since the uid is what programs look for.
pub(super) fn comment(key: &SubjectKey, uid: &Uid) -> String {
    let room = LONGEST_COMMENT - uid.as_str().len() - 1;
    let name = key.to_string();
    format!("{} {uid}", name.get(..room).unwrap_or(&name))
}

/// Whose element it is, from its comment. None for one that leads to a chain of several Services.
pub fn uid_of_comment(comment: &str) -> Option<Uid> {
    let (_, uid) = comment.rsplit_once(' ')?;
    Uid::new(uid).ok()
}

/// Whose chain it is, from its name. None for the base chain and for one of several Services.
pub fn uid_of_chain(chain: &Name) -> Option<Uid> {
    let rest = Stage::ALL.into_iter().find_map(|stage| chain.as_str().strip_prefix(service_chains(stage)))?;
    let (_, rest) = rest.split_once('_')?;
    // No uid has a `_`.
    let (uid, _) = rest.split_once('_')?;
    Uid::new(uid).ok()
}

/// At most as many bytes as nft reads back.
pub(super) fn cut(text: &str) -> String {
    text.get(..LONGEST_COMMENT).unwrap_or(text).to_owned()
}

pub(super) fn suffix(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "v4",
        Family::Ipv6 => "v6",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::ruleset::Priority;

    #[test]
    fn an_element_and_a_chain_lead_back_to_their_service() {
        let uid = Uid::new("7b1c-42").unwrap();
        let key = SubjectKey::service("shop", "x".repeat(200));
        assert_eq!(uid_of_comment(&comment(&key, &uid)), Some(uid.clone()));
        for stage in Stage::ALL {
            let chain = service_chain(stage, Family::Ipv6, &uid, Content(7));
            assert_eq!(uid_of_chain(&chain), Some(uid.clone()));
            assert_eq!(uid_of_chain(&sub_chain(&chain, 3)), Some(uid.clone()));
        }
    }

    #[test]
    fn lists_of_texts_that_read_alike_in_a_row_have_different_names() {
        let of = |texts: &[&str]| Content::of(texts.iter().copied());
        let lists: [&[&str]; 7] = [&[], &[""], &["", ""], &["ab"], &["a", "b"], &["a\0b"], &["ab", ""]];
        for (at, list) in lists.iter().enumerate() {
            assert!(lists[..at].iter().all(|other| of(other) != of(list)), "{list:?}");
        }
        // The hash of no text is the known one: names must not change with the compiler, as std's hashes may.
        assert_eq!(of(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb924");
    }

    #[test]
    fn what_belongs_to_several_services_leads_to_none() {
        assert_eq!(uid_of_comment("shop/web shop/api"), None);
        assert_eq!(uid_of_comment("shop/web"), None);
        let chain = service_chain(Stage::Translating, Family::Ipv4, &Uid::new("a").unwrap(), Content(7));
        assert_eq!(uid_of_chain(&merged_chain(Family::Ipv4, &[chain])), None);
        assert_eq!(uid_of_chain(&Priority::DEFAULT.chain()), None);
    }
}
