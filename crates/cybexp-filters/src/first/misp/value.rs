//! A MISP attribute: its type, value and flag.

use tahoe_core::{Attribute, SubType, Value};

use super::piece::Piece;
use super::read::read;
use super::types::{self, MispKind};
use crate::{fields, vocab};

/// The longest value in bytes; a longer one is left out. Rules, keys and mails are shorter.
const VALUE_BYTES: usize = 512 << 10;

/// The longest name of a type, relation or object, in bytes.
const NAME_BYTES: usize = 128;

/// The parts of an attribute that are used.
pub(super) struct Given {
    pub(super) kind: String,
    pub(super) value: String,
    /// `to_ids`, MISP's name for values that a detection system should look for.
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

    /// Makes the piece of the attribute on an event.
    pub(super) fn piece(&self) -> Result<Piece, &'static str> {
        let kind = types::of(&self.kind);
        match kind {
            Some(MispKind::Pair(object, first, second)) => {
                let pair = self.pair(first, second)?;
                Piece::object(object.clone(), pair).ok_or("too_large")
            }
            Some(MispKind::Within(object, ..)) => {
                Piece::object(object.clone(), vec![self.bare()?]).ok_or("too_large")
            }
            Some(MispKind::Named(..) | MispKind::Keep(_) | MispKind::Generic) | None => self.bare(),
        }
    }

    /// Makes the two values of a pair.
    pub(super) fn pair(&self, first: &str, second: &str) -> Result<Vec<Piece>, &'static str> {
        // the last `|` separates them, because a file's name may hold one; in a registry value it is the first
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
                    // a port is never flagged: it is used by harmless services, too
                    flagged: self.flagged && kind != "port",
                };
                part.bare()
            })
            .collect()
    }

    /// Makes the value alone, outside the object that its type may have.
    pub(super) fn bare(&self) -> Result<Piece, &'static str> {
        let known = match types::of(&self.kind) {
            Some(MispKind::Named(name, how) | MispKind::Within(_, name, how)) => {
                Some((name.clone(), *how))
            }
            Some(MispKind::Keep(how)) => Some((identifier(&self.kind)?, *how)),
            Some(MispKind::Generic | MispKind::Pair(..)) | None => None,
        };
        let found = known.and_then(|(name, how)| read(name, how, &self.value));
        let Some(reading) = found else {
            // a value that does not agree with its type keeps the type's name
            return Ok(self.named(identifier(&self.kind)?));
        };
        let attribute = |flagged| move |value| Piece::attribute(value, flagged);
        let values = reading.values.into_iter().map(attribute(self.flagged));
        let with = reading.with.into_iter().map(attribute(false));
        // the value as seen, which holds the label
        let labelled = reading
            .has_label
            .then(|| Attribute::new(vocab::COMMENT, self.value.as_str()));
        Ok(Piece::all(values.chain(with).collect())
            .beside(reading.beside)
            .beside(labelled))
    }

    /// Makes an attribute of the unchanged value under this name.
    pub(super) fn named(&self, name: SubType) -> Piece {
        Piece::attribute(Attribute::new(name, self.value.as_str()), self.flagged)
    }
}

/// Converts a MISP name to an identifier: `named pipe` is `named_pipe`.
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

/// Reads a boolean of MISP, which may be written as text or a number.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        _ => false,
    }
}
