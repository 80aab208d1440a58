//! Why bytes cannot be a policy: one sentence each, which says what would be right.

use std::fmt;
use std::time::Duration;

use egressd_core::text::{Text, plain};

use super::bounds::{Item, MAX_BODY, MAX_COMPONENT, MAX_DEPTH, MAX_LOCALS, TABLE_ELEMENTS};
use super::limits::Limits;
use super::world::{Kind, PACKAGE, Version};

/// What a component consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentPart {
    /// A core module.
    Module,
    /// Another component.
    Component,
}

impl fmt::Display for ComponentPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Module => "core module",
            Self::Component => "component",
        })
    }
}

/// Why bytes are no policy that egressd takes.
#[derive(Debug, thiserror::Error)]
pub enum InvalidComponent {
    #[error("it is empty: a WebAssembly component is expected")]
    Empty,
    #[error(
        "it has {bytes} bytes, and the limit is {MAX_COMPONENT}: strip it (`egressd policy build` does) and optimise for size"
    )]
    Large {
        /// How many; for a stream that was not read to its end, so many and perhaps more.
        bytes: usize,
    },
    /// An ELF file: a program, or what wasmtime compiled.
    #[error("it is native code, which is never run: give the WebAssembly component that it was compiled from")]
    Native,
    #[error("it is text and not WebAssembly: give the binary component (`egressd policy build` makes one)")]
    Text,
    #[error("it is compressed with gzip: put it under the key policy.wasm.gz, or unpack it")]
    Gzip,
    #[error(
        "it is not WebAssembly: it does not begin with the bytes 00 61 73 6d (`egressd policy build` makes a component)"
    )]
    NotWasm,
    #[error("it is a core module and not a component: `egressd policy build` makes a component of it")]
    CoreModule,
    #[error("it is a component already: give the core module that cargo built, or use it as it is")]
    Component,
    #[error("it ends in the middle of something, behind byte {bytes}: it was cut off, so build or copy it again")]
    Truncated {
        /// How far it could be read.
        bytes: u64,
    },
    /// Against the specification, or with a feature that the engine has switched off.
    #[error(
        "it is not valid WebAssembly, or uses a feature that policies may not (simd, threads, 64-bit memories, tail calls, exceptions, garbage collection): {what}"
    )]
    Invalid { what: String },
    #[error(
        "function {function} has a body of {bytes} bytes, and the limit is {MAX_BODY}: split it, or optimise for size"
    )]
    Body {
        /// Its number, in the order of the file.
        function: usize,
        bytes: u64,
    },
    #[error("function {function} has {locals} local variables, and the limit is {MAX_LOCALS}: split it")]
    Locals {
        /// Its number, in the order of the file.
        function: usize,
        locals: u64,
    },
    #[error("it has {count} {item}, and the limit is {}: leave out what it does not need", item.most())]
    Many {
        item: Item,
        /// How many, when counting stopped.
        count: u64,
    },
    #[error("components are nested more than {MAX_DEPTH} deep in it: compose it of fewer")]
    Nested,
    /// It costs as much as any other, for nothing.
    #[error("it has {part} {number}, which is never instantiated, so no call can reach it: leave it out")]
    Unused {
        part: ComponentPart,
        /// Its number in the component around it.
        number: usize,
    },
    /// A memory that is larger from the beginning than it may become.
    #[error(
        "its memory begins with {bytes} bytes, and the limit is {}: link it with a smaller stack (`-C \
         link-arg=-zstack-size=65536`) and less static data",
        Limits::MEMORY
    )]
    Memory { bytes: u64 },
    /// A table that is larger from the beginning than it may become.
    #[error(
        "its table begins with {elements} elements, and the limit is {TABLE_ELEMENTS}: call fewer functions through \
         pointers"
    )]
    Table { elements: u64 },
    #[error(
        "it imports {name}, and a policy has no access to the system: build it for wasm32-unknown-unknown, not for \
         wasm32-wasip1 or wasm32-wasip2, and without what needs files, clocks or randomness"
    )]
    Wasi { name: String },
    #[error("it imports {name}, and a policy may import {PACKAGE}host and nothing else: leave out what needs it")]
    Import { name: String },
    #[error(
        "it was built for {name}, and this egressd serves contract {}: build it with the SDK that `egressd policy new` of this egressd writes",
        Version::all()
    )]
    Version {
        /// The interface with its version.
        name: String,
    },
    #[error(
        "it has interfaces of contract {versions} together, and a component is of one version: build all of it with one SDK"
    )]
    Versions { versions: String },
    #[error("it exports none of {}: implement one of the SDK's traits and export it", exports())]
    NoExport,
    #[error("it exports both {one} and {other}: make two policies of it")]
    BothExports { one: String, other: String },
    /// A world of the contract that is not served yet.
    #[error(
        "it has world subjects, which this egressd cannot ask yet; worlds policy and validator are served: export one of those"
    )]
    Subjects,
    #[error("it does not fit the contract {}@{version}: {what}; build it against the WIT of this egressd", PACKAGE.trim_end_matches('/'))]
    Misfit { version: Version, what: String },
    #[error(
        "the module cannot be converted to a component: {what}; a policy is a `cdylib` that exports itself with the \
         SDK"
    )]
    Encode { what: String },
    #[error("the compiler refuses it: {what}")]
    Compiler {
        /// What it says.
        what: String,
    },
    #[error("compiling it took more than {} s of CPU time: split large functions, and leave out what it does not need", .most.as_secs())]
    Time { most: Duration },
    #[error(
        "compiling it took more than {most} bytes of memory: split large functions, and leave out what it does not need"
    )]
    Space { most: u64 },
    #[error("compiling it was not done after {} s: the node is too busy, or the policy too large", .most.as_secs())]
    Clock {
        /// How long it was waited for.
        most: Duration,
    },
    #[error(
        "compiling it was ended by the kernel with signal {signal}: usually because the node or the container is out \
         of memory"
    )]
    Killed { signal: i32 },
    /// The child made a system call that a compiler has no use for.
    #[error(
        "compiling it made the compiler ask the kernel for something that no compiler needs, so it was ended (signal \
         31): do not use it, and report it as a defect of egressd"
    )]
    Reached,
    /// The child's native code is too large to be taken.
    #[error("its native code has more than {most} bytes: leave out what it does not need")]
    NativeLarge { most: usize },
    /// A defect of the compiler: it panicked, or its stack was too small.
    #[error("the compiler panicked, which is a defect of the compiler and not of egressd: {what}")]
    GaveUp {
        /// Its last output.
        what: String,
    },
    /// One of the sentences above, as the child wrote it.
    #[error("{0}")]
    Rejected(String),
}

impl InvalidComponent {
    /// Whether the node may be to blame: a child that ended before it was done may get further when the node has more
    /// time or memory. What was found in the bytes stays in them.
    pub(super) fn may_recover(&self) -> bool {
        match self {
            Self::Time { .. } | Self::Space { .. } | Self::Clock { .. } | Self::Killed { .. } | Self::GaveUp { .. } => {
                true
            }
            Self::Empty
            | Self::Large { .. }
            | Self::Native
            | Self::Text
            | Self::Gzip
            | Self::NotWasm
            | Self::CoreModule
            | Self::Component
            | Self::Truncated { .. }
            | Self::Invalid { .. }
            | Self::Body { .. }
            | Self::Locals { .. }
            | Self::Many { .. }
            | Self::Nested
            | Self::Unused { .. }
            | Self::Memory { .. }
            | Self::Table { .. }
            | Self::Wasi { .. }
            | Self::Import { .. }
            | Self::Version { .. }
            | Self::Versions { .. }
            | Self::NoExport
            | Self::BothExports { .. }
            | Self::Subjects
            | Self::Misfit { .. }
            | Self::Encode { .. }
            | Self::Compiler { .. }
            | Self::NativeLarge { .. }
            | Self::Reached
            | Self::Rejected(_) => false,
        }
    }
}

/// What a component may export, for a sentence.
fn exports() -> String {
    Kind::all().map(Kind::export).collect::<Vec<_>>().join(", ")
}

/// What a library says, for a sentence: it quotes names of the component as they are.
pub(super) fn one_line(text: &str) -> String {
    Text::new(plain(text).split_whitespace().collect::<Vec<_>>().join(" ")).into()
}
