//! A place in an object, which may be empty: absent and `null` are the same, as they are for the API server.

use std::str::FromStr;

use egressd_core::model::Labels;
use egressd_core::text::quoted;
use serde_json::Value;

use super::fault::Fault;

/// One place: where it is, and what stands there.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    pub(super) fn root(object: &'a Value) -> Self {
        Self { path: String::new(), value: Some(object) }
    }

    /// A member. Of what is no object, an empty place: whoever needs the member reports what stands there.
    pub(super) fn get(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, value: self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null()) }
    }

    /// A member that holds others. What is there and is no object could say anything, so nothing is concluded from it.
    pub(super) fn object(&self, name: &str) -> Result<Self, Fault> {
        let member = self.get(name);
        if member.value.is_none_or(Value::is_object) { Ok(member) } else { Err(member.fault("an object")) }
    }

    /// The same place with what its text means.
    pub(super) fn within<'b>(&self, value: &'b Value) -> Field<'b> {
        Field { path: self.path.clone(), value: Some(value) }
    }

    /// The names of its members.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.value.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// A list that has to be one, item by item.
    pub(super) fn list(&self) -> Result<Vec<Self>, Fault> {
        let mut faults = Vec::new();
        let items = self.items(&mut faults);
        faults.pop().map_or(Ok(items), Err)
    }

    /// Whether nothing stands there.
    pub(super) fn is_absent(&self) -> bool {
        self.value.is_none()
    }

    /// What stands there, as it is.
    pub(super) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// A text; none where nothing stands.
    pub(super) fn text(&self) -> Result<Option<&'a str>, Fault> {
        let Some(value) = self.value else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.fault(text_expected(value)))
    }

    /// What a text means; none where nothing stands.
    pub(super) fn parsed<T: FromStr>(&self, expected: &'static str) -> Result<Option<T>, Fault> {
        let Some(value) = self.value else { return Ok(None) };
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        parsed.map(Some).ok_or_else(|| self.fault(expected))
    }

    /// Yes or no; none where nothing stands.
    pub(super) fn boolean(&self) -> Result<Option<bool>, Fault> {
        let Some(value) = self.value else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.fault("true or false"))
    }

    /// A number from this one on; none where nothing stands.
    pub(super) fn number(&self, least: u16, expected: &'static str) -> Result<Option<u16>, Fault> {
        let Some(value) = self.value else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
        number.filter(|number| *number >= least).map(Some).ok_or_else(|| self.fault(expected))
    }

    /// The items of a list, each a place of its own; what is no list has none.
    pub(super) fn items(&self, faults: &mut Vec<Fault>) -> Vec<Self> {
        match self.value {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let item = |(place, value)| Self { path: format!("{}[{place}]", self.path), value: Some(value) };
                items.iter().enumerate().map(item).collect()
            }
            Some(_) => {
                faults.push(self.fault("a list"));
                Vec::new()
            }
        }
    }

    /// The items that mean something of a list that has to be one; the others are faults.
    pub(super) fn all<T>(
        &self,
        faults: &mut Vec<Fault>,
        read: impl Fn(&Self) -> Result<Option<T>, Fault>,
    ) -> Result<Vec<T>, Fault> {
        Ok(self.list()?.iter().filter_map(|item| kept(read(item), faults)).collect())
    }

    /// The same of a list without which an object is none the less right: what is no list is one fault more.
    pub(super) fn all_if_any<T>(
        &self,
        faults: &mut Vec<Fault>,
        read: impl Fn(&Self) -> Result<Option<T>, Fault>,
    ) -> Vec<T> {
        let items = self.items(faults);
        items.iter().filter_map(|item| kept(read(item), faults)).collect()
    }

    /// That no name of a member has a sign of another alphabet or a blank that cannot be seen: such a blank before a name moves
    /// what was meant as an annotation to another place, where nothing would ask for it.
    pub(super) fn has_plain_names(&self, path: &str) -> Result<(), Fault> {
        let names = self.value.and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
        match names.into_iter().find(|name| !name.is_ascii()) {
            Some(name) => Err(Fault::about_name(path, name)),
            None => Ok(()),
        }
    }

    /// Labels or annotations: a name without a value has an empty one, as the API server reads it.
    ///
    /// # Errors
    /// The first value that is no text: leaving one out could be leaving out a restriction.
    pub(super) fn labels(&self) -> Result<Labels, Fault> {
        let members = match self.value {
            None => return Ok(Labels::new()),
            Some(Value::Object(members)) => members,
            Some(Value::String(_)) => {
                return Err(self.fault("a map of texts; write a colon and a blank after each name"));
            }
            Some(_) => return Err(self.fault("a map of texts")),
        };
        if let Some(name) = members.keys().find(|name| !is_label_name(name)) {
            return Err(Fault::about_name(&self.path, name));
        }
        members.iter().map(|(name, value)| Ok((name.as_str(), self.label(name, value)?))).collect()
    }

    fn label<'v>(&self, name: &str, value: &'v Value) -> Result<&'v str, Fault> {
        match value {
            Value::String(text) => Ok(text),
            Value::Null => Ok(""),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                let path = format!("{}[{}]", self.path, quoted(name));
                Err(Fault::new(path, value, text_expected(value)))
            }
        }
    }

    /// That what stands there is something else.
    pub(super) fn fault(&self, expected: &'static str) -> Fault {
        Fault::new(&self.path, self.value.unwrap_or(&Value::Null), expected)
    }
}

/// YAML takes `true` and `5` for something else than texts.
fn text_expected(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) | Value::Number(_) => "a string; write it in quotes",
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => "a string",
    }
}

/// Signs of ASCII alone, as an API server has them. Others are pasted by mistake, and many of them cannot be seen.
fn is_label_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A value that can be left out: what is wrong with it is noted.
pub(super) fn kept<T>(read: Result<Option<T>, Fault>, faults: &mut Vec<Fault>) -> Option<T> {
    read.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    })
}
