//! What a compiling process could not give up: one line on its way to the parent, and one finding for people.

use std::fmt;
use std::io;

use egressd_core::finding::{Finding, Severity};

/// What the kernel, or what egressd's container may do, lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// They stay.
    Capabilities {
        /// The error number of the kernel.
        errno: i32,
    },
    /// No kernel before 5.13 has it, it can be off, and a container's own filter can forbid it.
    Landlock,
    /// The kernel was built without, or a container's own filter forbids it.
    Filter {
        /// The error number of the kernel.
        errno: i32,
    },
}

/// How a line begins that is one of these and no sentence.
const MARK: &str = "egressd-lacks";

impl Lack {
    /// The line on the child's stderr.
    pub(super) fn line(self) -> String {
        match self {
            Self::Capabilities { errno } => format!("{MARK} capabilities {errno}"),
            Self::Landlock => format!("{MARK} landlock"),
            Self::Filter { errno } => format!("{MARK} filter {errno}"),
        }
    }

    /// A line that is one of these. No text of the child comes through: it may have been taken over meanwhile.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix(MARK)?.split_whitespace();
        let (what, errno) = (parts.next()?, parts.next().and_then(|number| number.parse().ok()));
        match (what, errno) {
            ("landlock", None) => Some(Self::Landlock),
            ("capabilities", Some(errno)) => Some(Self::Capabilities { errno }),
            ("filter", Some(errno)) => Some(Self::Filter { errno }),
            _ => None,
        }
    }

    /// What is reported to people.
    pub fn finding(self) -> Finding {
        match self {
            Self::Landlock => Finding::new(Severity::Info, CODE, self.to_string()),
            Self::Capabilities { .. } | Self::Filter { .. } => Finding::warning(CODE, self.to_string()),
        }
    }
}

const CODE: &str = "compiler-not-confined";

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process that compiles policies ")?;
        match self {
            Self::Capabilities { errno } => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(
                    f,
                    "cannot drop its capabilities ({error}); allow capset and prctl in the container's seccomp profile"
                )
            }
            Self::Landlock => f.write_str(
                "runs without Landlock, so its access to files is not restricted; use Linux 5.13 or newer with \
                 Landlock enabled (CONFIG_LSM or lsm= has landlock), and allow it in the container's seccomp profile",
            ),
            Self::Filter { errno } => {
                let error = io::Error::from_raw_os_error(*errno);
                write!(
                    f,
                    "runs without a filter for system calls ({error}); use a kernel with CONFIG_SECCOMP_FILTER, and \
                     allow seccomp in the container's seccomp profile"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_a_child_writes_its_parent_reads_and_no_other_line_is_one() {
        for lack in [Lack::Landlock, Lack::Capabilities { errno: 1 }, Lack::Filter { errno: 22 }] {
            assert_eq!(Lack::read(&lack.line()).unwrap(), lack);
            assert!(lack.finding().message.as_str().starts_with("the process that compiles policies "));
        }
        for line in
            ["", "landlock", "egressd-lacks", "egressd-lacks filter", "egressd-lacks filter x", "egressd-lacks \x1b[2J"]
        {
            assert_eq!(Lack::read(line), None, "{line}");
        }
    }
}
