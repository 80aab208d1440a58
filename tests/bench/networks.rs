//! Services with networks: one of many changes, all come at once, new connections of their pods, and the most that the
//! limits let one change cost.

mod changes;
mod execution;
mod lengths;
mod worst;

pub(crate) use changes::changes;
pub(crate) use lengths::lengths;
pub(crate) use worst::worst;
