//! What a tenant's text may cost, counted in findings, bytes and work: never more than a few times what was written,
//! and nothing for those who ask for nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::check::{NoteKind, Overlap, check};
use egressd_core::finding::{Finding, MAX_FINDINGS};
use egressd_core::model::{
    AddressTrust, AnnotationPrefix, ClusterFacts, Interest, Labels, Service, ServiceType, SubjectKey, SubjectView, Uid,
    view,
};
use egressd_core::plan::{Plan, SubjectPlan};
use egressd_core::testkit::{SnapshotBuilder, a, facts, rule, service};
use egressd_core::text::MAX_MESSAGE_LENGTH;

/// What Kubernetes takes for all annotations of an object together.
const ANNOTATIONS: usize = 256 << 10;

/// Texts of that size that are as bad as texts can be, each in its own way.
fn hostile() -> Vec<String> {
    let list = |item: &dyn Fn(u32) -> String| {
        let mut text = String::new();
        let mut items = (0..).map(item);
        while text.len() < ANNOTATIONS - 64 {
            text.push_str(&items.next().unwrap());
            text.push(',');
        }
        text
    };
    let addresses = list(&|i| format!("{}.{}.{}.1", 1 + (i >> 16 & 127), i >> 8 & 255, i & 255));
    let bytes = ["x", "\u{1b}", "\u{202e}", "\"", "\n", "東", " ", ","].map(|c| c.repeat(ANNOTATIONS / c.len()));
    let lists = [list(&|_| "x".to_owned()), list(&|_| String::new()), list(&|_| "11.0.0.2".to_owned()), addresses];
    lists.into_iter().chain(bytes).collect()
}

/// What a finding holds.
fn bytes(findings: &[Finding]) -> usize {
    let of = |finding: &Finding| {
        let span = finding.span.as_ref().map_or(0, |span| span.annotation.len());
        size_of::<Finding>() + finding.code.len() + finding.message.len() + span
    };
    findings.iter().map(of).sum()
}

fn seen(service: Service, trust: AddressTrust) -> SubjectView {
    let key = service.key.clone();
    let snapshot = SnapshotBuilder::default().service(service.within_bounds(), &["10.0.0.1"]).build();
    view(&snapshot, &ClusterFacts::detected(&snapshot), &key, trust, &AnnotationPrefix::default()).unwrap()
}

#[test]
fn any_text_in_any_annotation_that_the_host_reads_gives_few_findings_and_few_bytes() {
    for text in hostile() {
        for name in ["loadbalancerIPs", "vipHost", "active-endpoint", "egress", "other"] {
            for trust in [AddressTrust::Status, AddressTrust::Annotation] {
                let mut web = service("web", &["11.0.0.2"]);
                web.annotations.insert(format!("kube-vip.io/{name}"), text.clone());
                let seen = seen(web, trust);
                assert!(seen.findings.len() <= MAX_FINDINGS + 1, "{name}: {}", seen.findings.len());
                assert!(bytes(&seen.findings) <= 16 << 10, "{name}: {} bytes", bytes(&seen.findings));
                assert!(seen.subject.addresses.len() <= 64, "{name}: {} addresses", seen.subject.addresses.len());
            }
        }
    }
}

#[test]
fn of_a_list_of_addresses_the_first_are_read_and_the_others_counted() {
    let list = |count: u32| (0..count).map(|i| format!("11.0.{}.{}", i >> 8, i & 255)).collect::<Vec<_>>().join(", ");
    let mut web = service("web", &["11.0.0.2"]);
    web.annotations.insert("kube-vip.io/loadbalancerIPs".to_owned(), list(64));
    assert!(!seen(web.clone(), AddressTrust::Status).findings.iter().any(|f| f.code == "too-many-addresses"));
    web.annotations.insert("kube-vip.io/loadbalancerIPs".to_owned(), list(5064));
    let seen = seen(web, AddressTrust::Status);
    assert_eq!(seen.subject.addresses, [a("11.0.0.2")]);
    assert!(seen.findings.iter().all(|f| f.message.len() < 200), "{:?}", seen.findings);
    let more = seen.findings.last().unwrap().message.as_str();
    assert_eq!(more, "48 more findings are not listed; correct the listed ones first");
}

#[test]
fn every_finding_is_one_plain_line_however_long_its_parts_are() {
    for text in hostile() {
        let finding = Finding::error(text.clone(), text);
        for part in [&finding.code, &finding.message] {
            assert!(
                part.len() <= MAX_MESSAGE_LENGTH && !part.contains(['\n', '\u{1b}', '\u{202e}']),
                "{} bytes",
                part.len()
            );
        }
    }
}

#[test]
fn what_is_kept_of_a_service_of_another_type_is_small_and_has_no_endpoints() {
    for kind in [ServiceType::ClusterIp, ServiceType::NodePort, ServiceType::ExternalName] {
        for text in hostile() {
            let mut web = Service { kind, spec_address: Some(text.clone()), ..service("web", &["11.0.0.2"]) };
            web.load_balancer_class = Some(text.as_str().into());
            web.status_hostnames = vec![text.clone(); 100];
            web.annotations = [("kube-vip.io/egress".to_owned(), "true".to_owned())].into();
            web.annotations.extend((0..5000).map(|i| (format!("kube-vip.io/l-{i}"), "x".repeat(40))));
            web.annotations.insert("kube-vip.io/loadbalancerIPs".to_owned(), text.clone());
            web.labels.extend((0..5000).map(|i| (format!("l-{i}"), text[..text.floor_char_boundary(200)].to_owned())));
            let seen = seen(web, AddressTrust::Annotation);
            let kept = |labels: &Labels| labels.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
            assert!(kept(seen.subject.annotations()) <= 4096 && kept(seen.subject.labels()) <= 4096);
            assert_eq!(&seen.subject.annotations()["kube-vip.io/egress"], "true");
            let service = seen.subject.service().unwrap();
            assert_eq!((&service.spec_address, &service.load_balancer_class), (&None, &None));
            assert!(seen.subject.endpoints.is_empty() && seen.subject.addresses.is_empty() && seen.findings.is_empty());
        }
    }
}

#[test]
fn of_a_load_balancer_everything_is_kept_but_the_copy_of_the_object() {
    let mut web = service("web", &["11.0.0.2"]);
    web.annotations.insert("example.org/list".to_owned(), "x".repeat(200_000));
    let mut copied = web.clone();
    let copy = "kubectl.kubernetes.io/last-applied-configuration".to_owned();
    copied.annotations.insert(copy, "x".repeat(200_000));
    assert_eq!(copied.within_bounds(), web);
}

/// So many Services of one namespace over the same pods.
fn crowd(services: usize, pods: u8) -> Plan {
    let pods = || (1..=pods).map(|i| a(&format!("10.0.0.{i}")));
    let one = |i: usize| {
        let rules = vec![rule(pods(), a(&format!("11.0.{}.{}", i >> 8, i & 255)))];
        let uid = Uid::new(format!("s{i}")).unwrap();
        let planned = SubjectPlan {
            uid,
            created: 0,
            rules: rules.into(),
            foreign: Default::default(),
            guarded: Default::default(),
            on_change: Default::default(),
        };
        (SubjectKey::service("default", format!("s{i:03}")), planned)
    };
    Plan { excluded: facts().excluded, subjects: (0..services).map(one).collect(), ..Plan::default() }
}

fn overlap(other: &str, more: usize, pods: usize) -> Overlap {
    Overlap { other: SubjectKey::service("default", other), more, pod: a("10.0.0.1"), pods }
}

#[test]
fn services_over_the_same_pods_get_one_finding_each_which_says_how_many_there_are() {
    let notes = check(&crowd(400, 100));
    assert_eq!(notes.len(), 400);
    assert_eq!(notes[0].kind, NoteKind::Before(overlap("s001", 398, 100)));
    assert!(notes[1..].iter().all(|note| note.kind == NoteKind::Behind(overlap("s000", 398, 100))));
    assert_eq!(
        notes[7].finding().to_string(),
        "warning: 100 endpoints (10.0.0.1 is one) also belong to default/s000, which takes precedence, and to 398 more \
         [overlap]"
    );
    let bytes: usize = notes.iter().map(|note| note.finding().message.len()).sum();
    assert!(bytes < 400 * 200, "{bytes}");
}

#[test]
fn the_service_that_is_named_is_the_one_before_most_pods() {
    let mut plan = crowd(4, 3);
    let rule = |service: &str| SubjectKey::service("default", service);
    plan.subjects.get_mut(&rule("s000")).unwrap().rules.to_mut()[0].change(|rule| rule.sources = vec![a("10.0.0.1")]);
    plan.subjects.get_mut(&rule("s001")).unwrap().rules.to_mut()[0]
        .change(|rule| rule.sources = vec![a("10.0.0.2"), a("10.0.0.3")]);
    plan.subjects.remove(&rule("s003"));
    let kinds: Vec<NoteKind> = check(&plan).into_iter().map(|note| note.kind).collect();
    let named = Overlap { pod: a("10.0.0.2"), ..overlap("s001", 1, 3) };
    let before = |pods, pod| NoteKind::Before(Overlap { pod: a(pod), ..overlap("s002", 0, pods) });
    assert_eq!(kinds, [before(1, "10.0.0.1"), before(2, "10.0.0.2"), NoteKind::Behind(named)]);
}

#[test]
fn services_of_one_namespace_that_translate_a_pod_to_one_address_are_no_overlap() {
    let shared = |namespaces: [&str; 2], port: Option<u16>| {
        let mut plan = crowd(2, 2);
        let services = std::mem::take(&mut plan.subjects).into_values().zip(namespaces).enumerate();
        for (number, (mut service, namespace)) in services {
            service.rules.to_mut()[0].change(|rule| rule.address = a("11.0.0.2"));
            let ports =
                port.map(|port| egressd_core::net::PortRange::new(egressd_core::net::Protocol::Tcp, port, port));
            service.rules.to_mut()[0]
                .change(|rule| rule.destination_ports = ports.into_iter().map(Result::unwrap).collect());
            plan.subjects.insert(SubjectKey::service(namespace, format!("s{number}")), service);
        }
        check(&plan).len()
    };
    assert_eq!(shared(["default", "default"], None), 0);
    assert_eq!(shared(["default", "default"], Some(80)), 2, "what one does not match falls to the next");
    assert_eq!(shared(["default", "other"], None), 2, "another tenant's");
    assert_eq!(check(&crowd(2, 2)).len(), 2, "two addresses");
}

#[test]
fn interest_is_what_any_policy_reads() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let interest = Interest::new(&names(&["kube-vip.io/egress"]), &[]).and(&Interest::new(&[], &names(&["team"])));
    let with = |annotation: &str, label: &str| {
        let mut web = service("web", &[]);
        web.annotations = [(annotation.to_owned(), String::new())].into();
        web.labels = [(label.to_owned(), String::new())].into();
        interest.concerns(&web)
    };
    assert!(with("kube-vip.io/egress-ipv6", "") && with("", "team") && !with("team", "kube-vip.io/egress"));
    assert!(!Interest::default().concerns(&service("web", &[])));
}

#[test]
fn a_sentence_about_a_long_value_still_says_what_would_be_right() {
    for text in hostile().into_iter().filter(|text| !text.contains([',', ' ', '\n'])) {
        let mut web = service("web", &["11.0.0.2"]);
        web.annotations.insert("kube-vip.io/loadbalancerIPs".to_owned(), text);
        let found = seen(web, AddressTrust::Status).findings;
        assert!(found[0].message.ends_with("egress needs one like 192.0.2.10 or 2001:db8::10"), "{}", found[0]);
    }
}
