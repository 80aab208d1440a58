//! A node and a Service, as manifests.

use std::fs;

use tempfile::TempDir;

/// A directory with a node, its networks, and the Service `shop/web` with these annotations beside its egress.
pub(crate) fn manifests(annotations: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "apiVersion: v1
kind: Node
metadata: {{name: node-a}}
spec: {{podCIDRs: [10.0.0.0/24, 'fd00:10:244::/64']}}
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {{name: kubernetes}}
spec: {{cidrs: [10.96.0.0/12, 'fd00:10:96::/112']}}
---
apiVersion: v1
kind: Service
metadata: {{namespace: shop, name: web, annotations: {{kube-vip.io/egress: 'true'{annotations}}}}}
spec: {{type: LoadBalancer, externalTrafficPolicy: Local}}
status: {{loadBalancer: {{ingress: [{{ip: 11.0.0.2}}]}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{namespace: shop, name: web, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
endpoints: [{{addresses: [10.0.0.1], nodeName: node-a}}]
"
    );
    fs::write(directory.path().join("all.yaml"), text).unwrap();
    directory
}
