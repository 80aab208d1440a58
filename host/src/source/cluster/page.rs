//! One page of a list: each object is read by itself while the text is passed over, so that nothing of the others is in
//! memory, and none that is odd spoils them.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::event::{Kind, Reading};
use super::watched::reading;

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its objects, in order.
    pub(super) readings: Vec<Reading>,
    /// The version of the whole list.
    pub(super) version: Option<String>,
    /// How to ask for the next page, if there is one.
    pub(super) continued: Option<String>,
}

impl Page {
    /// Reads a page of objects of one kind.
    ///
    /// # Errors
    /// When it is not JSON, or not a list.
    pub(super) fn read(kind: Kind, text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let page = Whole(kind).deserialize(&mut deserializer)?;
        deserializer.end().map(|()| page)
    }
}

struct Whole(Kind);

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = Page;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Page, A::Error> {
        let mut page = Page::default();
        while let Some(member) = members.next_key::<String>()? {
            match member.as_str() {
                "metadata" => {
                    let metadata: Value = members.next_value()?;
                    let text = |name: &str| metadata[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
                    (page.version, page.continued) = (text("resourceVersion"), text("continue"));
                }
                "items" => page.readings = members.next_value_seed(Items(self.0))?,
                _ => {
                    let IgnoredAny = members.next_value()?;
                }
            }
        }
        Ok(page)
    }
}

/// `null` is a list without items, as servers written in Go print it.
struct Items(Kind);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<Reading>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Reading>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<Reading>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Vec<Reading>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Reading>, A::Error> {
        let mut readings = Vec::new();
        while let Some(Object(object)) = items.next_element()? {
            readings.push(reading(self.0, &object));
        }
        Ok(readings)
    }
}

/// An object as it came.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Object(pub(super) Value);

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page::read(Kind::Namespaces, text.as_bytes()).unwrap_or_default()
    }

    #[test]
    fn a_page_has_objects_a_version_and_a_next_page() {
        let whole = page(
            r#"{"kind":"NamespaceList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"abc","remainingItemCount":1},
                "items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b","annotations":null}}],"newer":[{}]}"#,
        );
        let names: Vec<&str> = whole.readings.iter().map(|reading| &*reading.name.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((whole.version.as_deref(), whole.continued.as_deref()), (Some("7"), Some("abc")));
    }

    #[test]
    fn a_last_page_continues_nowhere_and_a_list_without_items_is_empty() {
        let last = page(r#"{"metadata":{"resourceVersion":"7","continue":""},"items":null}"#);
        assert!(last.readings.is_empty() && last.continued.is_none() && last.version.is_some());
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for text in ["", "[]", "{\"items\":", "{\"items\":7}", "{} {}"] {
            assert!(Page::read(Kind::Services, text.as_bytes()).is_err(), "{text}");
        }
    }
}
