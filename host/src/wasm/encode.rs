//! How a module becomes a component.

use wit_component::ComponentEncoder;

use super::error::Error;
use super::inspect::module_imports;
use super::invalid_component::{InvalidComponent, one_line};

/// Makes a component of a core module, as cargo builds it for `wasm32-unknown-unknown`; its interface is in a
/// section that the SDK puts there. The component is not inspected: [`super::inspect`] does that.
///
/// # Errors
/// When the bytes are no module, or one that was built without the SDK or for WASI.
pub fn encode(core_module: &[u8]) -> Result<Vec<u8>, Error> {
    for name in module_imports(core_module)? {
        if name.starts_with("wasi_") {
            return Err(InvalidComponent::Wasi { name }.into());
        }
    }
    let encoder = ComponentEncoder::default().validate(true).module(core_module);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| InvalidComponent::Encode { what: one_line(&format!("{error:#}")) }.into())
}
