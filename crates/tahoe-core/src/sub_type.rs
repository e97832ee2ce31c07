//! The type of an instance within its kind.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// A Unicode identifier as Python's `str.isidentifier` accepts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SubType(Cow<'static, str>);

/// Error for a text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sub_type `{}` is not an identifier (letters, digits, `_`, no leading digit)", crate::excerpt::excerpt(.0))]
pub struct InvalidSubType(pub String);

impl SubType {
    /// Makes a sub_type of a text, if it is an identifier.
    ///
    /// ```
    /// use tahoe_core::SubType;
    ///
    /// assert!(SubType::new("ipv4").is_ok());
    /// assert!(SubType::new("no identifier").is_err());
    /// ```
    pub fn new(text: &str) -> Result<Self, InvalidSubType> {
        let mut chars = text.chars();
        let starts = chars
            .next()
            .is_some_and(|c| c == '_' || unicode_ident::is_xid_start(c));
        if starts && chars.all(unicode_ident::is_xid_continue) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(InvalidSubType(text.to_owned()))
        }
    }

    /// Makes a sub_type of a text in the program; in a `const`, a text that is no identifier does not compile.
    ///
    /// # Panics
    /// If `text` is not an ASCII identifier.
    pub const fn from_static(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        assert!(!bytes.is_empty() && !bytes[0].is_ascii_digit());
        let mut i = 0;
        while i < bytes.len() {
            assert!(bytes[i] == b'_' || bytes[i].is_ascii_alphanumeric());
            i += 1;
        }
        Self(Cow::Borrowed(text))
    }

    /// Returns the identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SubType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SubType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
