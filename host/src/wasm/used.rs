//! Whether all that is in a component is instantiated. What is not costs a compiler and memory as much as what is, and
//! no call can reach it.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Instance, Parser, Payload,
};

use super::invalid_component::ComponentPart;
use super::invalid_component::InvalidComponent;

/// Looks at a component that is valid.
///
/// # Errors
/// The first module or component in it that the component around it does not instantiate itself. It could give it to
/// another, which no tool for policies does.
pub(super) fn all_is_used(bytes: &[u8]) -> Result<(), InvalidComponent> {
    let mut open: Vec<Frame> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::Version { .. } = payload {
            open.push(Frame::default());
        } else if let Payload::End(_) = payload {
            open.pop().map_or(Ok(()), |frame| frame.end())?;
        } else {
            open.last_mut().map_or(Ok(()), |frame| frame.read(payload))?;
        }
    }
    Ok(())
}

/// A component that is being read, or a module, in which there is nothing to see.
#[derive(Default)]
struct Frame {
    modules: IndexSpace,
    components: IndexSpace,
}

/// What can be instantiated, by number.
#[derive(Default)]
struct IndexSpace(Vec<Usage>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Usage {
    /// It came from elsewhere, or it is another name of something here.
    Elsewhere,
    Defined,
    Instantiated,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only what has a place among modules and components counts")]
impl Frame {
    fn read(&mut self, payload: Payload<'_>) -> Result<(), InvalidComponent> {
        match payload {
            Payload::ModuleSection { .. } => self.modules.0.push(Usage::Defined),
            Payload::ComponentSection { .. } => self.components.0.push(Usage::Defined),
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.elsewhere(import?.ty.kind());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.elsewhere(export?.kind);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias?);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.modules.instantiated(module_index);
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.components.instantiated(component_index);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => self.elsewhere(*kind),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => {
                self.elsewhere(ComponentExternalKind::Module);
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, .. } => {
                self.elsewhere(ComponentExternalKind::Component);
            }
            _ => {}
        }
    }

    fn elsewhere(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Module => self.modules.0.push(Usage::Elsewhere),
            ComponentExternalKind::Component => self.components.0.push(Usage::Elsewhere),
            _ => {}
        }
    }

    fn end(&self) -> Result<(), InvalidComponent> {
        let unused = |part, number| InvalidComponent::Unused { part, number };
        self.modules.unused().map_or(Ok(()), |number| Err(unused(ComponentPart::Module, number)))?;
        self.components.unused().map_or(Ok(()), |number| Err(unused(ComponentPart::Component, number)))
    }
}

impl IndexSpace {
    fn instantiated(&mut self, number: u32) {
        if let Some(place) = usize::try_from(number).ok().and_then(|number| self.0.get_mut(number)) {
            *place = Usage::Instantiated;
        }
    }

    fn unused(&self) -> Option<usize> {
        self.0.iter().position(|place| *place == Usage::Defined)
    }
}
