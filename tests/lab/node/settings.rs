//! What containerd, the kubelet and the CNI plugins of a node are configured with.

use serde_json::{Value, json};

use super::image::PROBE;
use crate::addresses::{node_v4, pod_v4_on, pod_v6_on};

/// containerd's directory of CNI configurations.
pub(super) const NETWORKS: &str = "/run/cni/net.d";
/// containerd's directory of CNI plugins, with copies of those of the machine: what is installed there ends with the node.
pub(super) const PLUGINS: &str = "/run/cni/bin";
/// containerd's socket.
pub(super) const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// For containerd 1.6 and newer. Its optional plugin would make a directory in `/opt`; AppArmor's profile would be the
/// whole machine's; and without CAP_SYS_RESOURCE a container's `oom_score_adj` can only be restricted.
pub(super) fn containerd() -> String {
    format!(
        "version = 2
disabled_plugins = [\"io.containerd.internal.v1.opt\"]
[plugins.\"io.containerd.grpc.v1.cri\"]
  sandbox_image = \"{PROBE}\"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]
    runtime_type = \"io.containerd.runc.v2\"
  [plugins.\"io.containerd.grpc.v1.cri\".cni]
    bin_dir = \"{PLUGINS}\"
    conf_dir = \"{NETWORKS}\"
"
    )
}

/// For Kubernetes 1.36, which refuses version 1 of control groups by default.
pub(super) fn kubelet(node: u8, cgroup: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "resolvConf": "/run/lab/resolv.conf",
        "failSwapOn": false,
        // As many as its network has addresses for.
        "maxPods": 250,
        "address": node_v4(node),
        "healthzBindAddress": "127.0.0.1",
        // The machine's disk and memory are other people's, too.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    })
}

/// What a node's pods are connected with, in packets of this size, masqueraded when they leave the pod network, and
/// host ports; both families. The first node has a bridge, the second one a cable to each pod.
pub(super) fn network(node: u8, mtu: u16) -> Value {
    let [v4, v6] = [format!("{}/24", pod_v4_on(node, 0)), format!("{}/64", pod_v6_on(node, 0))];
    let addresses = json!({
        "type": "host-local",
        "ranges": [[{"subnet": v4}], [{"subnet": v6}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    });
    let connected = match node {
        1 => json!({
            "type": "bridge",
            "bridge": "cni0",
            "mtu": mtu,
            "isGateway": true,
            "ipMasq": true,
            "hairpinMode": true,
            "ipam": addresses,
        }),
        _ => json!({"type": "ptp", "mtu": mtu, "ipMasq": true, "ipam": addresses}),
    };
    json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            connected,
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}
