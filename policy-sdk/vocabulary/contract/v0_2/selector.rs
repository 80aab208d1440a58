//! Label selectors.

use egressd_vocabulary::{ContractError, LabelOperator, LabelRequirement, LabelSelector};

use super::types;

impl From<&LabelRequirement> for types::LabelRequirement {
    fn from(requirement: &LabelRequirement) -> Self {
        let (operator, values) = match requirement.operator() {
            LabelOperator::In(values) => (types::LabelOperator::In, values.iter().cloned().collect()),
            LabelOperator::NotIn(values) => (types::LabelOperator::NotIn, values.iter().cloned().collect()),
            LabelOperator::Exists => (types::LabelOperator::Exists, Vec::new()),
            LabelOperator::DoesNotExist => (types::LabelOperator::DoesNotExist, Vec::new()),
        };
        Self { key: requirement.key().to_owned(), operator, values }
    }
}

impl TryFrom<types::LabelRequirement> for LabelRequirement {
    type Error = ContractError;

    fn try_from(requirement: types::LabelRequirement) -> Result<Self, ContractError> {
        let types::LabelRequirement { key, operator, values } = requirement;
        let without = |operator| match values.first() {
            Some(_) => Err(ContractError::ValuesNotUsed { key: key.clone() }),
            None => Ok(operator),
        };
        let operator = match operator {
            types::LabelOperator::In => LabelOperator::In(values.into_iter().collect()),
            types::LabelOperator::NotIn => LabelOperator::NotIn(values.into_iter().collect()),
            types::LabelOperator::Exists => without(LabelOperator::Exists)?,
            types::LabelOperator::DoesNotExist => without(LabelOperator::DoesNotExist)?,
        };
        Self::new(key, operator).map_err(ContractError::Selector)
    }
}

/// All of it as expressions: a label with a value is one of a list of one.
impl From<&LabelSelector> for types::LabelSelector {
    fn from(selector: &LabelSelector) -> Self {
        let match_expressions = selector.requirements().iter().map(Into::into).collect();
        Self { match_labels: Vec::new(), match_expressions }
    }
}

impl TryFrom<types::LabelSelector> for LabelSelector {
    type Error = ContractError;

    fn try_from(selector: types::LabelSelector) -> Result<Self, ContractError> {
        let equal = |(key, value)| LabelRequirement::equal(key, value).map_err(ContractError::Selector);
        let labels = selector.match_labels.into_iter().map(equal);
        let expressions = selector.match_expressions.into_iter().map(TryInto::try_into);
        Ok(Self::new(labels.chain(expressions).collect::<Result<Vec<_>, _>>()?))
    }
}
