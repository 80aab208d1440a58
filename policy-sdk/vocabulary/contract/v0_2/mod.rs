//! Rules, drafts and answers to contract 0.2.0 and back. Host and SDK compile this folder, each with its own generated
//! `types` in the module above: what one of them writes, the other can read.
//!
//! What comes in is checked value by value, and refused as a whole: it is never narrowed or widened.

mod answer;
mod draft;
mod rule;
mod selector;
mod shown;
mod values;

use super::types;
use egressd_vocabulary::ContractError;

fn all<T, U: TryFrom<T, Error = ContractError>>(items: Vec<T>) -> Result<Vec<U>, ContractError> {
    items.into_iter().map(U::try_from).collect()
}
