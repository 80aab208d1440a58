//! The output of kustomize.

use std::path::Path;

use anyhow::{Context, Result};
use lab::cluster::{Overlay, beside_a_clone, kubectl};
use lab::output_of;

use crate::objects::Objects;

/// What `kubectl kustomize` prints for a directory.
pub(crate) fn render(directory: &Path) -> Result<Objects> {
    Objects::parse(&output_of(kubectl().arg("kustomize").arg(directory))?)
}

/// The same for an overlay.
pub(crate) fn render_overlay(overlay: &Overlay) -> Result<Objects> {
    render(overlay.write()?.path()).with_context(|| format!("{overlay:?}"))
}

/// The same for the text of a kustomization that lies beside a clone.
pub(crate) fn render_text(kustomization: &str) -> Result<Objects> {
    render(beside_a_clone(kustomization)?.path()).with_context(|| kustomization.to_owned())
}
