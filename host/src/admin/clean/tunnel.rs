//! The tunnel to other nodes, which an egressd leaves with its tables.

use egressd_core::compile::Instance;
use egressd_core::node::{Part as _, Tunnel, TunnelMaker, TunnelState};

use super::{Action, Job, Report};
use crate::errors::with_causes;
use crate::kernel::tunnel::{Error, TunnelKernel};

impl Job {
    /// Removes the tunnel of this instance, or of one whose tables are gone: there is one on a node. It goes after them, since
    /// what is left of it leads no packet anywhere without their marks.
    pub(super) fn remove_tunnel(&self, kernel: Result<impl TunnelKernel, Error>, report: &mut Report) {
        let mut kernel = match kernel {
            Ok(kernel) => kernel,
            Err(error) => return report.tunnel_stays(&error),
        };
        for instance in self.without_tables(report) {
            match self.remove_tunnel_of(&instance, &mut kernel, report) {
                Ok(()) | Err(Error::Theirs) => {}
                Err(error) => report.tunnel_stays(&error),
            }
        }
    }

    fn remove_tunnel_of(
        &self,
        instance: &Instance,
        kernel: &mut impl TunnelKernel,
        report: &mut Report,
    ) -> Result<(), Error> {
        let left = kernel.read(&TunnelMaker::of(&instance.tables()))?;
        if left.state == TunnelState::default() {
            return Ok(());
        }
        match self.action {
            Action::Remove => {
                let changes = Tunnel::diff(&left.state, &TunnelState::default());
                changes.iter().try_for_each(|effect| kernel.commit(&effect.change))?;
            }
            Action::Show => {}
        }
        report.tunnel += left.state.objects();
        report
            .notes
            .extend(left.foreign.into_iter().map(|foreign| format!("not egressd's, and stays: {}", foreign.what)));
        Ok(())
    }
}

impl Report {
    fn tunnel_stays(&mut self, error: &Error) {
        self.tunnel_left = Some(with_causes(error));
    }
}
