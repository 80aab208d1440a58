//! Sorted lists without doubles.

/// The items of the first list that are not in the second, in order; both are sorted.
pub fn without<'a, T: Ord>(these: &'a [T], those: &'a [T]) -> impl Iterator<Item = &'a T> {
    let mut those = those.iter().peekable();
    these.iter().filter(move |one| {
        while those.next_if(|other| other < one).is_some() {}
        those.peek() != Some(one)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_left_is_what_the_second_list_has_not(these: BTreeSet<u8>, those: BTreeSet<u8>) {
            let [first, second] = [&these, &those].map(|set| set.iter().copied().collect::<Vec<u8>>());
            prop_assert!(without(&first, &second).eq(these.difference(&those)));
        }
    }
}
