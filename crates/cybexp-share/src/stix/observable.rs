//! Attributes as cyber observables (SCOs). The id is the UUIDv5 of the properties that make the observable up (section 2.9).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use tahoe_core::Scalar;

use crate::ident::Uuid;
use crate::kind::{Digest, Kind};
use crate::stix::pattern;

/// The most characters of a value that stands in a name.
const NAME: usize = 200;

/// Extension with which attributes are written that STIX has no observable for.
pub(crate) const ATTRIBUTE_EXTENSION: &str =
    "extension-definition--7d6a2f1c-4f0e-4b57-9d63-5b0f4c1a9e21";
/// The type of these observables.
const ATTRIBUTE: &str = "x-cybexp-attribute";
/// The types of the observables of the specification that attributes become, and the versions of their UUIDs.
pub(crate) const KINDS: [(&str, u8); 12] = [
    ("autonomous-system", 5),
    ("domain-name", 5),
    ("email-addr", 5),
    ("file", 5),
    ("ipv4-addr", 5),
    ("ipv6-addr", 5),
    ("mac-addr", 5),
    ("mutex", 5),
    ("process", 4),
    ("url", 5),
    ("user-account", 5),
    ("windows-registry-key", 5),
];

/// A cyber observable.
#[derive(Debug, Clone, PartialEq)]
pub struct Observable {
    object: Map<String, Value>,
    id: String,
    uuid: Uuid,
    pattern: Option<String>,
    name: String,
}

impl Observable {
    /// Returns the observable of an attribute. Values that STIX has none for become an `x-cybexp-attribute`.
    pub fn of(sub_type: &str, data: &Scalar) -> Self {
        Self::standard(sub_type, data).unwrap_or_else(|| Self::own(sub_type, data))
    }

    /// Returns the observable of an attribute, if STIX has one for it.
    pub fn standard(sub_type: &str, data: &Scalar) -> Option<Self> {
        let simple = |kind: &'static str, property: &str, text: String| {
            let pattern = pattern::equals(&format!("{kind}:{property}"), &text);
            Self::made(
                kind,
                json!({property: text}),
                &[property],
                Some(pattern),
                text,
            )
        };
        Some(match Kind::of(sub_type, data) {
            Kind::Address(address) => simple(family(address), "value", address.to_string()),
            Kind::Network(network) => {
                let (kind, text) = (family(network.address), network.to_string());
                let pattern = pattern::within(&format!("{kind}:value"), &text);
                Self::made(
                    kind,
                    json!({"value": text}),
                    &["value"],
                    Some(pattern),
                    text,
                )
            }
            // the specification wants a name of RFC 5890, which has no underscore
            Kind::Host(host) if !host.contains('_') => simple("domain-name", "value", host),
            Kind::Url(url) => simple("url", "value", url),
            Kind::Mail(mail) => simple("email-addr", "value", mail),
            Kind::Digest(digest, text) => {
                let (name, path) = algorithm(digest);
                let pattern = pattern::equals(&format!("file:hashes.{path}"), &text);
                let properties = json!({"hashes": {name: text}});
                Self::made("file", properties, &["hashes"], Some(pattern), text)
            }
            Kind::Host(_) | Kind::Other => return Self::of_text(sub_type, data),
        })
    }

    /// Returns the observable of a value that is no indicator by its form.
    fn of_text(sub_type: &str, data: &Scalar) -> Option<Self> {
        if sub_type == "asn" {
            let text = data.to_string();
            let digits = text.trim().trim_start_matches(['A', 'S', 'a', 's']);
            let number: u32 = digits.parse().ok()?;
            let pattern = Some(pattern::number("autonomous-system:number", number));
            let properties = json!({"number": number});
            let name = format!("AS{number}");
            return Some(Self::made(
                "autonomous-system",
                properties,
                &["number"],
                pattern,
                name,
            ));
        }
        let text = data
            .as_str()
            .filter(|text| !text.trim().is_empty())?
            .to_owned();
        let (kind, property) = match sub_type {
            "filename" => ("file", "name"),
            "username" => ("user-account", "account_login"),
            "mutex" => ("mutex", "name"),
            "mac_address" => ("mac-addr", "value"),
            "regkey" => ("windows-registry-key", "key"),
            "shell_command" => ("process", "command_line"),
            _ => return None,
        };
        let text = match kind {
            "mac-addr" => mac(&text)?,
            _ => text,
        };
        let pattern = pattern::equals(&format!("{kind}:{property}"), &text);
        let properties = json!({property: text});
        Some(Self::made(
            kind,
            properties,
            &[property],
            Some(pattern),
            text,
        ))
    }

    /// Returns the observable of our own extension.
    fn own(sub_type: &str, data: &Scalar) -> Self {
        let properties = json!({
            "attribute_type": sub_type, "value": data,
            "extensions": {ATTRIBUTE_EXTENSION: {"extension_type": "new-sco"}},
        });
        let name = data.to_string();
        Self::made(
            ATTRIBUTE,
            properties,
            &["attribute_type", "value"],
            None,
            name,
        )
    }

    /// Makes an observable, whose id follows from these of its properties.
    pub(crate) fn made(
        kind: &str,
        properties: Value,
        of: &[&str],
        pattern: Option<String>,
        name: String,
    ) -> Self {
        let uuid = id(kind, &properties, of);
        let id = format!("{kind}--{uuid}");
        let head = json!({"type": kind, "spec_version": "2.1", "id": id});
        let mut object = Map::new();
        for part in [head, properties] {
            if let Value::Object(part) = part {
                object.extend(part);
            }
        }
        let name = name.chars().take(NAME).collect();
        Self {
            object,
            id,
            uuid,
            pattern,
            name,
        }
    }

    /// Sets a property that does not make the observable up.
    pub(crate) fn with(mut self, property: &str, value: Value) -> Self {
        self.object.insert(property.to_owned(), value);
        self
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the part of the id behind the type. Observables of two types may have the same.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Returns the type, such as `ipv4-addr`.
    pub fn kind(&self) -> &str {
        self.id.split_once("--").map_or("", |(kind, _)| kind)
    }

    /// Returns the version of the UUIDs of a type, if [`Observable::standard`] makes observables of it.
    pub(crate) fn version(kind: &str) -> Option<u8> {
        let known = KINDS.iter().find(|(known, _)| *known == kind);
        known.map(|(_, version)| *version)
    }

    /// Returns the value, shortened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pattern of an indicator of the observable.
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// Whether the observable is one of our own extension.
    pub(crate) fn is_own(&self) -> bool {
        self.object.get("type").and_then(Value::as_str) == Some(ATTRIBUTE)
    }

    /// Returns the object.
    pub fn object(&self) -> Value {
        Value::Object(self.object.clone())
    }
}

/// Returns the UUID of an observable.
fn id(kind: &str, properties: &Value, of: &[&str]) -> Uuid {
    // sorted, as RFC 8785 wants; what is in them has one key each
    let made_of: BTreeMap<&str, &Value> = of
        .iter()
        .filter_map(|name| Some((*name, properties.get(*name)?)))
        .collect();
    let text = serde_json::to_string(&made_of).unwrap_or_default();
    match kind {
        // nothing makes a process up: the specification wants version 4
        "process" => Uuid::random_like(&["process", &text]),
        // no validator knows our own type for an observable
        ATTRIBUTE => Uuid::random_like(&[ATTRIBUTE, &text]),
        _ => Uuid::of_name(Uuid::STIX, text.as_bytes()),
    }
}

fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "ipv4-addr",
        IpAddr::V6(_) => "ipv6-addr",
    }
}

/// Returns an algorithm's name, and how a pattern writes it.
pub(crate) fn algorithm(digest: Digest) -> (&'static str, &'static str) {
    match digest {
        Digest::Md5 => ("MD5", "MD5"),
        Digest::Sha1 => ("SHA-1", "'SHA-1'"),
        Digest::Sha256 => ("SHA-256", "'SHA-256'"),
        Digest::Sha512 => ("SHA-512", "'SHA-512'"),
    }
}

/// Returns a hardware address as STIX writes it: six pairs of lower-case digits, with colons between them.
fn mac(text: &str) -> Option<String> {
    let parts: Vec<String> = text
        .trim()
        .split([':', '-'])
        .map(str::to_ascii_lowercase)
        .collect();
    let is_pair = |part: &String| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    (parts.len() == 6 && parts.iter().all(is_pair)).then(|| parts.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_oasis_own_library() {
        // made with python's stix2 3.0.2
        for (sub_type, text, id) in [
            (
                "ipv4",
                "198.51.100.3",
                "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4",
            ),
            (
                "hostname",
                "evil.example",
                "domain-name--69228563-c8d2-54ae-aeca-5f4134cb59aa",
            ),
            (
                "url",
                "http://evil.example/'a",
                "url--f14bf312-163e-50fb-a66f-5bf2db1dc18c",
            ),
            (
                "sha256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "file--22f8ff52-8f62-5f03-a53a-6f50f54fd74c",
            ),
            (
                "username",
                "Grüße \u{1f600}\n",
                "user-account--b1fa45bd-4cf1-5f7e-97b1-17019a7374ac",
            ),
        ] {
            assert_eq!(Observable::of(sub_type, &text.into()).id(), id);
        }
    }

    #[test]
    fn the_types_of_attributes_are_known() {
        let mut kinds = BTreeMap::new();
        for (sub_type, text) in [
            ("ipv4", "203.0.113.9"),
            ("ipv6", "2001:db8::9"),
            ("hostname", "evil.example"),
            ("url", "http://evil.example/"),
            ("email_addr", "jdoe@evil.example"),
            ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
            ("asn", "64500"),
            ("username", "root"),
            ("mutex", "x"),
            ("mac_address", "00:00:5e:00:53:01"),
            ("regkey", "HKLM\\x"),
            ("shell_command", "id"),
        ] {
            let made = Observable::standard(sub_type, &text.into()).unwrap();
            let version = u8::from_str_radix(&made.uuid().to_string()[14..15], 16).unwrap();
            kinds.insert(made.kind().to_owned(), version);
        }
        let known = KINDS.map(|(kind, version)| (kind.to_owned(), version));
        assert_eq!(kinds, BTreeMap::from(known));
    }
}
