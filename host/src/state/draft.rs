//! A draft as JSON. Fields may come; what cannot be read costs the line, and the Service waits for its policies.
//!
//! An older egressd leaves out what it does not know. What would make another draft of it, were it left out, stands
//! beside what that one needs and in its place, so that it refuses the line.

mod gateways;
mod rule;

use std::sync::Arc;

use egressd_core::decision::{Draft, Extra, LabelSelector, OnChange, OnUnavailable, Rule};
use egressd_core::model::Texts;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::gateways::RequirementLine;
use self::rule::RuleLine;
use super::line::Kept;

/// A draft in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered(pub(super) Arc<Draft>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DraftLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<RuleLine>>,
    sever: bool,
    drop: bool,
    /// What was decided though it is as it would be by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    decided: Vec<Decided>,
    /// Instead of `rules`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_gateways: Option<AtGateways>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extra: Extra,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Decided {
    Keep,
    Pass,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AtGateways {
    gateways: Vec<RequirementLine>,
    rules: Vec<RuleLine>,
}

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
        DraftLine::of(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Remembered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DraftLine::deserialize(deserializer)?.draft().map(|draft| Self(Arc::new(draft))).map_err(D::Error::custom)
    }
}

impl DraftLine {
    fn of(draft: &Draft) -> Self {
        let rules = draft.rules().iter().map(RuleLine::of).collect();
        let (keep, sever) = match draft.on_change {
            None => (None, false),
            Some(OnChange::Keep) => (Some(Decided::Keep), false),
            Some(OnChange::Sever) => (None, true),
        };
        let (pass, drop) = match draft.on_unavailable {
            None => (None, false),
            Some(OnUnavailable::Pass) => (Some(Decided::Pass), false),
            Some(OnUnavailable::Drop) => (None, true),
        };
        let (rules, at_gateways) = match draft.gateways() {
            None => (Some(rules), None),
            Some(selector) => (None, Some(AtGateways { gateways: gateways::lines(selector), rules })),
        };
        let decided = keep.into_iter().chain(pass).collect();
        Self { rules, sever, drop, decided, at_gateways, extra: draft.extra().to_vec() }
    }

    fn draft(self) -> Result<Draft, String> {
        let Self { rules, sever, drop, decided, at_gateways, extra } = self;
        let (rules, gateways): (_, Option<LabelSelector>) = match (rules, at_gateways) {
            (Some(rules), None) => (rules, None),
            (None, Some(at)) => (at.rules, Some(gateways::selector(at.gateways)?)),
            (None, None) | (Some(_), Some(_)) => return Err("a draft has no rules, or has them twice".to_owned()),
        };
        let rules = rules.into_iter().map(RuleLine::rule).collect::<Result<Vec<Rule>, _>>()?;
        let mut draft = Draft::default().with_rules(rules).map_err(|error| error.to_string())?;
        let kept = decided.contains(&Decided::Keep).then_some(OnChange::Keep);
        let passed = decided.contains(&Decided::Pass).then_some(OnUnavailable::Pass);
        draft.on_change = if sever { Some(OnChange::Sever) } else { kept };
        draft.on_unavailable = if drop { Some(OnUnavailable::Drop) } else { passed };
        Ok(draft.with_gateways(gateways).with_extra(extra))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::decision::{Dscp, LabelRequirement, Mark, RuleParts};
    use egressd_core::net::{PortRange, PortSpan, Protocol};
    use serde_json::Value;

    use super::*;

    fn plain() -> Rule {
        let rule = Rule::new("ipv6", "2001:db8::10".parse().unwrap());
        let rule = RuleParts {
            sources: vec!["fd00::1".parse().unwrap()],
            include: vec!["2001:db8::/32".parse().unwrap()],
            exclude: vec!["2001:db8::7/128".parse().unwrap()],
            source_ports: vec![PortRange::new(Protocol::Sctp, 1, 65_535).unwrap()],
            destination_ports: vec![PortRange::new(Protocol::Tcp, 443, 443).unwrap()],
            ..rule.into()
        };
        rule.checked().unwrap()
    }

    fn draft_of(rule: Rule) -> Draft {
        let mut draft = Draft::default();
        draft.push(rule).unwrap();
        draft
    }

    fn draft() -> Draft {
        let mut draft = draft_of(plain());
        (draft.on_change, draft.on_unavailable) = (Some(OnChange::Sever), Some(OnUnavailable::Drop));
        draft
    }

    /// Drafts with one thing each that an older egressd does not know.
    fn newer() -> Vec<Draft> {
        let further = ["2001:db8::10", "2001:db8::11"].map(|address| address.parse().unwrap());
        let requirement = LabelRequirement::equal("egress", "yes").unwrap();
        let rules = [
            plain().with_addresses(further).unwrap(),
            plain().with_translated_ports(PortSpan::new(1024, 2047).unwrap()),
            plain().with_dscp(Dscp::new(46).unwrap()),
            plain().with_mark(Mark::new(1, 255).unwrap()),
        ];
        let gateways = draft().with_gateways(LabelSelector::new([requirement]));
        rules.into_iter().map(draft_of).chain([gateways]).collect()
    }

    fn written(draft: &Draft) -> String {
        serde_json::to_string(&Remembered(Arc::new(draft.clone()))).unwrap()
    }

    fn read(text: &str) -> serde_json::Result<Draft> {
        serde_json::from_str::<Remembered>(text).map(|remembered| Draft::clone(&remembered.0))
    }

    #[test]
    fn a_draft_is_read_as_it_was_written_also_with_fields_of_a_later_day() {
        assert_eq!(read(&written(&draft())).unwrap(), draft());
        let later = written(&draft()).replacen('{', r#"{"mark":7,"#, 1);
        assert_eq!(read(&later).unwrap(), draft());
        for draft in newer() {
            assert_eq!(read(&written(&draft)).unwrap(), draft);
        }
    }

    #[test]
    fn what_is_decided_as_it_would_be_anyway_is_still_decided() {
        let mut draft = draft_of(plain().with_extra(vec![("a".into(), "b".into())]));
        draft = draft.with_extra(vec![("c".into(), "d".into())]);
        for (on_change, on_unavailable) in
            [(None, None), (Some(OnChange::Keep), None), (Some(OnChange::Keep), Some(OnUnavailable::Pass))]
        {
            (draft.on_change, draft.on_unavailable) = (on_change, on_unavailable);
            assert_eq!(read(&written(&draft)).unwrap(), draft);
        }
    }

    #[test]
    fn a_plain_draft_is_written_as_it_always_was() {
        let rule = r#"{"id":"ipv6","sources":["fd00::1"],"include":["2001:db8::/32"],"exclude":["2001:db8::7/128"],"sourcePorts":[[132,1,65535]],"destinationPorts":[[6,443,443]],"address":"2001:db8::10"}"#;
        assert_eq!(written(&draft()), format!(r#"{{"rules":[{rule}],"sever":true,"drop":true}}"#));
    }

    /// One of before needs `rules` in a draft and `address` in a rule.
    #[test]
    fn an_older_egressd_refuses_what_it_would_misread() {
        for draft in newer() {
            let line: Value = serde_json::from_str(&written(&draft)).unwrap();
            let rules = line.get("rules").and_then(Value::as_array);
            let refused = rules.is_none_or(|rules| rules.iter().any(|rule| rule.get("address").is_none()));
            assert!(refused, "{line}");
        }
    }

    #[test]
    fn what_is_no_draft_is_refused() {
        let text = written(&draft());
        let wrong = [
            ("443,443", "0,443"),
            ("2001:db8::10", "2001:db8::1x"),
            ("[6,", "[7,"),
            ("\"fd00::1\"", "\"10.0.0.1\""),
            ("\"rules\"", "\"roles\""),
        ];
        for (right, wrong) in wrong {
            assert!(read(&text.replace(right, wrong)).is_err(), "{wrong}");
        }
    }
}
