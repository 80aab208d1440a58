//! Programs on this node whose packets may pass by nftables: reported at the start, since nothing else would show it.

use std::io;

use egressd_core::finding::Finding;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

/// Every Cilium node has it, whatever its mode (Cilium: `pkg/defaults/node.go`).
const CILIUM: &str = "cilium_host";

/// What is known to go past netfilter, as far as this node's interfaces show it.
///
/// # Errors
/// When the kernel gives no socket to ask with.
pub fn findings() -> io::Result<Vec<Finding>> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let is_there = name_to_index(&socket, CILIUM).is_ok();
    Ok(is_there.then(cilium_present).into_iter().collect())
}

/// Where Cilium's interface is there.
pub fn cilium_present() -> Finding {
    let message = format!(
        "Cilium is on this node (interface {CILIUM}); in its eBPF host-routing mode packets of pods bypass nftables \
         and are not translated; set bpf.hostLegacyRouting=true in Cilium (docs/beside.md)"
    );
    Finding::warning("cilium-present", message)
}
