//! Scalars: the values that an attribute can hold.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The data of an attribute. Ints and floats stay apart: `1`, `1.0` and `true` are three values.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// JSON `null`.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// An integer, as wide as BSON holds.
    Int(i64),
    /// A finite double.
    Float(Finite),
    /// Text, kept as it was seen; its hash is that of the stripped text.
    Str(String),
}

/// A finite double. Canonical JSON has no text for NaN and the infinities.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Finite(f64);

/// A point in time: Unix seconds UTC, as a finite double.
pub type Timestamp = Finite;

/// Error for a value that no attribute can hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidScalar {
    /// An object or an array.
    #[error("an attribute holds a string, number, bool or null, not {0}")]
    Composite(&'static str),
    /// An integer above `i64::MAX`.
    #[error("the integer {0} does not fit in 64 bits with a sign")]
    IntRange(u64),
    /// NaN or infinity.
    #[error("{0} is not a finite number")]
    NotFinite(f64),
}

impl Finite {
    /// Returns `value` as a finite double, if it is one.
    pub fn new(value: f64) -> Result<Self, InvalidScalar> {
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(InvalidScalar::NotFinite(value))
        }
    }

    /// Returns the double.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Scalar {
    /// Returns the text of a string; `None` for other values.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Scalar {
    /// Writes text unchanged, and everything else as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => f.write_str(&crate::canonical::python::python_float(value.get())),
            Self::Str(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Finite> for Scalar {
    fn from(value: Finite) -> Self {
        Self::Float(value)
    }
}

impl TryFrom<&Value> for Scalar {
    type Error = InvalidScalar;

    fn try_from(value: &Value) -> Result<Self, InvalidScalar> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::String(text) => Self::Str(text.clone()),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(int), ..) => Self::Int(int),
                (None, Some(int), _) => return Err(InvalidScalar::IntRange(int)),
                (None, None, float) => Self::Float(Finite::new(float.unwrap_or(f64::NAN))?),
            },
            Value::Array(_) => return Err(InvalidScalar::Composite("an array")),
            Value::Object(_) => return Err(InvalidScalar::Composite("an object")),
        })
    }
}

impl From<&Scalar> for Value {
    fn from(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(*value),
            Scalar::Int(value) => Self::from(*value),
            Scalar::Float(value) => Self::from(value.get()),
            Scalar::Str(text) => Self::String(text.clone()),
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(value.get()),
            Self::Str(text) => serializer.serialize_str(text),
        }
    }
}
