//! Bytes that are not text, or not the text that they look like.

use crate::app::{APP, app, plan};

#[test]
fn a_byte_order_mark_and_other_line_ends_are_accepted() {
    plan(format!("\u{feff}{}", APP.replace('\n', "\r\n"))).expect("default/app", "11.0.0.2");
}

#[test]
fn another_encoding_is_named() {
    let utf16 = |mark: &str| format!("{mark}{APP}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for text in [utf16("\u{feff}"), utf16("")] {
        plan(text).expect_error("error: app.yaml: it is UTF-16 text, as PowerShell writes it; save it as UTF-8; none");
    }
    let latin: Vec<u8> =
        app("name: app", "name: \u{e9}").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    plan(latin).expect_error("error: app.yaml: it is not UTF-8 text: line 4 is in another encoding; save it as UTF-8");
    plan(b"\x7fELF\0\0\x01").expect_error("error: app.yaml: it is binary, and manifests and settings are text");
}

#[test]
fn a_blank_that_cannot_be_seen_is_pointed_at() {
    let sign = "it has a sign that is none of ASCII, shown by its number; write the name anew";
    let name = "    kube-vip.io/egress";
    let before = plan(app(name, &name.replace("kube", "\u{a0}kube")));
    let place =
        "document 1 (Service app) cannot be read: metadata.annotations \"<U+00A0>kube-vip.io/egress\" is not a name";
    before.expect_error(&format!("error: app.yaml: {place}: {sign}"));
    let instead = plan(app(name, &name.replacen(' ', "\u{a0}", 1)));
    let place = "document 1 (Service app) cannot be read: the field \"<U+00A0>   kube-vip.io/egress\" is not a name";
    instead.expect_error(&format!("error: app.yaml: {place}: {sign}"));
    plan(app("\"true\"", "\u{201c}true\u{201d}")).expect_error("is not a boolean; write \"true\" or \"false\"");
}
