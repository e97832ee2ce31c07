//! Observables as attributes: one name for one thing, whatever its source.

use tahoe_core::{Attribute, Hash, Node, Object, Scalar, SubType, Value};

use crate::url::host_attributes;
use crate::{normal, vocab};

/// The longest value, in bytes.
const VALUE: usize = 64 << 10;

/// Returns the attribute of a value, as other filters spell it.
fn attribute(name: SubType, value: &str) -> Option<Attribute> {
    if value.trim().is_empty() || value.len() > VALUE {
        return None;
    }
    normal(&name, &Scalar::from(value)).ok()
}

/// Returns the attributes of a value at a path of a pattern, which an observable names the same way. The value itself is
/// the first; the others are hosts that it names.
pub(super) fn of_path(path: &str, value: &str) -> Vec<Node> {
    let Some((kind, property)) = path.split_once(':') else {
        return Vec::new();
    };
    let one = |name| attribute(name, value).map(Node::from).into_iter().collect();
    match (kind, property) {
        ("ipv4-addr", "value") if value.contains('/') => one(vocab::CIDR),
        ("ipv6-addr", "value") if value.contains('/') => one(vocab::CIDR),
        ("ipv4-addr", "value") => one(vocab::IPV4),
        ("ipv6-addr", "value") => one(vocab::IPV6),
        ("domain-name", "value") => with_hosts(vocab::HOSTNAME, value),
        ("url", "value") => with_hosts(vocab::URL, value),
        ("email-addr" | "email-message", "value" | "from_ref.value" | "sender_ref.value") => {
            one(vocab::EMAIL_ADDR)
        }
        ("email-message", "subject") => one(vocab::SUBJECT),
        ("file", "name") => one(vocab::FILENAME),
        ("file", property) => property
            .strip_prefix("hashes.")
            .and_then(digest)
            .map(one)
            .unwrap_or_default(),
        ("autonomous-system", "number") => one(vocab::ASN),
        ("user-account", "account_login" | "user_id") => one(vocab::USERNAME),
        ("mutex", "name") => one(SubType::from_static("mutex")),
        ("mac-addr", "value") => one(SubType::from_static("mac_address")),
        ("windows-registry-key", "key") => one(SubType::from_static("regkey")),
        ("process", "command_line") => one(vocab::SHELL_COMMAND),
        ("network-traffic", "dst_ref.value" | "src_ref.value") => of_host(value),
        _ => Vec::new(),
    }
}

fn of_host(value: &str) -> Vec<Node> {
    match crate::url::ip_attribute(value) {
        Some(address) => vec![address.into()],
        None => with_hosts(vocab::HOSTNAME, value),
    }
}

/// Returns a URL or host with the hosts that it names.
fn with_hosts(name: SubType, value: &str) -> Vec<Node> {
    let Some(seen) = attribute(name, value) else {
        return Vec::new();
    };
    let hosts = host_attributes(value).into_iter();
    let hosts = hosts
        .filter(|host| host.hash() != seen.hash())
        .collect::<Vec<_>>();
    std::iter::once(seen).chain(hosts).map(Node::from).collect()
}

fn digest(name: &str) -> Option<SubType> {
    Some(
        match name.trim_matches('\'').to_ascii_uppercase().as_str() {
            "MD5" => vocab::MD5,
            "SHA-1" | "SHA1" => vocab::SHA1,
            "SHA-256" | "SHA256" => vocab::SHA256,
            "SHA-512" | "SHA512" => vocab::SHA512,
            _ => return None,
        },
    )
}

/// Returns the attributes and objects of an observable.
pub(super) fn nodes(object: &Value) -> Vec<Node> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let Some(kind) = text("type") else {
        return Vec::new();
    };
    match kind {
        "file" => file(object),
        "user-account" => account(object),
        "autonomous-system" => {
            let number = object.get("number").and_then(Value::as_u64);
            let number = number.map(|number| number.to_string());
            number
                .map(|it| of_path("autonomous-system:number", &it))
                .unwrap_or_default()
        }
        "x-cybexp-attribute" => own(object).into_iter().collect(),
        _ => ["value", "name", "key", "command_line", "subject"]
            .iter()
            .filter_map(|property| Some((property, text(property)?)))
            .flat_map(|(property, value)| of_path(&format!("{kind}:{property}"), value))
            .collect(),
    }
}

/// The name and digests of a file, as one object where it has several.
fn file(object: &Value) -> Vec<Node> {
    let name = object.get("name").and_then(Value::as_str);
    let name = name.into_iter().flat_map(|name| of_path("file:name", name));
    let hashes = object.get("hashes").and_then(Value::as_object);
    let hashes = hashes.into_iter().flatten();
    let hashes = hashes.filter_map(|(name, value)| Some((digest(name)?, value.as_str()?)));
    let hashes = hashes
        .filter_map(|(name, value)| attribute(name, value))
        .map(Node::from);
    together(vocab::FILE, name.chain(hashes).take(10).collect())
}

/// The login and the password of an account, as one object where it has both.
fn account(object: &Value) -> Vec<Node> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let user = text("account_login").or_else(|| text("user_id"));
    let user = user.and_then(|user| attribute(vocab::USERNAME, user));
    let password = text("credential").and_then(|it| attribute(vocab::PASSWORD, it));
    let parts = user.into_iter().chain(password).map(Node::from);
    together(vocab::CREDENTIAL, parts.collect())
}

fn together(name: SubType, parts: Vec<Node>) -> Vec<Node> {
    match parts.len() {
        0 | 1 => parts,
        _ => match Object::new(name, parts.clone()) {
            Ok(object) => vec![object.into()],
            Err(_) => parts,
        },
    }
}

/// An attribute in our own extension, as it was.
fn own(object: &Value) -> Option<Node> {
    let name = SubType::new(object.get("attribute_type")?.as_str()?).ok()?;
    let value = Scalar::try_from(object.get("value")?).ok()?;
    if value.as_str().is_some_and(|text| text.len() > VALUE) {
        return None;
    }
    Attribute::checked(name.clone(), value.clone()).ok()?;
    Some(normal(&name, &value).ok()?.into())
}

/// Returns the hashes of a value that an indicator judges: the value and its parts.
pub(super) fn judged(node: &Node) -> Vec<Hash> {
    match node {
        Node::Attribute(attribute) => vec![attribute.hash()],
        Node::Object(object) => std::iter::once(object.hash())
            .chain(object.children().refs().iter().copied())
            .collect(),
    }
}
