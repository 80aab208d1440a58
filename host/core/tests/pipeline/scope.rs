//! Endpoints on other nodes: policies that are shown those of their own node alone are not asked again for them.

use egressd_core::model::EndpointScope;

use super::shown::reader;
use super::*;

fn sees(endpoints: EndpointScope) -> Member {
    let reader = reader();
    Member { interest: reader.interest.clone().in_endpoints(endpoints), ..reader }
}

impl Fixture {
    fn elsewhere(&mut self, endpoints: &[&str]) -> usize {
        let before = self.asked;
        let endpoints: Vec<(&str, &str)> = endpoints.iter().map(|text| (*text, "node-b")).collect();
        let (name, key) = ("elsewhere", SubjectKey::service("default", "web"));
        let slice = Arc::clone(&SnapshotBuilder::default().elsewhere("web", &endpoints).build().slices[&key][name]);
        self.snapshot.slices.entry(key.clone()).or_default().insert(name.to_owned(), slice);
        self.look_at([ChangeKey::Subject(key)]);
        self.asked - before
    }

    /// `web` with an endpoint here and one elsewhere, whose policies were asked.
    fn seeing(endpoints: EndpointScope) -> Self {
        let mut fixture = Self::new();
        fixture.reload([sees(endpoints)]);
        fixture.web(Some("translate"), &["10.0.0.1"]);
        fixture.elsewhere(&["10.0.1.1"]);
        fixture
    }
}

#[test]
fn an_endpoint_that_another_replaces_on_another_node_asks_those_again_who_are_shown_all() {
    assert_eq!(Fixture::seeing(EndpointScope::Here).elsewhere(&["10.0.1.2"]), 0);
    assert_eq!(Fixture::seeing(EndpointScope::All).elsewhere(&["10.0.1.2"]), 1);
}

#[test]
fn how_many_endpoints_there_are_on_other_nodes_is_shown_to_all() {
    for scope in [EndpointScope::Here, EndpointScope::All] {
        assert_eq!(Fixture::seeing(scope).elsewhere(&["10.0.1.1", "10.0.1.2"]), 1, "{scope:?}");
    }
}

#[test]
fn of_a_service_that_asks_for_nothing_endpoints_elsewhere_are_compared_likewise() {
    let mut fixture = Fixture::new();
    fixture.reload([sees(EndpointScope::Here)]);
    fixture.web(None, &["10.0.0.1"]);
    fixture.elsewhere(&["10.0.1.1"]);
    assert_eq!(fixture.elsewhere(&["10.0.1.2"]), 0);
    assert_eq!(fixture.elsewhere(&["10.0.1.2", "10.0.1.3"]), 1);
}

#[test]
fn one_policy_that_is_shown_all_endpoints_has_the_whole_chain_asked() {
    let chain = Chain::new([sees(EndpointScope::Here), fixed_policy(Decision::Pass)]);
    assert_eq!(chain.interest().endpoints(), EndpointScope::All);
}
