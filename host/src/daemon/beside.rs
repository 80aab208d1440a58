//! kube-vip's own egress on this node.

use egressd_core::beside::ForeignTables;
use egressd_core::compile::table_names;
use tracing::warn;

use super::Daemon;
use crate::errors::with_causes;

impl Daemon {
    /// Whether it changed which tables of kube-vip's own egress are here, as far as that concerns Services of both. Where
    /// egressd's tables have its names, there are none.
    pub(super) async fn find_foreign_tables(&mut self) -> bool {
        let theirs = table_names(None);
        if self.tables.ipv4 == theirs.ipv4 || !self.pipeline.shares_services() {
            return self.pipeline.stand_beside(ForeignTables::new());
        }
        match self.kernel.ask(move |kernel| kernel.foreign(&theirs)).await {
            Ok(tables) => self.pipeline.stand_beside(tables.into_iter().map(|table| table.name).collect()),
            Err(error) => {
                warn!(error = with_causes(&error), "cannot look for kube-vip's tables");
                false
            }
        }
    }
}
