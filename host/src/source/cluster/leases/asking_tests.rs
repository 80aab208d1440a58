use std::sync::Arc;

use egressd_core::model::{AnnotationPrefix, Labels};

use super::super::super::event::Content;
use super::super::super::state::tests::service;
use super::*;
use crate::source::documents::Object;

/// A Service of a namespace that was made at a second, with an annotation.
fn of(namespace: &str, name: &str, created: i64, annotation: &str) -> Arc<Service> {
    let Content::Object(Object::Service(one)) = service(name, "1").content else { panic!("it is a Service") };
    let mut one = Arc::unwrap_or_clone(one);
    (one.key, one.created) = (SubjectKey::service(namespace, name), created);
    one.annotations = Labels::from([(annotation, "true")]);
    Arc::new(one)
}

fn asking(services: impl IntoIterator<Item = Arc<Service>>) -> RequestingServices {
    let services = services.into_iter().map(|service| (service.key.clone(), service)).collect();
    let snapshot = Snapshot { services, ..Snapshot::default() };
    let mut asking = RequestingServices::default();
    asking.look_at_all(&snapshot, &host());
    asking
}

fn host() -> Interest {
    Interest::of_host(&AnnotationPrefix::default()).and(&Interest::new([&"team/".to_owned()], []))
}

fn followed(asking: &RequestingServices) -> Vec<String> {
    asking.choose().followed.iter().map(|name| format!("{}/{}", name.namespace, name.name)).collect()
}

/// Whatever its Services are annotated with.
#[test]
fn a_namespace_with_many_takes_nothing_from_one_whose_service_a_policy_reads() {
    let read = of("shop", "web", 1, "team/way-out");
    let many = (0..300).map(|number| of("other", &format!("s{number}"), 0, "kube-vip.io/egress"));
    let followed = followed(&asking(many.chain([read])));
    assert!(followed.contains(&"kube-system/cilium-l2announce-shop-web".to_owned()));
}

#[test]
fn of_a_service_that_asks_for_egress_ciliums_lease_is_followed() {
    let expected = ["kube-system/cilium-l2announce-shop-web"];
    for annotation in ["kube-vip.io/egress", "kube-vip.io/egress-ipv6", "team/way-out"] {
        assert_eq!(followed(&asking([of("shop", "web", 0, annotation)])), expected, "{annotation}");
    }
    for annotation in ["kube-vip.io/loadbalancerIPs", "example.org/egress", "kube-vip.io/active-endpoint"] {
        assert!(followed(&asking([of("shop", "web", 0, annotation)])).is_empty(), "{annotation}");
    }
}

#[test]
fn kube_vips_leases_are_followed_where_it_has_written_vip_host() {
    let mut held = of("shop", "web", 0, "kube-vip.io/egress");
    let names = [("kube-vip.io/egress", "true"), ("kube-vip.io/vipHost", "")];
    Arc::make_mut(&mut held).annotations = Labels::from(names);
    let expected = ["kube-system/cilium-l2announce-shop-web", "kube-system/plndr-svcs-lock", "shop/kubevip-web"];
    assert_eq!(followed(&asking([held])), expected);
}

#[test]
fn a_service_without_an_address_of_a_load_balancer_has_no_lease() {
    let mut inside = of("shop", "web", 0, "kube-vip.io/egress");
    Arc::make_mut(&mut inside).kind = ServiceType::ClusterIp;
    assert!(followed(&asking([inside])).is_empty());
}

#[test]
fn beyond_the_bound_the_newest_services_of_the_largest_namespaces_are_not_followed() {
    let of_one = (0..300).map(|number| of("many", &format!("web-{number:03}"), number, "kube-vip.io/egress"));
    let of_others = ["few-a", "few-b"].map(|namespace| of(namespace, "web", 1000, "kube-vip.io/egress"));
    let asking = asking(of_one.chain(of_others));
    let LeaseChoice { followed, beyond } = asking.choose();
    assert_eq!((followed.len(), beyond.len()), (MAX_FOLLOWED, 302 - MAX_FOLLOWED));
    let is_followed = |name: &str| followed.iter().any(|one| one.name.ends_with(name));
    assert!(is_followed("few-a-web") && is_followed("few-b-web") && is_followed("many-web-253"));
    assert!(!is_followed("many-web-254") && beyond.iter().any(|one| one.name.ends_with("many-web-299")));
}

#[test]
fn one_that_says_that_it_asks_comes_before_those_of_which_a_policy_reads_something() {
    let read = (0..300).map(|number| of("many", &format!("web-{number:03}"), 0, "team/way-out"));
    let asking = asking(read.chain([of("many", "zz", 1000, "kube-vip.io/egress")]));
    assert!(followed(&asking).iter().any(|name| name.ends_with("many-zz")));
}

#[test]
fn only_another_choice_of_leases_is_news() {
    let mut snapshot = Snapshot::default();
    let key = SubjectKey::service("shop", "web");
    let mut asking = RequestingServices::default();
    let mut look = |service: Option<Arc<Service>>| {
        snapshot.services.remove(&key);
        snapshot.services.extend(service.map(|service| (key.clone(), service)));
        asking.look_at(&snapshot, &key, &host())
    };
    assert!(!look(None));
    assert!(look(Some(of("shop", "web", 0, "kube-vip.io/egress"))));
    assert!(!look(Some(of("shop", "web", 0, "kube-vip.io/egress-ipv6"))));
    assert!(look(None));
}
