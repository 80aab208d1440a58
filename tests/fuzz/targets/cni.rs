//! What a container runtime writes to the CNI plugin, and the network configuration that the plugin is chained into.

use egressd::cni::install::testkit::chain_laws;
use egressd::cni::testkit::plugin_laws;

use super::InputResult;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let is_read = [plugin_laws(bytes), chain_laws(bytes)];
    if is_read.contains(&true) { InputResult::Taken } else { InputResult::Refused }
}
