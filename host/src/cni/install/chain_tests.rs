#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const FLANNEL: &str = r#"{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "flannel",
      "delegate": {"hairpinMode": true, "isDefaultGateway": true}
    },
    {
      "type": "portmap",
      "capabilities": {"portMappings": true}
    }
  ],
  "zz-unknown": [1e3, "\"plugins\": [", 12345678901234567890123]
}
"#;

const SHORT: &str = r#"{"cniVersion":"1.0.0","plugins":[{"type":"bridge"}]}"#;

fn entry() -> Entry {
    Entry { wait: Duration::from_secs(2), on_failure: OnFailure::Open, socket: None }
}

fn with(text: &str) -> String {
    chained(text, &entry()).unwrap().unwrap()
}

#[test]
fn the_entry_is_the_last_plugin_and_all_else_keeps_its_bytes() {
    let changed = with(FLANNEL);
    let line = r#"    {"fail":"open","type":"egressd-cni","wait":2}"#;
    assert_eq!(changed, FLANNEL.replace("    }\n  ],", &format!("    }},\n{line}\n  ],")));
    let expected =
        r#"{"cniVersion":"1.0.0","plugins":[{"type":"bridge"}, {"fail":"open","type":"egressd-cni","wait":2}]}"#;
    assert_eq!(with(SHORT), expected);
}

#[test]
fn chaining_twice_is_chaining_once_and_taking_out_is_as_before() {
    for text in [FLANNEL, SHORT] {
        let changed = with(text);
        assert_eq!(chained(&changed, &entry()), Ok(None));
        assert_eq!(unchained(&changed).unwrap().as_deref(), Some(text));
        assert_eq!(unchained(text), Ok(None));
    }
}

#[test]
fn other_settings_take_the_place_of_those_before() {
    let socket = Some(PathBuf::from("/run/other.sock"));
    let other = Entry { wait: Duration::from_secs(9), on_failure: OnFailure::Closed, socket };
    let changed = chained(&with(FLANNEL), &other).unwrap().unwrap();
    let object: Value = serde_json::from_str(&changed).unwrap();
    let expected = json!({"type": "egressd-cni", "wait": 9, "fail": "closed", "socket": "/run/other.sock"});
    assert_eq!((object["plugins"].as_array().unwrap().len(), &object["plugins"][2]), (3, &expected));
    assert_eq!(unchained(&changed).unwrap().as_deref(), Some(FLANNEL));
}

#[test]
fn a_plugin_that_is_chained_behind_stays_there_and_one_that_would_be_first_is_moved() {
    let entry_text = entry().value();
    let behind = json!({"cniVersion": "1.0.0", "plugins": [{"type": "a"}, entry_text, {"type": "mesh"}]}).to_string();
    assert_eq!(chained(&behind, &entry()), Ok(None));
    let first = json!({"cniVersion": "1.0.0", "plugins": [entry_text, {"type": "a"}, entry_text]}).to_string();
    let moved: Value = serde_json::from_str(&with(&first)).unwrap();
    assert_eq!(moved["plugins"], json!([{"type": "a"}, entry_text]));
}

#[test]
fn what_cannot_be_chained_is_left_with_the_reason() {
    let refused = |text: &str| chained(text, &entry()).unwrap_err();
    assert!(matches!(refused("{"), Unusable::NoJson(_)));
    assert!(matches!(refused("[]"), Unusable::NoJson(_)));
    let none = [
        r#"{"cniVersion":"1.0.0"}"#,
        r#"{"cniVersion":"1.0.0","plugins":[]}"#,
        r#"{"cniVersion":"1.0.0","plugins":{}}"#,
    ];
    none.iter().for_each(|text| assert_eq!(refused(text), Unusable::NoPlugins, "{text}"));
    let alone = r#"{"cniVersion":"1.0.0","plugins":[{"type":"egressd-cni"}]}"#;
    assert_eq!(refused(alone), Unusable::NoPlugins);
    let twice = r#"{"cniVersion":"1.0.0","plugins":[{"type":"a"}],"plugins":[{"type":"b"}]}"#;
    assert_eq!(refused(twice), Unusable::Ambiguous);
}

#[test]
fn a_configuration_of_a_version_that_the_plugin_does_not_speak_is_left() {
    let with = |versions: &str| chained(&format!(r#"{{{versions}"plugins":[{{"type":"a"}}]}}"#), &entry());
    let unknown = |version: &str| Err(Unusable::Version(version.to_owned()));
    assert_eq!(with(""), unknown("0.1.0"));
    assert_eq!(with(r#""cniVersion":"0.2.0","#), unknown("0.2.0"));
    assert_eq!(with(r#""cniVersion":"1.0.0","cniVersions":["1.0.0","2.0.0"],"#), unknown("2.0.0"));
    assert!(with(r#""cniVersions":["0.4.0","1.1.0"],"#).is_ok_and(|changed| changed.is_some()));
}
