//! A map by family: two slots, without an allocation.

use super::Family;

/// At most one thing for each family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByFamily<T>([Option<T>; 2]);

impl<T> ByFamily<T> {
    /// No value for either family.
    pub fn new() -> Self {
        Self([None, None])
    }

    /// Whether neither family has a value.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub fn get(&self, family: Family) -> Option<&T> {
        match (&self.0, family) {
            ([there, _], Family::Ipv4) | ([_, there], Family::Ipv6) => there.as_ref(),
        }
    }

    /// Puts something there for a family, instead of what was there.
    pub fn insert(&mut self, family: Family, value: T) {
        match (&mut self.0, family) {
            ([there, _], Family::Ipv4) | ([_, there], Family::Ipv6) => *there = Some(value),
        }
    }

    /// The families for which something is there, in order, and what.
    pub fn iter(&self) -> impl Iterator<Item = (Family, &T)> {
        Family::ALL.into_iter().filter_map(|family| Some((family, self.get(family)?)))
    }

    /// What is there, in the order of families.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> Default for ByFamily<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> FromIterator<(Family, T)> for ByFamily<T> {
    fn from_iter<I: IntoIterator<Item = (Family, T)>>(of: I) -> Self {
        let mut all = Self::new();
        of.into_iter().for_each(|(family, value)| all.insert(family, value));
        all
    }
}

impl<T, const COUNT: usize> From<[(Family, T); COUNT]> for ByFamily<T> {
    fn from(of: [(Family, T); COUNT]) -> Self {
        of.into_iter().collect()
    }
}

impl<T> IntoIterator for ByFamily<T> {
    type Item = (Family, T);
    type IntoIter = std::iter::FilterMap<
        std::iter::Zip<std::array::IntoIter<Family, 2>, std::array::IntoIter<Option<T>, 2>>,
        fn((Family, Option<T>)) -> Option<(Family, T)>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        Family::ALL.into_iter().zip(self.0).filter_map(|(family, value)| Some((family, value?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_own_place_and_they_come_in_order() {
        let mut of = ByFamily::from([(Family::Ipv6, 6)]);
        assert_eq!((of.get(Family::Ipv4), of.get(Family::Ipv6), of.is_empty()), (None, Some(&6), false));
        of.insert(Family::Ipv4, 4);
        of.insert(Family::Ipv4, 5);
        assert_eq!(of.iter().collect::<Vec<_>>(), [(Family::Ipv4, &5), (Family::Ipv6, &6)]);
        assert_eq!(of.values().collect::<Vec<_>>(), [&5, &6]);
        assert_eq!(of.into_iter().collect::<Vec<_>>(), [(Family::Ipv4, 5), (Family::Ipv6, 6)]);
        assert!(ByFamily::<()>::new().is_empty());
    }
}
