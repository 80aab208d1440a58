//! How much a component may have of everything.

use std::fmt;

/// Bytes of a component, unpacked. A ConfigMap holds 1 MiB, packed three times as much.
pub const MAX_COMPONENT: usize = 4 << 20;

/// Elements of a guest's tables: function pointers.
pub(super) const TABLE_ELEMENTS: usize = 4096;

/// Function bodies, in bytes. Compiling takes time that grows faster than the function: 28 KB of the worst kind
/// take 0.2 s, 124 KB 4 s, 956 KB minutes. The largest function of a policy in Rust has 18 KB, of QuickJS 54 KB.
pub(super) const MAX_BODY: u64 = 64 << 10;

/// Locals of a function, parameters not counted: compiling one with 2,000 and many loops takes 800 MB. The most of
/// a policy in Rust are 99, of QuickJS 86.
pub(super) const MAX_LOCALS: u32 = 500;

/// Components in components, the outermost included, and the modules in them. Two of two of two, and so on, are a
/// billion instances in 7 KB. A policy has one layer for its types, and one more where it was composed of several.
pub(super) const MAX_DEPTH: usize = 4;

/// What is counted in a component, over all modules in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Functions with a body.
    Functions,
    /// Types of modules and components.
    Types,
    /// Globals, element and data segments, imports and exports of modules: what costs some bytes each.
    Entries,
    /// Modules, and components in components.
    Parts,
    /// Instances of both.
    Instances,
    /// Aliases, and functions that go through the canonical ABI.
    Aliases,
    Memories,
}

impl Item {
    /// How many of it there may be. Far beyond what compilers for policies produce (a Rust policy has 200 functions
    /// and 30 types), and small enough that no reader has to wait.
    pub(super) fn most(self) -> u64 {
        match self {
            Self::Functions | Self::Types => 20_000,
            Self::Entries => 50_000,
            // An instance of a component is all that is in it once more, and what is nested multiplies.
            Self::Parts | Self::Instances => 60,
            Self::Aliases => 2_000,
            Self::Memories => 1,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Functions => "functions",
            Self::Types => "types",
            Self::Entries => "globals, segments, imports and exports",
            Self::Parts => "modules and components in it",
            Self::Instances => "instances in it",
            Self::Aliases => "aliases and adapted functions",
            Self::Memories => "memories",
        })
    }
}
