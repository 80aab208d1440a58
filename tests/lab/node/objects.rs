//! Objects that a user of the cluster applies.

use serde_json::{Value, json};

use super::image::PROBE;

/// The external traffic policy of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Every node serves it.
    Cluster,
    /// Nodes with one of its pods serve it.
    Local,
}

impl Policy {
    /// The value in a Service's spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Local => "Local",
        }
    }
}

/// Pods that are all alike: a Deployment of one container of the lab's program.
#[derive(Clone, Debug)]
pub struct App {
    namespace: String,
    name: String,
    replicas: u32,
    pod: Value,
}

impl App {
    /// One pod whose container plays these roles, on any node.
    pub fn new(namespace: &str, name: &str, roles: &[String]) -> Self {
        let container = json!({"name": "probe", "image": PROBE, "args": roles});
        let pod = json!({
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "containers": [container],
        });
        Self { namespace: namespace.to_owned(), name: name.to_owned(), replicas: 1, pod }
    }

    pub fn replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    /// All pods on this node.
    pub fn on(mut self, node: &str) -> Self {
        self.pod["nodeSelector"] = json!({"kubernetes.io/hostname": node});
        self
    }

    /// On the host network.
    pub fn on_host_network(mut self) -> Self {
        self.pod["hostNetwork"] = json!(true);
        self
    }

    /// The node's port `host` leads to port 8080 of the pod.
    pub fn host_port(mut self, host: u16) -> Self {
        self.pod["containers"][0]["ports"] = json!([{"containerPort": 8080, "hostPort": host, "protocol": "TCP"}]);
        self
    }

    /// The object for the API server.
    pub fn object(&self) -> Value {
        let labels = json!({"app": self.name});
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": self.pod},
            },
        })
    }
}

/// A Service of both families with egress, which selects the pods of the app of its name.
pub fn service(namespace: &str, name: &str, policy: Policy) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"kube-vip.io/egress": "true", "kube-vip.io/egress-ipv6": "true"},
        },
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": policy.name(),
            "ipFamilyPolicy": "RequireDualStack",
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    })
}
