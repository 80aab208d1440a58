//! Whether a schema says what the settings are.

use serde_json::{Map, Value};

use crate::settings::Settings;

/// Checks settings against their schema: it is JSON and describes an object, each of its `examples` (there is at least
/// one) is read, all members in them are among its `properties`, and an unknown member is refused.
///
/// # Panics
/// When something of that is not so.
pub fn check_schema<S: Settings>() {
    let schema: Value =
        serde_json::from_str(S::SCHEMA).unwrap_or_else(|error| panic!("the schema is no JSON: {error}"));
    assert_eq!(schema["type"], "object", "the schema's type must be \"object\"");
    assert_eq!(schema["additionalProperties"], false, "the schema must say \"additionalProperties\": false");
    let examples = schema["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert!(!examples.is_empty(), "the schema must have at least one of \"examples\"");
    for example in examples {
        let Value::Object(members) = example else { panic!("the example {example} is no object") };
        check_example::<S>(members, &schema["properties"]);
    }
}

fn check_example<S: Settings>(members: &Map<String, Value>, properties: &Value) {
    let text = Value::Object(members.clone()).to_string();
    if let Err(refused) = S::parse(&text) {
        panic!("the example {text} is refused: {}", refused.message);
    }
    let unknown = members.keys().find(|name| properties.get(name).is_none());
    assert_eq!(unknown, None, "a member of the example {text} has no entry in the schema's \"properties\"");
    let mut more = members.clone();
    more.insert("no-such-setting".to_owned(), Value::Null);
    let refused = S::parse(&Value::Object(more).to_string());
    assert!(
        refused.is_err(),
        "a member \"no-such-setting\" beside {text} must be refused: #[serde(deny_unknown_fields)]"
    );
}
