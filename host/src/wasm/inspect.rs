//! What can be said of a component before it is compiled: what is in it, and whether that is within bounds.

use std::fmt;

use wasmparser::{BinaryReaderError, Encoding, FunctionBody, Parser, Payload, SectionLimited, Validator, WasmFeatures};

use super::engine::TABLE_ELEMENTS;
use super::unfit::{MOST_BODY, MOST_LOCALS};
use super::{Error, Limits, MOST_BYTES, Unfit, World, contract};

/// What the engine has switched on; `engine.rs` says why so little.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD)
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// A page of linear memory.
const PAGE: u64 = 64 << 10;

/// What there is in a component that fits the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What it is for.
    pub world: World,
    /// The contract's version, as in 0.1.0.
    pub contract: String,
    /// Its size, in bytes.
    pub bytes: usize,
    /// The interfaces that it imports, with package and version.
    pub imports: Vec<String>,
    /// The interfaces that it exports, likewise.
    pub exports: Vec<String>,
    /// How many functions it has.
    pub functions: usize,
    /// The size of its largest function, in bytes.
    pub largest_function: u64,
    /// The most local variables in one function, parameters not counted.
    pub most_locals: u32,
    /// The memory that it begins with, in bytes.
    pub memory: u64,
}

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
    /// Linear memories.
    Memories,
}

impl Item {
    /// How many of it there may be. Far beyond what compilers for policies produce (a Rust policy has 200 functions
    /// and 30 types), and small enough that nobody has to wait.
    pub(super) fn most(self) -> u64 {
        match self {
            Self::Functions | Self::Types => 20_000,
            Self::Entries => 50_000,
            Self::Parts | Self::Instances => 200,
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

/// Looks at a component without compiling it. Who does not trust the bytes does it in a process of its own.
///
/// # Errors
/// When it is no policy that this egressd takes; the error is one sentence, without the policy's name.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Error> {
    Ok(checked(bytes)?)
}

pub(super) fn checked(bytes: &[u8]) -> Result<Inspection, Unfit> {
    looks_like(bytes)?;
    let walk = Walk::over(bytes, Encoding::Component)?;
    Validator::new_with_features(FEATURES).validate_all(bytes)?;
    let world = contract::world(&walk.imports, &walk.exports)?;
    contract::fits(bytes, world)?;
    let Walk { imports, exports, functions, largest_function, most_locals, memory, depth: _, counted: _ } = walk;
    let (contract, bytes) = (contract::VERSION.to_owned(), bytes.len());
    Ok(Inspection { world, contract, bytes, imports, exports, functions, largest_function, most_locals, memory })
}

/// The modules from which a core module imports.
pub(super) fn module_imports(bytes: &[u8]) -> Result<Vec<String>, Unfit> {
    looks_like(bytes)?;
    Ok(Walk::over(bytes, Encoding::Module)?.imports)
}

/// By the first bytes.
fn looks_like(bytes: &[u8]) -> Result<(), Unfit> {
    const WASM: &[u8] = b"\0asm";
    if bytes.len() > MOST_BYTES {
        return Err(Unfit::Large { bytes: bytes.len() });
    }
    match bytes {
        [] => Err(Unfit::Empty),
        _ if bytes.starts_with(WASM) => Ok(()),
        _ if WASM.starts_with(bytes) => Err(Unfit::Truncated { bytes: bytes.len() as u64 }),
        _ if bytes.starts_with(b"\x7fELF") => Err(Unfit::Native),
        _ if bytes.starts_with(b"\x1f\x8b") => Err(Unfit::Gzip),
        _ if std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) => Err(Unfit::Text),
        _ => Err(Unfit::NotWasm),
    }
}

impl From<BinaryReaderError> for Unfit {
    fn from(error: BinaryReaderError) -> Self {
        // The parser has no other word for it; all its messages of this kind begin so.
        if error.message().starts_with("unexpected end") {
            return Self::Truncated { bytes: error.offset() };
        }
        Self::Invalid { what: contract::one_line(&error.to_string()) }
    }
}

fn is_expected(found: Encoding, expected: Encoding) -> Result<(), Unfit> {
    match (found, expected) {
        (Encoding::Module, Encoding::Component) => Err(Unfit::CoreModule),
        (Encoding::Component, Encoding::Module) => Err(Unfit::Component),
        (Encoding::Module, Encoding::Module) | (Encoding::Component, Encoding::Component) => Ok(()),
    }
}

/// What was seen so far.
#[derive(Default)]
struct Walk {
    /// How many modules and components are open: imports and exports count in the outermost.
    depth: usize,
    imports: Vec<String>,
    exports: Vec<String>,
    counted: [u64; 7],
    functions: usize,
    largest_function: u64,
    most_locals: u32,
    memory: u64,
}

impl Walk {
    fn over(bytes: &[u8], expected: Encoding) -> Result<Self, Unfit> {
        let mut walk = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let (Payload::Version { encoding, .. }, 0) = (&payload, walk.depth) {
                is_expected(*encoding, expected)?;
            }
            walk.count(&payload)?;
            walk.enter(&payload)?;
            walk.look(payload)?;
        }
        Ok(walk)
    }

    fn enter(&mut self, payload: &Payload<'_>) -> Result<(), Unfit> {
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.add(Item::Parts, 1)?,
            _ => {}
        }
        Ok(())
    }

    /// Before anything is read, so that reading is bounded.
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Unfit> {
        let (item, count) = match payload {
            Payload::CodeSectionStart { count, .. } => (Item::Functions, *count),
            Payload::TypeSection(section) => (Item::Types, section.count()),
            Payload::CoreTypeSection(section) => (Item::Types, section.count()),
            Payload::ComponentTypeSection(section) => (Item::Types, section.count()),
            Payload::ImportSection(section) => (Item::Entries, section.count()),
            Payload::ExportSection(section) => (Item::Entries, section.count()),
            Payload::GlobalSection(section) => (Item::Entries, section.count()),
            Payload::ElementSection(section) => (Item::Entries, section.count()),
            Payload::DataSection(section) => (Item::Entries, section.count()),
            Payload::ComponentImportSection(section) => (Item::Entries, section.count()),
            Payload::ComponentExportSection(section) => (Item::Entries, section.count()),
            Payload::InstanceSection(section) => (Item::Instances, section.count()),
            Payload::ComponentInstanceSection(section) => (Item::Instances, section.count()),
            Payload::ComponentAliasSection(section) => (Item::Aliases, section.count()),
            Payload::ComponentCanonicalSection(section) => (Item::Aliases, section.count()),
            Payload::MemorySection(section) => (Item::Memories, section.count()),
            _ => return Ok(()),
        };
        self.add(item, count)
    }

    fn add(&mut self, item: Item, count: u32) -> Result<(), Unfit> {
        let counted = &mut self.counted[item as usize];
        *counted += u64::from(count);
        if *counted > item.most() {
            return Err(Unfit::Many { item, count: *counted });
        }
        Ok(())
    }

    fn look(&mut self, payload: Payload<'_>) -> Result<(), Unfit> {
        match payload {
            Payload::CodeSectionEntry(body) => self.function(&body)?,
            Payload::MemorySection(section) => self.memories(section)?,
            Payload::TableSection(section) => {
                for table in section {
                    let elements = table?.ty.initial;
                    if usize::try_from(elements).map_or(true, |elements| elements > TABLE_ELEMENTS) {
                        return Err(Unfit::Table { elements });
                    }
                }
            }
            Payload::ImportSection(section) if self.depth == 1 => {
                for import in section.into_imports() {
                    self.imports.push(import?.module.to_owned());
                }
            }
            Payload::ComponentImportSection(section) if self.depth == 1 => {
                for import in section {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 1 => {
                for export in section {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), Unfit> {
        let function = self.functions;
        self.functions += 1;
        let range = body.range();
        let bytes = range.end - range.start;
        if bytes > MOST_BODY {
            return Err(Unfit::Body { function, bytes });
        }
        let mut locals = 0_u64;
        for group in body.get_locals_reader()? {
            locals += u64::from(group?.0);
        }
        if locals > u64::from(MOST_LOCALS) {
            return Err(Unfit::Locals { function, locals });
        }
        self.largest_function = self.largest_function.max(bytes);
        self.most_locals = self.most_locals.max(u32::try_from(locals).unwrap_or(u32::MAX));
        Ok(())
    }

    fn memories(&mut self, section: SectionLimited<'_, wasmparser::MemoryType>) -> Result<(), Unfit> {
        for memory in section {
            let bytes = memory?.initial.saturating_mul(PAGE);
            if usize::try_from(bytes).map_or(true, |bytes| bytes > Limits::MEMORY) {
                return Err(Unfit::Memory { bytes });
            }
            self.memory = self.memory.max(bytes);
        }
        Ok(())
    }
}
