//! Values that several sources write in the same way.

use tahoe_core::{Attribute, Value};

use crate::{url, vocab};

/// Returns text without white space around it, or the JSON text of a number or boolean; `None` if it is empty.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The number of an autonomous system, written as `8100`, `AS8100` or `8100 NAME`. It becomes text, because it is a
/// name.
pub(crate) fn asn(text: &str) -> Option<Attribute> {
    let first = text.split_whitespace().next()?;
    let digits = match first.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => &first[2..],
        _ => first,
    };
    let number: u32 = digits.parse().ok()?;
    Some(Attribute::new(vocab::ASN, number.to_string()))
}

/// A country, by its code of two letters (ISO 3166-1).
pub(crate) fn country(code: &str) -> Attribute {
    Attribute::new(vocab::COUNTRY_CODE2, code.to_ascii_uppercase())
}

/// A network: `192.0.2.0/24`.
pub(crate) fn cidr(text: &str) -> Option<Attribute> {
    let (address, bits) = text.trim().split_once('/')?;
    let address = url::ip_attribute(address)?;
    let longest = match *address.sub_type() == vocab::IPV4 {
        true => 32,
        false => 128,
    };
    let bits: u8 = bits.parse().ok().filter(|bits| *bits <= longest)?;
    Some(Attribute::new(
        vocab::CIDR,
        format!("{}/{bits}", address.data()),
    ))
}

/// A mail address, in lower case. No provider tells mailboxes apart by case, so `Jdoe@Example.com` in a mail matches
/// `jdoe@example.com` in a feed.
pub(crate) fn email_addr(address: &str) -> Attribute {
    Attribute::new(vocab::EMAIL_ADDR, address.trim().to_lowercase())
}
