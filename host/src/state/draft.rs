//! A draft as JSON. Fields may come; what cannot be read costs the line, and the Service waits for its policies.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::decision::{Draft, OnChange, OnUnavailable, Rule, RuleParts};
use egressd_core::model::Texts;
use egressd_core::net::{PortRange, Protocol};
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::line::Kept;

/// A draft in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered(pub(super) Arc<Draft>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DraftLine {
    rules: Vec<RuleLine>,
    sever: bool,
    drop: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleLine {
    id: String,
    sources: Vec<IpAddr>,
    include: Vec<String>,
    exclude: Vec<String>,
    source_ports: Vec<PortLine>,
    destination_ports: Vec<PortLine>,
    address: IpAddr,
}

/// Protocol number, first and last port.
type PortLine = (u8, u16, u16);

impl Kept for Remembered {
    type Form = Self;

    fn form(&self) -> Self {
        self.clone()
    }

    fn kept(form: Self, _: &mut Texts) -> Self {
        form
    }
}

impl Serialize for Remembered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rules = self.0.rules().iter().map(RuleLine::of).collect();
        let sever = match self.0.on_change {
            None | Some(OnChange::Keep) => false,
            Some(OnChange::Sever) => true,
        };
        let drop = match self.0.on_unavailable {
            None | Some(OnUnavailable::Pass) => false,
            Some(OnUnavailable::Drop) => true,
        };
        DraftLine { rules, sever, drop }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Remembered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let DraftLine { rules, sever, drop } = DraftLine::deserialize(deserializer)?;
        let rules: Option<Vec<Rule>> = rules.into_iter().map(RuleLine::rule).collect();
        let rules = rules.ok_or_else(|| D::Error::custom("a rule has ports or networks that are none"))?;
        let mut draft = Draft::default().with_rules(rules).map_err(D::Error::custom)?;
        draft.on_change = sever.then_some(OnChange::Sever);
        draft.on_unavailable = drop.then_some(OnUnavailable::Drop);
        Ok(Self(Arc::new(draft)))
    }
}

impl RuleLine {
    fn of(rule: &Rule) -> Self {
        let line = |port: &PortRange| (port.protocol().number(), port.first(), port.last());
        let [source_ports, destination_ports] =
            [rule.source_ports(), rule.destination_ports()].map(|ports| ports.iter().map(line).collect());
        let [include, exclude] =
            [rule.include(), rule.exclude()].map(|networks| networks.iter().map(IpNet::to_string).collect());
        Self {
            id: rule.id().to_owned(),
            sources: rule.sources().to_vec(),
            include,
            exclude,
            source_ports,
            destination_ports,
            address: rule.address(),
        }
    }

    fn rule(self) -> Option<Rule> {
        let Self { id, sources, include, exclude, source_ports, destination_ports, address } = self;
        let port = |(number, first, last)| PortRange::new(Protocol::from_number(number)?, first, last).ok();
        let ports = |lines: Vec<PortLine>| lines.into_iter().map(port).collect::<Option<Vec<_>>>();
        let (source_ports, destination_ports) = (ports(source_ports)?, ports(destination_ports)?);
        let networks = |lines: Vec<String>| lines.iter().map(|line| line.parse().ok()).collect::<Option<Vec<IpNet>>>();
        let (include, exclude) = (networks(include)?, networks(exclude)?);
        let rule = Rule::new(id, address);
        RuleParts { sources, include, exclude, source_ports, destination_ports, ..rule.into() }.checked().ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn draft() -> Draft {
        let rule = Rule::new("ipv6", "2001:db8::10".parse().unwrap());
        let rule = RuleParts {
            sources: vec!["fd00::1".parse().unwrap()],
            include: vec!["2001:db8::/32".parse().unwrap()],
            exclude: vec!["2001:db8::7/128".parse().unwrap()],
            source_ports: vec![PortRange::new(Protocol::Sctp, 1, 65_535).unwrap()],
            destination_ports: vec![PortRange::new(Protocol::Tcp, 443, 443).unwrap()],
            ..rule.into()
        };
        let mut draft = Draft::default();
        draft.push(rule.checked().unwrap()).unwrap();
        (draft.on_change, draft.on_unavailable) = (Some(OnChange::Sever), Some(OnUnavailable::Drop));
        draft
    }

    #[test]
    fn a_draft_is_read_as_it_was_written_also_with_fields_of_a_later_day() {
        let remembered = Remembered(Arc::new(draft()));
        let text = serde_json::to_string(&remembered).unwrap();
        assert_eq!(serde_json::from_str::<Remembered>(&text).unwrap(), remembered);
        let later = text.replacen('{', r#"{"mark":7,"#, 1);
        assert_eq!(serde_json::from_str::<Remembered>(&later).unwrap(), remembered);
    }

    #[test]
    fn what_is_no_draft_is_refused() {
        let text = serde_json::to_string(&Remembered(Arc::new(draft()))).unwrap();
        for (right, wrong) in [("443,443", "0,443"), ("2001:db8::10", "2001:db8::1x"), ("[6,", "[7,")] {
            assert!(serde_json::from_str::<Remembered>(&text.replace(right, wrong)).is_err(), "{wrong}");
        }
    }
}
