//! Components that no compiler would produce: core modules written byte by byte, and their wrapping.

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId};

/// An unsigned number as WebAssembly writes it (LEB128).
pub(crate) fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The bytes with their length before them.
pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len() as u64), bytes.to_vec()].concat()
}

/// The items with their number before them.
pub(crate) fn vector(items: &[Vec<u8>]) -> Vec<u8> {
    [number(items.len() as u64), items.concat()].concat()
}

/// A section of a module or a component.
pub(crate) fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], sized(content)].concat()
}

/// A module that is a policy: it has no opinion about anything. All that its functions return is zeros in memory.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// Bodies of further functions without parameters and results.
    pub(crate) functions: Vec<Vec<u8>>,
    /// The start function of the module.
    pub(crate) start: StartFunction,
    /// Pages of memory, and elements of a table, to begin with.
    pub(crate) pages: u64,
    pub(crate) elements: u64,
    /// The version of the contract and the world that it is of.
    pub(crate) version: &'static str,
    pub(crate) world: &'static str,
    /// The memory from which its answer about a Service is read; zeros mean an empty answer.
    pub(crate) answer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartFunction {
    None,
    /// The first of [`Guest::functions`].
    First,
}

impl Guest {
    pub(crate) fn new() -> Self {
        Self {
            functions: Vec::new(),
            start: StartFunction::None,
            pages: 1,
            elements: 0,
            version: "0.1.0",
            world: "policy",
            answer: Vec::new(),
        }
    }

    /// With one more function.
    pub(crate) fn with(body: Vec<u8>) -> Self {
        Self { functions: vec![body], ..Self::new() }
    }

    /// The core module, with its interface in a section, as the SDK writes it.
    pub(crate) fn module(&self) -> Vec<u8> {
        let mut module = self.bare();
        let (resolve, world) = contract(self.version, self.world);
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }

    /// The module without a start function.
    fn bare(&self) -> Vec<u8> {
        const I32: u8 = 0x7f;
        let types = [
            signature(&[I32], &[I32]),
            signature(&[I32; 2], &[I32]),
            signature(&[I32; 4], &[I32]),
            signature(&[], &[]),
        ];
        // check-settings, describe, evaluate or validate, cabi_realloc, and the further functions.
        let functions: Vec<Vec<u8>> =
            [1, 1, 0, 2].into_iter().chain(self.functions.iter().map(|_| 3)).map(number).collect();
        // `i32.const`: zeros, the answer at 1024, and for cabi_realloc a place behind both at 4096.
        let constant = |bytes: &[u8]| [&[0, 0x41], bytes, &[0x0b]].concat();
        let own = [constant(&[0]), constant(&[0]), constant(&[0x80, 0x08]), constant(&[0x80, 0x20])];
        let bodies: Vec<Vec<u8>> = own.iter().chain(&self.functions).map(|body| sized(body)).collect();
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(section(1, &vector(&types)));
        module.extend(section(3, &vector(&functions)));
        if self.elements > 0 {
            module.extend(section(4, &vector(&[[vec![0x70, 0], number(self.elements)].concat()])));
        }
        module.extend(section(5, &vector(&[[vec![0], number(self.pages)].concat()])));
        module.extend(section(7, &vector(&self.exports())));
        if self.start == StartFunction::First {
            module.extend(section(8, &number(4)));
        }
        module.extend(section(10, &vector(&bodies)));
        module.extend(section(11, &vector(&[[vec![0, 0x41, 0x80, 0x08, 0x0b], sized(&self.answer)].concat()])));
        module
    }

    fn exports(&self) -> Vec<Vec<u8>> {
        let (interface, question) = match (self.world, self.version) {
            ("policy", _) => ("evaluator", "evaluate"),
            ("validator", "0.1.0") => ("complainer", "validate"),
            ("validator", _) => ("checker", "validate"),
            (world, version) => panic!("no guest is of world {world} of {version}"),
        };
        let function = |name: &str, index: u8| [sized(name.as_bytes()), vec![0, index]].concat();
        let interface = format!("egressd:policy/{interface}@{}", self.version);
        let of = |name: &str, index| function(&format!("{interface}#{name}"), index);
        let memory = [sized(b"memory"), vec![2, 0]].concat();
        vec![of("check-settings", 0), of("describe", 1), of(question, 2), function("cabi_realloc", 3), memory]
    }

    /// The component, valid or not.
    pub(crate) fn component(&self) -> Vec<u8> {
        ComponentEncoder::default().validate(true).module(&self.module()).unwrap().encode().unwrap()
    }
}

fn signature(parameters: &[u8], results: &[u8]) -> Vec<u8> {
    [vec![0x60], sized(parameters), sized(results)].concat()
}

fn contract(version: &str, world: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let directory = format!("{}/../wit/{version}", env!("CARGO_MANIFEST_DIR"));
    let (package, _) = resolve.push_dir(directory).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    (resolve, world)
}

/// An empty component.
pub(crate) const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// An empty component that exports empty interfaces of these names.
pub(crate) fn exporting(names: &[&str]) -> Vec<u8> {
    let instance = section(5, &vector(&[vec![0x01, 0]]));
    let export = |name: &&str| [vec![0], sized(name.as_bytes()), vec![0x05, 0, 0]].concat();
    let exports: Vec<Vec<u8>> = names.iter().map(export).collect();
    [EMPTY.to_vec(), instance, section(11, &vector(&exports))].concat()
}

/// The export of the first of this kind under this name.
pub(crate) fn exported(name: &str, kind: &[u8]) -> Vec<u8> {
    let export = [vec![0], sized(name.as_bytes()), kind.to_vec(), vec![0, 0]].concat();
    section(11, &vector(&[export]))
}

/// A component that imports an empty interface of this name.
pub(crate) fn importing(name: &str) -> Vec<u8> {
    let kind = section(7, &vector(&[vec![0x42, 0]]));
    let import = [vec![0], sized(name.as_bytes()), vec![0x05, 0]].concat();
    [EMPTY.to_vec(), kind, section(10, &vector(&[import]))].concat()
}

/// A component with two of the next smaller one in it, and so on: `2.pow(depth)` instances of the innermost, each of
/// which has a module of its own.
pub(crate) fn doubling(depth: u32) -> Vec<u8> {
    (0..depth).fold(instances(1), |inner, _| {
        let twice = vector(&[vec![0, 0, 0], vec![0, 0, 0]]);
        [EMPTY.to_vec(), section(4, &inner), section(5, &twice)].concat()
    })
}

/// A component with so many instances of a module without content.
pub(crate) fn instances(count: usize) -> Vec<u8> {
    let module = section(1, b"\0asm\x01\0\0\0");
    [EMPTY.to_vec(), module, section(2, &vector(&vec![vec![0, 0, 0]; count]))].concat()
}

/// A fitting component that also instantiates another.
pub(crate) fn wrapping(component: &[u8]) -> Vec<u8> {
    let guest = Guest::new().component();
    let index = components(&guest);
    let instance = section(5, &vector(&[[vec![0], number(index), vec![0]].concat()]));
    [guest, section(4, component), instance].concat()
}

/// How many components a component has directly in it.
fn components(bytes: &[u8]) -> u64 {
    let mut depth = 0;
    let mut found = 0;
    for payload in Parser::new(0).parse_all(bytes).map(Result::unwrap) {
        depth += i32::from(matches!(payload, Payload::Version { .. })) - i32::from(matches!(payload, Payload::End(_)));
        found += u64::from(depth == 1 && matches!(payload, Payload::ComponentSection { .. }));
    }
    found
}
