//! Observables (SCOs): an object of STIX as attributes and objects.

use tahoe_core::{Attribute, Scalar, SubType, Value};

use super::parts::{Parts, Told};
use crate::normal;

/// The longest value of our own extension, in bytes.
const OWN: usize = 64 << 10;
/// The most references of one property that are followed.
const REFS: usize = 50;

/// The types of observables.
const KINDS: [&str; 19] = [
    "artifact",
    "autonomous-system",
    "directory",
    "domain-name",
    "email-addr",
    "email-message",
    "file",
    "ipv4-addr",
    "ipv6-addr",
    "mac-addr",
    "mutex",
    "network-traffic",
    "process",
    "software",
    "url",
    "user-account",
    "windows-registry-key",
    "x-cybexp-attribute",
    "x509-certificate",
];

/// Properties that hold a value.
const SIMPLE: [(&str, &[&str]); 14] = [
    ("artifact", &["url"]),
    ("autonomous-system", &["number"]),
    ("domain-name", &["value"]),
    ("email-addr", &["value"]),
    ("email-message", &["subject"]),
    ("file", &["name"]),
    ("ipv4-addr", &["value"]),
    ("ipv6-addr", &["value"]),
    ("mac-addr", &["value"]),
    ("mutex", &["name"]),
    ("network-traffic", &["src_port", "dst_port", "protocols"]),
    ("process", &["command_line"]),
    ("url", &["value"]),
    ("user-account", &["account_login", "user_id", "credential"]),
];

/// Properties that name another observable, of which the value, name or digests are a part of this one.
const REFERENCES: [(&str, &[&str]); 4] = [
    ("domain-name", &["resolves_to_refs"]),
    (
        "email-message",
        &["from_ref", "sender_ref", "to_refs", "cc_refs", "bcc_refs"],
    ),
    ("network-traffic", &["src_ref", "dst_ref"]),
    ("process", &["image_ref", "binary_ref"]),
];

fn of<'a>(table: &[(&str, &'a [&'a str])], kind: &str) -> &'a [&'a str] {
    let row = table.iter().find(|(known, _)| *known == kind);
    row.map_or(&[], |(_, properties)| properties)
}

/// Whether objects of this type are observables.
pub(super) fn is_one(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// Returns the ids that an observable names, of other observables that are a part of it.
pub(super) fn references(object: &Value) -> impl Iterator<Item = &str> {
    let kind = object.get("type").and_then(Value::as_str);
    let properties = of(&REFERENCES, kind.unwrap_or_default()).iter();
    properties.flat_map(|property| texts(object.get(*property)))
}

/// Returns the attributes and objects of an observable. `find` returns the object of an id.
pub(super) fn told<'a>(object: &'a Value, find: &dyn Fn(&str) -> Option<&'a Value>) -> Told {
    let mut parts = Parts::default();
    let Some(kind) = object.get("type").and_then(Value::as_str) else {
        return Told::default();
    };
    for property in of(&SIMPLE, kind) {
        for value in texts_or_numbers(object.get(*property)) {
            parts.add(kind, property, &value);
        }
    }
    hashes(object, kind, "", &mut parts);
    match kind {
        "windows-registry-key" => {
            if let Some(key) = texts(object.get("key")).next() {
                parts.add(kind, "key", key);
            }
        }
        "file" => {
            let imphash = object.pointer("/extensions/windows-pebinary-ext/imphash");
            if let Some(imphash) = texts(imphash).next() {
                parts.add(kind, "extensions.windows-pebinary-ext.imphash", imphash);
            }
        }
        "x-cybexp-attribute" => own(object).into_iter().for_each(|own| parts.add_own(own)),
        _ => {}
    }
    for property in of(&REFERENCES, kind) {
        for named in texts(object.get(*property)).take(REFS).filter_map(find) {
            if let Some(value) = texts(named.get("value")).next() {
                parts.add(kind, &format!("{property}.value"), value);
            }
            if let Some(name) = texts(named.get("name")).next() {
                parts.add(kind, &format!("{property}.name"), name);
            }
            hashes(named, kind, &format!("{property}."), &mut parts);
        }
    }
    parts.told()
}

fn hashes(object: &Value, kind: &str, before: &str, parts: &mut Parts) {
    let hashes = object.get("hashes").and_then(Value::as_object);
    for (name, value) in hashes.into_iter().flatten() {
        if let Some(value) = value.as_str() {
            parts.add(kind, &format!("{before}hashes.{name}"), value);
        }
    }
}

/// Returns the texts of a property that is one or a list.
pub(super) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = value.and_then(Value::as_array);
    let one = value.and_then(Value::as_str);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .chain(one)
}

fn texts_or_numbers(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Number(number)) => vec![number.to_string()],
        value => texts(value).take(REFS).map(str::to_owned).collect(),
    }
}

/// Returns the attribute of our own extension.
fn own(object: &Value) -> Option<Attribute> {
    let name = SubType::new(object.get("attribute_type")?.as_str()?).ok()?;
    let value = Scalar::try_from(object.get("value")?).ok()?;
    if value.as_str().is_some_and(|text| text.len() > OWN) {
        return None;
    }
    Attribute::checked(name.clone(), value.clone()).ok()?;
    normal(&name, &value).ok()
}
