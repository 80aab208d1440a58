//! `egressd cni`: a chained CNI plugin that lets a pod begin once its rules are in force, and what installs it on a node.
//!
//! A container runtime starts the plugin for each pod, between the pod's network and its first container. It asks the
//! running egressd over its socket, waits for the answer for a bounded time, and passes on the result of the plugin before
//! it. It changes nothing by itself: rules are the daemon's.

mod answer;
mod arguments;
mod ask;
mod command;
mod config;
mod error;
pub mod install;
mod plugin;
mod previous;
mod spec_version;
mod started;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use config::{DEFAULT_SOCKET, DEFAULT_WAIT, MAX_WAIT, OnFailure};
pub use started::{is_plugin, run};

/// The plugin's file in a node's plugin directory, and its `type` in a network configuration.
pub const PLUGIN_NAME: &str = "egressd-cni";
