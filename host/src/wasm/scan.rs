//! Once through a component, without compiling or validating anything: counts, names and sizes.

use wasmparser::{BinaryReaderError, Encoding, FunctionBody, MemoryType, Parser, Payload, SectionLimited};

use super::bounds::{Item, MAX_BODY, MAX_DEPTH, MAX_LOCALS, TABLE_ELEMENTS};
use super::invalid_component::{InvalidComponent, one_line};
use super::limits::Limits;

/// A page of linear memory.
const PAGE: u64 = 64 << 10;

impl From<BinaryReaderError> for InvalidComponent {
    fn from(error: BinaryReaderError) -> Self {
        // The parser has no other term for it; all its messages of this kind begin so.
        if error.message().starts_with("unexpected end") {
            return Self::Truncated { bytes: error.offset() as u64 };
        }
        Self::Invalid { what: one_line(&error.to_string()) }
    }
}

fn is_expected(found: Encoding, expected: Encoding) -> Result<(), InvalidComponent> {
    match (found, expected) {
        (Encoding::Module, Encoding::Component) => Err(InvalidComponent::CoreModule),
        (Encoding::Component, Encoding::Module) => Err(InvalidComponent::Component),
        (Encoding::Module, Encoding::Module) | (Encoding::Component, Encoding::Component) => Ok(()),
    }
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct ComponentScan {
    /// How many modules and components are open: imports and exports count in the outermost.
    depth: usize,
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    counted: [u64; 7],
    pub(super) functions: usize,
    pub(super) largest_function: u64,
    pub(super) most_locals: u32,
    pub(super) memory: u64,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a part of the format that costs nothing here is the validator's")]
impl ComponentScan {
    /// All of it, in the order of the bytes.
    pub(super) fn over(bytes: &[u8], expected: Encoding) -> Result<Self, InvalidComponent> {
        let mut scan = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let (Payload::Version { encoding, .. }, 0) = (&payload, scan.depth) {
                is_expected(*encoding, expected)?;
            }
            scan.count(&payload)?;
            scan.enter(&payload)?;
            scan.read(payload)?;
        }
        Ok(scan)
    }

    fn enter(&mut self, payload: &Payload<'_>) -> Result<(), InvalidComponent> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(InvalidComponent::Nested);
                }
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.add(Item::Parts, 1)?,
            _ => {}
        }
        Ok(())
    }

    /// Before anything is read, so that reading is bounded.
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), InvalidComponent> {
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

    fn add(&mut self, item: Item, count: u32) -> Result<(), InvalidComponent> {
        let counted = &mut self.counted[item as usize];
        *counted += u64::from(count);
        if *counted > item.most() {
            return Err(InvalidComponent::Many { item, count: *counted });
        }
        Ok(())
    }

    fn read(&mut self, payload: Payload<'_>) -> Result<(), InvalidComponent> {
        match payload {
            Payload::CodeSectionEntry(body) => self.function(&body)?,
            Payload::MemorySection(section) => self.memories(section)?,
            Payload::TableSection(section) => {
                for table in section {
                    let elements = table?.ty.initial;
                    if usize::try_from(elements).map_or(true, |elements| elements > TABLE_ELEMENTS) {
                        return Err(InvalidComponent::Table { elements });
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

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), InvalidComponent> {
        let function = self.functions;
        self.functions += 1;
        let range = body.range();
        let bytes = range.len() as u64;
        if bytes > MAX_BODY {
            return Err(InvalidComponent::Body { function, bytes });
        }
        let mut locals = 0_u64;
        for group in body.get_locals_reader()? {
            locals += u64::from(group?.0);
        }
        if locals > u64::from(MAX_LOCALS) {
            return Err(InvalidComponent::Locals { function, locals });
        }
        self.largest_function = self.largest_function.max(bytes);
        self.most_locals = self.most_locals.max(u32::try_from(locals).unwrap_or(u32::MAX));
        Ok(())
    }

    fn memories(&mut self, section: SectionLimited<'_, MemoryType>) -> Result<(), InvalidComponent> {
        for memory in section {
            let bytes = memory?.initial.saturating_mul(PAGE);
            if usize::try_from(bytes).map_or(true, |bytes| bytes > Limits::MEMORY) {
                return Err(InvalidComponent::Memory { bytes });
            }
            self.memory = self.memory.max(bytes);
        }
        Ok(())
    }
}
