//! Verdicts of analysts about values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::Category;

/// The judgement of an organisation about a value. The latest one counts.
///
/// ```
/// use tahoe_core::{Category, Verdict};
///
/// assert_eq!("false_positive".parse(), Ok(Verdict::FalsePositive));
/// assert_eq!(Verdict::FalsePositive.category(), Category::Benign);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The value belongs to an attack.
    Malicious,
    /// The value is harmless.
    Benign,
    /// The value was reported as malicious, and is not.
    FalsePositive,
    /// The verdict before is taken back: there is none.
    Withdrawn,
}

/// Error for a text that is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not one of malicious, benign, false_positive", crate::excerpt::excerpt(.0))]
pub struct InvalidVerdict(pub String);

impl Verdict {
    /// The verdicts that a value may have. A withdrawn one is none.
    pub const GIVEN: [Self; 3] = [Self::Malicious, Self::Benign, Self::FalsePositive];

    /// Returns the verdict's name, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Benign => "benign",
            Self::FalsePositive => "false_positive",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Returns the category of the event that records the verdict, which is also the context of the value there.
    pub const fn category(self) -> Category {
        match self {
            Self::Malicious => Category::Malicious,
            Self::Benign | Self::FalsePositive => Category::Benign,
            Self::Withdrawn => Category::Unknown,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the name of a verdict that a value may have.
impl FromStr for Verdict {
    type Err = InvalidVerdict;

    fn from_str(text: &str) -> Result<Self, InvalidVerdict> {
        let given = Self::GIVEN.into_iter();
        let mut named = given.filter(|verdict| verdict.as_str() == text);
        named.next().ok_or_else(|| InvalidVerdict(text.to_owned()))
    }
}
