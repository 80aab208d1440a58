#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn object(annotations: &[(&str, &str)]) -> PolicyObject {
    let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    PolicyObject {
        name: "guard".to_owned(),
        annotations: annotations.collect(),
        wasm: Some([0].into()),
        ..PolicyObject::default()
    }
}

fn refused(object: &PolicyObject) -> Vec<String> {
    PolicySpec::read(object, "annotations").unwrap_err().into_iter().map(|finding| finding.message.into()).collect()
}

#[test]
fn without_annotations_a_policy_is_enforced_for_everybody() {
    let spec = PolicySpec::read(&object(&[("kubectl.kubernetes.io/x", "y")]), "annotations").unwrap();
    assert_eq!((spec.order, spec.mode, spec.on_failure), (0, Mode::Enforce, OnFailure::KeepLast));
    assert_eq!((spec.scope, spec.digest, spec.need), (Scope::default(), None, Need::Optional));
}

#[test]
fn a_required_policy_is_closed_and_nothing_contradicts_that() {
    let read = |annotations: &[_]| PolicySpec::read(&object(annotations), "annotations");
    for annotations in [
        &[("egressd.io/required", "true")][..],
        &[("egressd.io/required", " true "), ("egressd.io/on-failure", "closed")],
    ] {
        let spec = read(annotations).unwrap();
        assert_eq!((spec.need, spec.on_failure), (Need::Required, OnFailure::Closed));
    }
    let spec = read(&[("egressd.io/required", "false"), ("egressd.io/on-failure", "skip")]).unwrap();
    assert_eq!((spec.need, spec.on_failure), (Need::Optional, OnFailure::Skip));
    for other in ["keep-last", "skip"] {
        let messages = refused(&object(&[("egressd.io/required", "true"), ("egressd.io/on-failure", other)]));
        assert!(messages[0].contains("contradicts egressd.io/required"), "{messages:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named_and_counts_as_required_and_closed() {
    for value in ["yes", "True", "1", "", "ture"] {
        let object = object(&[("egressd.io/required", value)]);
        let messages = refused(&object);
        assert!(messages[0].ends_with("until it is, the policy is treated as required"), "{messages:?}");
        let outline = PolicySpec::outline(&object);
        assert_eq!((outline.need, outline.on_failure), (Need::Required, OnFailure::Closed), "{value}");
    }
    let outline = |annotations: &[_]| PolicySpec::outline(&object(annotations));
    assert_eq!(outline(&[("egressd.io/on-failure", "close")]).on_failure, OnFailure::Closed);
    let guard = outline(&[("egressd.io/required", "true"), ("egressd.io/typo", "x"), ("egressd.io/namespaces", "a b")]);
    assert_eq!((guard.on_failure, guard.scope), (OnFailure::Closed, Scope::default()), "it covers all");
    assert_eq!(outline(&[("egressd.io/typo", "x")]).on_failure, OnFailure::KeepLast);
    for almost in ["egressd.io/requred", "egressd.io/reqiured", "Egressd.io/required", "egresd.io/required"] {
        assert_eq!(outline(&[(almost, "true")]).need, Need::Required, "{almost}");
    }
    assert_eq!(outline(&[("egressd.io/on-failur", "closed")]).on_failure, OnFailure::Closed);
    let labelled = |name: &str| PolicyObject { labels: [(name.to_owned(), "true".to_owned())].into(), ..object(&[]) };
    assert_eq!(PolicySpec::outline(&labelled("egressd.io/required")).need, Need::Required);
    let message = "label egressd.io/required is not read; write egressd.io/required as an annotation";
    assert_eq!(refused(&labelled("egressd.io/required")), [message]);
    for other in ["egressd.io/order", "egressd.io/req", "egressd.io/requirements", "example.org/required"] {
        assert_eq!(outline(&[(other, "7")]).need, Need::Optional, "{other}");
    }
}

#[test]
fn a_misspelled_annotation_is_refused_with_the_right_name_and_what_others_call_theirs_is_not() {
    for (name, right) in [
        ("egressd.io/namespace", "write egressd.io/namespaces"),
        ("Egressd.io/mode", "write egressd.io/mode"),
        ("egresd.io/required", "write egressd.io/required"),
        ("egressd.org/on-failure", "write one of egressd.io/order, "),
        ("egressd.io/anything", "write one of egressd.io/order, "),
    ] {
        let messages = refused(&object(&[(name, "true")]));
        let expected = format!("unknown annotation {name}; remove it, or {right}");
        assert!(messages.len() == 1 && messages[0].starts_with(&expected), "{messages:?}");
    }
    for name in ["required", "example.org/mode", "argocd.argoproj.io/sync-wave", "helm.sh/hook"] {
        assert!(PolicySpec::read(&object(&[(name, "true")]), "annotations").is_ok(), "{name}");
    }
}

#[test]
fn every_annotation_is_read() {
    let digest = "AB".repeat(32);
    let spec = PolicySpec::read(
        &object(&[
            ("egressd.io/order", " -10 "),
            ("egressd.io/mode", "shadow"),
            ("egressd.io/on-failure", "closed"),
            ("egressd.io/sha256", &digest),
            ("egressd.io/services", "a=b"),
            ("egressd.io/namespaces", "!c"),
            ("egressd.io/status", "ours"),
        ]),
        "annotations",
    )
    .unwrap();
    assert_eq!((spec.order, spec.mode, spec.on_failure), (-10, Mode::Shadow, OnFailure::Closed));
    assert_eq!(spec.digest, Some("ab".repeat(32)));
    assert_eq!(spec.scope.services.to_string(), "a in (b)");
    assert_eq!(spec.scope.namespaces.to_string(), "!c");
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let messages = refused(&PolicyObject {
        wasm: None,
        ..object(&[
            ("egressd.io/order", "first"),
            ("egressd.io/mode", "enforced"),
            ("egressd.io/on-failure", ""),
            ("egressd.io/sha256", "abc"),
            ("egressd.io/services", "a b"),
            ("egressd.io/namespace", "a=b"),
        ])
    });
    let parts = [
        "unknown annotation egressd.io/namespace",
        "annotation egressd.io/on-failure: \"\" is not keep-last, closed or skip",
        "annotation egressd.io/order: \"first\" is not an integer",
        "annotation egressd.io/mode: \"enforced\" is not enforce, shadow or off",
        "annotation egressd.io/services: \"a b\" is not a label requirement",
        "annotation egressd.io/sha256: \"abc\" is not 64 hexadecimal digits; write the SHA-256 of the component",
        "binaryData has neither policy.wasm nor policy.wasm.gz",
    ];
    assert_eq!(messages.len(), parts.len(), "{messages:?}");
    for (message, part) in messages.iter().zip(parts) {
        assert!(message.starts_with(part), "{message} / {part}");
    }
}

#[test]
fn a_name_is_never_a_path() {
    for name in ["../guard", "", "Guard", "a/b", ".", "-a"] {
        let messages = refused(&PolicyObject { name: name.to_owned(), ..object(&[]) });
        assert_eq!(messages.len(), 1);
        assert!(messages[0].contains("is not a valid lowercase DNS name"), "{name:?}: {messages:?}");
    }
}

#[test]
fn only_the_built_in_policy_needs_no_module() {
    let none = PolicyObject { wasm: None, ..object(&[]) };
    assert_eq!(PolicySpec::read(&none, "guard").map(|spec| spec.module), Ok(Module::BuiltIn));
    let two = PolicyObject { gzip: Some([0].into()), ..object(&[]) };
    assert_eq!(refused(&two), ["binaryData has policy.wasm and policy.wasm.gz; keep one of the two"]);
}
