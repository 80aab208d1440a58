//! `CNI_ARGS`: the pod that a network is made for, as kubelets' runtimes name it.

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Empty where the runtime names none.
    pub(super) uid: String,
}

/// None where no pod is named: containers that no kubelet began have networks, too. Other arguments are for other plugins
/// of the chain, with or without `IgnoreUnknown`, and so is what has no value.
pub(super) fn pod(arguments: &str) -> Option<Pod> {
    let value = |name: &str| {
        let mut pairs = arguments.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value.to_owned())
    };
    let namespace = value("K8S_POD_NAMESPACE")?;
    let name = value("K8S_POD_NAME")?;
    Some(Pod { namespace, name, uid: value("K8S_POD_UID").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_named_by_the_arguments_of_a_runtime() {
        let given =
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID=u";
        let expected = Pod { namespace: "shop".to_owned(), name: "web-0".to_owned(), uid: "u".to_owned() };
        assert_eq!(pod(given), Some(expected.clone()));
        let older = "K8S_POD_NAME=web-0;K8S_POD_NAMESPACE=shop";
        assert_eq!(pod(older), Some(Pod { uid: String::new(), ..expected }));
    }

    #[test]
    fn arguments_that_name_no_pod_have_none() {
        for given in ["", ";;", "K8S_POD_NAME", "K8S_POD_NAME=a", "K8S_POD_NAMESPACE=;K8S_POD_NAME=a", "IP=10.0.0.1"] {
            assert_eq!(pod(given), None, "{given}");
        }
    }
}
