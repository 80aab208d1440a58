//! The egressds of this node: the lock that shows whether one lives, and the tables of those that have ended.

pub mod lock;
pub mod orphans;
