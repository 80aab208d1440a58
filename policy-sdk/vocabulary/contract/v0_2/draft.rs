//! Drafts.

use egressd_vocabulary::{ContractError, Draft, LabelSelector, OnChange, OnUnavailable};

use super::{all, types};

impl From<OnChange> for types::OnChange {
    fn from(on_change: OnChange) -> Self {
        match on_change {
            OnChange::Keep => Self::Keep,
            OnChange::Sever => Self::Sever,
        }
    }
}

impl From<types::OnChange> for OnChange {
    fn from(on_change: types::OnChange) -> Self {
        match on_change {
            types::OnChange::Keep => Self::Keep,
            types::OnChange::Sever => Self::Sever,
        }
    }
}

impl From<OnUnavailable> for types::OnUnavailable {
    fn from(on_unavailable: OnUnavailable) -> Self {
        match on_unavailable {
            OnUnavailable::Pass => Self::Pass,
            OnUnavailable::Drop => Self::Drop,
        }
    }
}

impl From<types::OnUnavailable> for OnUnavailable {
    fn from(on_unavailable: types::OnUnavailable) -> Self {
        match on_unavailable {
            types::OnUnavailable::Pass => Self::Pass,
            types::OnUnavailable::Drop => Self::Drop,
        }
    }
}

impl From<&Draft> for types::Draft {
    fn from(draft: &Draft) -> Self {
        Self {
            rules: draft.rules().iter().map(Into::into).collect(),
            on_change: draft.on_change.map(Into::into),
            on_unavailable: draft.on_unavailable.map(Into::into),
            gateways: draft.gateways().map(Into::into),
            extra: draft.extra().to_vec(),
        }
    }
}

impl TryFrom<types::Draft> for Draft {
    type Error = ContractError;

    fn try_from(draft: types::Draft) -> Result<Self, ContractError> {
        let gateways: Option<LabelSelector> = draft.gateways.map(TryInto::try_into).transpose()?;
        let mut checked = Self::default().with_rules(all(draft.rules)?)?;
        checked.on_change = draft.on_change.map(Into::into);
        checked.on_unavailable = draft.on_unavailable.map(Into::into);
        Ok(checked.with_gateways(gateways).with_extra(draft.extra))
    }
}
