//! The value that a page is about, as it stands in a link and in a question.

use cybexp_filters::vocabulary;
use serde_json::{Map, Value, json};
use tahoe_core::{Attribute, Hash, Scalar, SubType};

use crate::params::{Params, link};
use crate::view::text;

/// The longest value that a link holds, in bytes; a longer one is named by its hash, so that pages do not grow with it.
const LINKED_BYTES: usize = 400;

/// The value that a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A value, as it was written.
    Value {
        /// Its sub_type.
        sub_type: String,
        /// Its text.
        data: String,
    },
    /// The hash of an instance.
    Hash(String),
}

impl Subject {
    /// Reads the parameters `type` and `data`, or `hash`.
    pub(crate) fn read(params: &Params) -> Option<Self> {
        if let Some(hash) = params.get("hash") {
            let hash: Hash = hash.trim().to_ascii_lowercase().parse().ok()?;
            return Some(Self::Hash(hash.to_string()));
        }
        Some(Self::Value {
            sub_type: params.get("type")?.trim().to_owned(),
            data: params.get("data")?.to_owned(),
        })
    }

    /// Makes the subject of an attribute in the graph: a text as it is, or its hash if it is too long for a link or can
    /// be mistaken for another value.
    pub(crate) fn of(sub_type: &str, data: &Value, hash: &str) -> Self {
        match data {
            Value::String(text) => {
                let plain = !text.is_empty() && text.trim() == text && !text::is_odd(text);
                match text.len() <= LINKED_BYTES && plain {
                    true => Self::Value {
                        sub_type: sub_type.to_owned(),
                        data: text.clone(),
                    },
                    false => Self::Hash(hash.to_owned()),
                }
            }
            Value::Number(number) => Self::Value {
                sub_type: sub_type.to_owned(),
                data: number.to_string(),
            },
            _ => Self::Hash(hash.to_owned()),
        }
    }

    /// Makes the subject of an attribute whose hash is not at hand.
    pub(crate) fn of_attribute(sub_type: &str, data: &Value) -> Option<Self> {
        let attribute = attribute(sub_type, data)?;
        Some(Self::of(sub_type, data, &attribute.hash().to_string()))
    }

    /// Reads what a person typed, and says which sub_type it was taken for.
    pub(crate) fn guess(text: &str) -> Self {
        let guessed = vocabulary::guess(text);
        let forms = vocabulary::forms(&guessed, &Scalar::from(text.trim()));
        // `ip` is either of two
        let sub_type = forms
            .ok()
            .and_then(|forms| Some(forms.first()?.sub_type().clone()));
        Self::Value {
            sub_type: sub_type.unwrap_or(guessed).as_str().to_owned(),
            data: text.trim().to_owned(),
        }
    }

    /// Returns the path with this subject as its parameters.
    pub(crate) fn path(&self, path: &str) -> String {
        self.path_with(path, &[])
    }

    /// Returns the path with this subject and further parameters.
    pub(crate) fn path_with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let own = match self {
            Self::Value { sub_type, data } => vec![("type", sub_type.as_str()), ("data", data)],
            Self::Hash(hash) => vec![("hash", hash.as_str())],
        };
        link(path, &[own.as_slice(), more].concat())
    }

    /// Returns the fields of a question about it.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let fields = match self {
            Self::Value { sub_type, data } => json!({"sub_type": sub_type, "data": data}),
            Self::Hash(hash) => json!({"_hash": hash}),
        };
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// Returns its sub_type, if it is at hand.
    pub(crate) fn sub_type(&self) -> Option<&str> {
        match self {
            Self::Value { sub_type, .. } => Some(sub_type.trim()),
            Self::Hash(_) => None,
        }
    }

    /// Returns the text that stands for it in a search box.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Value { data, .. } => data,
            Self::Hash(hash) => hash,
        }
    }
}

/// Returns the attribute, if it can be one.
pub(crate) fn attribute(sub_type: &str, data: &Value) -> Option<Attribute> {
    let data = Scalar::try_from(data).ok()?;
    Attribute::checked(SubType::new(sub_type).ok()?, data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_or_odd_value_is_named_by_its_hash() {
        let hash = "ab".repeat(32);
        let of = |data: Value| Subject::of("url", &data, &hash);
        let plain = of(json!("http://a.example/"));
        assert_eq!(plain.text(), "http://a.example/");
        for odd in [
            json!("x".repeat(1000)),
            json!("a\u{202e}b"),
            json!(""),
            json!(" a"),
            json!(true),
        ] {
            assert_eq!(of(odd), Subject::Hash(hash.clone()));
        }
        assert_eq!(of(json!(22)).text(), "22");
    }

    #[test]
    fn a_link_is_read_as_its_subject() {
        for subject in [
            Subject::guess("203.0.113.9"),
            Subject::guess("a&b=<c> d"),
            Subject::Hash("ab".repeat(32)),
        ] {
            let path = subject.path_with("/value", &[("level", "2")]);
            let (_, query) = path.split_once('?').unwrap();
            let params = Params::read(query.as_bytes());
            assert_eq!(Subject::read(&params), Some(subject));
            assert_eq!(params.get("level"), Some("2"));
        }
        assert_eq!(Subject::read(&Params::read(b"type=ipv4")), None);
        assert_eq!(Subject::read(&Params::read(b"hash=zz")), None);
    }
}
