//! The annotation by which pods are guarded, under a name that is almost right. Whoever writes it restricts something, and
//! would take its pods for guarded: so it counts, and is reported.

use egressd_vocabulary::spelling::nearest;

use super::MOST_NAMES;
use super::domain::split;
use crate::model::{AnnotationPrefix, AskedUnavailable, Labels};

/// What stands behind the domain.
const NAME: &str = "on-unavailable";

/// What these annotations ask for: by the right name, or where that is missing by one that is almost right.
pub fn asked_unavailable<'a>(annotations: &'a Labels, prefix: &AnnotationPrefix) -> Option<AskedUnavailable<'a>> {
    if annotations.get(AskedUnavailable::NAME).is_some() {
        return AskedUnavailable::of(annotations);
    }
    let almost = annotations.iter().filter(|(name, _)| is_almost_unavailable(name, prefix)).take(MOST_NAMES);
    let mut restricting = almost.filter(|(_, value)| !["", "pass"].contains(&value.trim_ascii()));
    restricting.next().map(|(name, _)| AskedUnavailable::Misspelled(name))
}

/// Whether a name is almost that of the annotation. Domains of other programs are theirs.
pub(super) fn is_almost_unavailable(name: &str, prefix: &AnnotationPrefix) -> bool {
    // The end first: of 30,000 Services all annotations are looked at.
    let end = name.rsplit(['/', '.', ':']).next().unwrap_or(name);
    let may_be = name != AskedUnavailable::NAME && nearest(end, [NAME]).is_some();
    may_be && split(name, prefix).is_some_and(|(_, rest)| nearest(rest, [NAME]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::OnUnavailable;

    fn asked(annotations: &[(&str, &str)]) -> Option<OnUnavailable> {
        let annotations: Labels = annotations.iter().copied().collect();
        asked_unavailable(&annotations, &AnnotationPrefix::default()).and_then(|asked| asked.effect())
    }

    #[test]
    fn a_name_that_is_almost_right_counts_as_drop() {
        for name in [
            "egressd.io/on-unavailabel",
            "egressd.io/On-Unavailable",
            "egressd.io/onunavailable",
            "egresd.io/on-unavailable",
            "kube-vip.io/on-unavailable",
            "kube-vip.io/on_unavailable",
            "on-unavailable",
            "egressd.io.on-unavailable",
        ] {
            assert_eq!(asked(&[(name, "drop")]), Some(OnUnavailable::Drop), "{name}");
            assert_eq!(asked(&[(name, "pass")]), None, "{name}");
        }
    }

    #[test]
    fn the_right_name_goes_first_and_names_of_other_programs_say_nothing() {
        let right = (AskedUnavailable::NAME, "pass");
        assert_eq!(asked(&[right, ("kube-vip.io/on-unavailable", "drop")]), Some(OnUnavailable::Pass));
        for name in ["example.com/on-unavailable", "egressd.io/on-change", "egressd.io/unavailable-since", "available"]
        {
            assert_eq!(asked(&[(name, "drop")]), None, "{name}");
        }
    }
}
