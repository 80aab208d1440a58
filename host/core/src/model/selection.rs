//! Which pods a Service selects.

use super::Labels;
use super::bounds::is_short;

/// Whether Kubernetes looks for a Service's endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
    /// It has a `spec.selector`: its EndpointSlices are the endpoint-slice controller's.
    Selector(PodSelector),
    /// It has none: whoever wants writes them.
    ByHand,
}

/// The labels that a pod has to have. It has at least one, or selects nothing: what is as long as no pod's labels are
/// kept is not cut, as the rest could select more pods than the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodSelector(Labels);

impl Selection {
    /// By a `spec.selector` with these labels: an empty one is none, as it is for Kubernetes.
    pub fn of(labels: Labels) -> Self {
        if labels.is_empty() { Self::ByHand } else { Self::Selector(PodSelector(labels)) }
    }

    /// The labels that select, where there are any.
    pub fn selector(&self) -> Option<&PodSelector> {
        match self {
            Self::Selector(selector) => Some(selector),
            Self::ByHand => None,
        }
    }

    /// The labels, to be changed without another meaning.
    pub(super) fn labels_mut(&mut self) -> Option<&mut Labels> {
        match self {
            Self::Selector(PodSelector(labels)) => Some(labels),
            Self::ByHand => None,
        }
    }

    /// The same with a bound on its size.
    pub(super) fn within_bounds(self) -> Self {
        match self {
            Self::Selector(PodSelector(labels)) if !is_short(&labels) => Self::Selector(PodSelector::default()),
            Self::Selector(_) | Self::ByHand => self,
        }
    }
}

impl PodSelector {
    /// A label that every selected pod has, with its value; none where it selects nothing.
    pub fn first_label(&self) -> Option<(&str, &str)> {
        self.0.iter().next()
    }

    /// Whether it selects a pod with these labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(name, value)| labels.get(name) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selection: &Selection, labels: &Labels) -> bool {
        selection.selector().is_some_and(|selector| selector.selects(labels))
    }

    #[test]
    fn all_labels_have_to_be_there_and_none_selects_nothing() {
        let web = Selection::of([("app", "web"), ("tier", "")].into());
        assert!(selects(&web, &[("app", "web"), ("other", "x"), ("tier", "")].into()));
        assert!(!selects(&web, &[("app", "web")].into()));
        assert!(!selects(&web, &[("app", "web"), ("tier", "front")].into()));
        assert_eq!(Selection::of(Labels::new()), Selection::ByHand);
    }

    #[test]
    fn a_selector_that_is_too_long_selects_nothing_and_is_not_cut() {
        let long: Labels = (0..500).map(|number| (format!("label-{number}"), "x")).collect();
        let bounded = Selection::of(long.clone()).within_bounds();
        assert!(!selects(&bounded, &long) && !selects(&bounded, &Labels::new()));
        assert_ne!(bounded, Selection::ByHand);
        let short = Selection::of([("app", "web")].into());
        assert_eq!(short.clone().within_bounds(), short);
    }
}
