//! The result of a cleaning.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};

use egressd_core::compile::Instance;
use egressd_core::ruleset::Layout;

use crate::instances::orphans::UseSign;
use crate::kernel::nft::TableId;

/// What a job does about tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It removes them, and their locks.
    #[default]
    Remove,
    /// It reports which it would remove, and changes nothing.
    Show,
}

/// What was removed, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub action: Action,
    /// The tables that are gone, or would be.
    pub removed: Vec<TableId>,
    /// The tables of egressd's making that should be gone and are still there.
    pub left: Vec<KeptTable>,
    /// How many IPsec policies of the guard's backstop are gone, or would be.
    pub policies: usize,
    /// Why some of them may be left.
    pub policies_left: Option<String>,
    /// How many objects of the tunnel to other nodes are gone, or would be: its device, rules and routes.
    pub tunnel: usize,
    /// Why some of them may be left.
    pub tunnel_left: Option<String>,
    /// The other instances that live. Their tables are theirs, and nothing is left to do about them.
    pub living: BTreeSet<Instance>,
    /// What else is to be printed.
    pub notes: Vec<String>,
}

/// A table that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTable {
    pub table: TableId,
    pub why: KeepReason,
}

/// Why a table stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepReason {
    /// An egressd manages it.
    InUse(UseSign),
    /// Nothing shows whether one does.
    Unclear {
        instance: Instance,
        /// What is wrong with its lock.
        cause: String,
    },
    /// A newer egressd made it, in this layout.
    Newer(Layout),
    Refused(String),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanOutcome {
    /// Nothing is left of what was to be removed.
    Cleaned,
    Incomplete,
}

impl Report {
    /// A table stays because its instance, which is not this one, lives.
    pub(super) fn lives(&mut self, instance: &Instance, table: &TableId, sign: UseSign) {
        self.living.insert(instance.clone());
        self.notes.push(format!("{table} stays: {sign}"));
    }

    /// Whether something is left.
    pub fn outcome(&self) -> CleanOutcome {
        let is_clean = self.left.is_empty() && self.parts_left().next().is_none();
        if is_clean { CleanOutcome::Cleaned } else { CleanOutcome::Incomplete }
    }

    /// Why something of the parts beside the tables may be left.
    fn parts_left(&self) -> impl Iterator<Item = String> {
        self.tunnel_left.iter().chain(&self.policies_left).cloned()
    }

    /// What is left and why, in one line.
    pub fn left(&self) -> String {
        self.left.iter().map(KeptTable::to_string).chain(self.parts_left()).collect::<Vec<_>>().join("; ")
    }

    /// What was removed for whoever goes on with it, the rest for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<()> {
        let mut names: Vec<String> = self.removed.iter().map(|table| table.name.to_string()).collect();
        names.extend((self.tunnel > 0).then(|| format!("tunnel to other nodes ({} objects)", self.tunnel)));
        names.extend((self.policies > 0).then(|| format!("IPsec policies ({})", self.policies)));
        match (names.as_slice(), self.outcome(), self.action) {
            ([], CleanOutcome::Cleaned, Action::Remove) => writeln!(out, "nothing to remove")?,
            ([], CleanOutcome::Cleaned, Action::Show) => writeln!(out, "nothing to remove")?,
            ([], CleanOutcome::Incomplete, Action::Remove) => writeln!(out, "nothing was removed")?,
            ([], CleanOutcome::Incomplete, Action::Show) => writeln!(out, "would remove nothing")?,
            (names, CleanOutcome::Cleaned | CleanOutcome::Incomplete, Action::Remove) => {
                writeln!(out, "removed {}", names.join(", "))?
            }
            (names, CleanOutcome::Cleaned | CleanOutcome::Incomplete, Action::Show) => {
                writeln!(out, "would remove {}", names.join(", "))?
            }
        }
        let left = self.left.iter().map(|table| match self.action {
            Action::Remove => table.to_string(),
            Action::Show => format!("{} would stay{}", table.table, table.why),
        });
        left.chain(self.parts_left())
            .chain(self.notes.iter().cloned())
            .try_for_each(|line| writeln!(errors, "egressd: {line}"))
    }
}

impl fmt::Display for KeptTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot remove {}{}", self.table, self.why)
    }
}

/// What follows on "cannot remove the table".
impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(sign) => write!(f, ": {sign}; end that one first"),
            Self::Unclear { instance, cause } => write!(
                f,
                ": it is unknown whether an egressd {instance} runs ({cause}); when none does, `egressd clean \
                 --instance-name={}` removes it",
                instance.setting()
            ),
            Self::Newer(layout) => write!(
                f,
                " (newer-layout): a newer egressd made it in layout {layout}, and this one knows layouts up to {}; \
                 `egressd clean` of the newer one removes it, or this one with --newer-layout",
                Layout::OURS
            ),
            Self::Refused(cause) => write!(f, ": {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::net::Family;

    use super::*;

    fn printed(report: &Report) -> (String, String) {
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        report.print(&mut out, &mut errors).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
    }

    #[test]
    fn what_stays_is_named_with_the_reason_and_what_to_do() {
        let [ipv4, ipv6] = Family::ALL
            .map(|family| TableId { family: family.into(), name: Instance::Default.tables().of(family).clone() });
        let unclear = KeepReason::Unclear { instance: Instance::Default, cause: "it is not there".to_owned() };
        let left = vec![
            KeptTable { table: ipv4.clone(), why: KeepReason::InUse(UseSign::Owner(7)) },
            KeptTable { table: ipv6, why: unclear },
        ];
        let notes = vec!["by the way".to_owned()];
        let report = Report { removed: vec![ipv4], left, notes, ..Report::default() };
        let (out, errors) = printed(&report);
        assert_eq!(out, "removed kube_vip_v4\n");
        assert_eq!(
            errors,
            "egressd: cannot remove table ip kube_vip_v4: a running egressd (or other process) owns it (netlink port \
             7); end that one first\n\
             egressd: cannot remove table ip6 kube_vip_v6: it is unknown whether an egressd without an instance name \
             runs (it is not there); when none does, `egressd clean --instance-name=` removes it\n\
             egressd: by the way\n"
        );
    }

    #[test]
    fn what_is_only_shown_is_not_called_removed() {
        let ipv4 = TableId { family: Family::Ipv4.into(), name: Instance::Default.tables().of(Family::Ipv4).clone() };
        let nothing = Report { action: Action::Show, ..Report::default() };
        assert_eq!(printed(&nothing).0, "nothing to remove\n");
        assert_eq!(printed(&Report { removed: vec![ipv4.clone()], ..nothing.clone() }).0, "would remove kube_vip_v4\n");
        let left = vec![KeptTable { table: ipv4, why: KeepReason::InUse(UseSign::Owner(7)) }];
        let (out, errors) = printed(&Report { left, ..nothing });
        assert_eq!(out, "would remove nothing\n");
        assert_eq!(
            errors,
            "egressd: table ip kube_vip_v4 would stay: a running egressd (or other process) owns it (netlink port 7); \
             end that one first\n"
        );
    }

    #[test]
    fn nothing_to_do_is_fine() {
        assert_eq!(printed(&Report::default()), ("nothing to remove\n".to_owned(), String::new()));
        assert_eq!(Report::default().outcome(), CleanOutcome::Cleaned);
    }
}
