//! Services with networks: one of many changes, a cold start, new connections of their pods, and the highest cost of
//! one change within the limits.

mod changes;
mod execution;
mod lengths;
mod worst;

pub(crate) use changes::changes;
pub(crate) use lengths::lengths;
pub(crate) use worst::worst;
