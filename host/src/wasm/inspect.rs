//! What can be known of a component before it is compiled: what is in it, and whether that is within bounds.

use wasmparser::{Encoding, Validator, WasmFeatures};

use super::bounds::MAX_COMPONENT;
use super::error::Error;
use super::invalid_component::InvalidComponent;
use super::scan::ComponentScan;
use super::world::{Kind, Version, World};
use super::{contract, used};

/// What the engine has switched on; `engine.rs` says why so little.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD)
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// What there is in a component that fits the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    pub world: World,
    /// The version of the contract that it was built for.
    pub contract: Version,
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

/// Looks at a component without compiling it. Who does not trust the bytes does it in a process of its own.
///
/// # Errors
/// When it is no policy that this egressd takes; the error is one sentence, without the policy's name.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Error> {
    Ok(checked(bytes)?)
}

pub(super) fn checked(bytes: &[u8]) -> Result<Inspection, InvalidComponent> {
    looks_like(bytes)?;
    let walk = ComponentScan::over(bytes, Encoding::Component)?;
    Validator::new_with_features(FEATURES).validate_all(bytes)?;
    used::all_is_used(bytes)?;
    let kind = contract::kind(&walk.imports, &walk.exports)?;
    contract::fits(bytes, kind)?;
    let ComponentScan { imports, exports, functions, largest_function, most_locals, memory, .. } = walk;
    let (Kind { version: contract, world }, bytes) = (kind, bytes.len());
    Ok(Inspection { world, contract, bytes, imports, exports, functions, largest_function, most_locals, memory })
}

/// The modules from which a core module imports.
pub(super) fn module_imports(bytes: &[u8]) -> Result<Vec<String>, InvalidComponent> {
    looks_like(bytes)?;
    Ok(ComponentScan::over(bytes, Encoding::Module)?.imports)
}

/// By the first bytes.
fn looks_like(bytes: &[u8]) -> Result<(), InvalidComponent> {
    const WASM: &[u8] = b"\0asm";
    if bytes.len() > MAX_COMPONENT {
        return Err(InvalidComponent::Large { bytes: bytes.len() });
    }
    match bytes {
        [] => Err(InvalidComponent::Empty),
        _ if bytes.starts_with(WASM) => Ok(()),
        _ if WASM.starts_with(bytes) => Err(InvalidComponent::Truncated { bytes: bytes.len() as u64 }),
        _ if bytes.starts_with(b"\x7fELF") => Err(InvalidComponent::Native),
        _ if bytes.starts_with(b"\x1f\x8b") => Err(InvalidComponent::Gzip),
        _ if std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) => Err(InvalidComponent::Text),
        _ => Err(InvalidComponent::NotWasm),
    }
}
