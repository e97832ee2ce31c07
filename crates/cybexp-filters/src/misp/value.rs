//! One attribute of MISP's: its type, value and flag.

use tahoe_core::{Attribute, SubType, Value};

use super::piece::Piece;
use super::types::{self, Kind, Read};
use crate::{fields, url, vocab};

/// Longer values are left out: rules, keys and mails are shorter.
const VALUE_BYTES: usize = 512 << 10;

/// A type, relation or object name that is longer is none.
const NAME_BYTES: usize = 128;

/// What is read of an attribute.
pub(super) struct Given {
    pub(super) kind: String,
    pub(super) value: String,
    /// `to_ids`: MISP's word for what a detection system should look for.
    pub(super) flagged: bool,
}

impl Given {
    pub(super) fn of(attribute: &Value) -> Result<Self, &'static str> {
        let text = |field| attribute.get(field).and_then(fields::text);
        let kind = text("type").ok_or("attribute_without_type")?;
        if kind.len() > NAME_BYTES {
            return Err("name_too_long");
        }
        let value = text("value").ok_or("attribute_without_value")?;
        if value.len() > VALUE_BYTES {
            return Err("value_too_long");
        }
        let flagged = is_true(attribute.get("to_ids"));
        Ok(Self {
            kind,
            value,
            flagged,
        })
    }

    /// What it is on an event.
    pub(super) fn piece(&self) -> Result<Piece, &'static str> {
        let kind = types::of(&self.kind);
        match kind {
            Some(Kind::Pair(object, first, second)) => {
                let pair = self.pair(first, second)?;
                Piece::object(object.clone(), pair).ok_or("too_large")
            }
            Some(Kind::Within(object, ..)) => {
                Piece::object(object.clone(), vec![self.bare()?]).ok_or("too_large")
            }
            Some(Kind::Named(..) | Kind::Keep(_) | Kind::Generic) | None => self.bare(),
        }
    }

    /// The two values of a pair.
    pub(super) fn pair(&self, first: &str, second: &str) -> Result<Vec<Piece>, &'static str> {
        // a file's name may hold a `|`, what stands behind it does not; but what is in a registry key may
        let (left, right) = match first {
            "regkey" => self.value.split_once('|'),
            _ => self.value.rsplit_once('|'),
        }
        .unwrap_or((&self.value, ""));
        [(first, left), (second, right)]
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(kind, value)| {
                let part = Self {
                    kind: kind.to_owned(),
                    value: value.trim().to_owned(),
                    // what listens on port 80 elsewhere is none the worse for it
                    flagged: self.flagged && kind != "port",
                };
                part.bare()
            })
            .collect()
    }

    /// The value alone, outside the object that its type may ask for.
    pub(super) fn bare(&self) -> Result<Piece, &'static str> {
        let known = match types::of(&self.kind) {
            Some(Kind::Named(name, how) | Kind::Within(_, name, how)) => Some((name.clone(), *how)),
            Some(Kind::Keep(how)) => Some((identifier(&self.kind)?, *how)),
            Some(Kind::Generic | Kind::Pair(..)) | None => None,
        };
        let found = known.and_then(|(name, how)| read(name, how, &self.value));
        Ok(match found {
            Some((values, beside)) => Piece::all(
                values
                    .into_iter()
                    .map(|value| Piece::attribute(value, self.flagged))
                    .collect(),
            )
            .beside(beside),
            // what is not what its type says keeps the type's name
            None => self.named(identifier(&self.kind)?),
        })
    }

    /// The value as it stands under this name.
    pub(super) fn named(&self, name: SubType) -> Piece {
        Piece::attribute(Attribute::new(name, self.value.as_str()), self.flagged)
    }
}

/// The attributes that a value is, and those beside them in unknown context; `None` if it cannot be read so.
fn read(name: SubType, how: Read, value: &str) -> Option<(Vec<Attribute>, Vec<Attribute>)> {
    let one = |attribute| Some((vec![attribute], Vec::new()));
    match how {
        Read::Text => one(Attribute::new(name, value)),
        Read::Lower => one(Attribute::new(name, value.to_lowercase())),
        Read::Ip => one(url::ip_attribute(value).or_else(|| fields::cidr(value))?),
        Read::Host => {
            let (host, domain) = url::bare_host_attributes(value)?;
            Some((vec![host], Vec::from_iter(domain)))
        }
        Read::Domain => {
            let (host, registered) = url::bare_host_attributes(value)?;
            let mut values = vec![Attribute::new(name, host.data().clone())];
            if *host.sub_type() != vocab::HOSTNAME {
                return Some((vec![host], Vec::new()));
            }
            values.push(host);
            let registered = registered.filter(|domain| domain.hash() != values[0].hash());
            Some((values, Vec::from_iter(registered)))
        }
        Read::Url => Some((
            vec![Attribute::new(name, value)],
            url::host_attributes(value),
        )),
        Read::Port => {
            let port: u16 = value.parse().ok()?;
            one(Attribute::new(name, i64::from(port)))
        }
        Read::Asn => one(fields::asn(value)?),
        Read::Cve => {
            let upper = value.to_ascii_uppercase();
            upper
                .starts_with("CVE-")
                .then(|| (vec![Attribute::new(name, upper)], Vec::new()))
        }
    }
}

/// A name of MISP's as an identifier: `named pipe` is `named_pipe`.
pub(super) fn identifier(name: &str) -> Result<SubType, &'static str> {
    if name.len() > NAME_BYTES {
        return Err("name_too_long");
    }
    let kept = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let mut text: String = name.chars().map(kept).collect();
    if text.starts_with(|c: char| c.is_numeric()) {
        text.insert(0, '_');
    }
    SubType::new(&text).map_err(|_| "not_a_name")
}

/// MISP's booleans come as such, and as text or numbers.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        _ => false,
    }
}
