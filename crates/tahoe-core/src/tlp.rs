//! The Traffic Light Protocol: to whom data may be passed on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A TLP label, in version 2.0 of the protocol. The strictest is the greatest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tlp {
    /// No limit on disclosure; `WHITE` in version 1.
    #[default]
    Clear,
    /// Within the community.
    Green,
    /// Within the recipients' organisations and their clients.
    Amber,
    /// Within the recipients' organisations.
    #[serde(rename = "amber+strict", alias = "amber-strict")]
    AmberStrict,
    /// For the recipients' eyes alone.
    Red,
}

/// Error for a text that is no TLP label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no TLP label: clear, green, amber, amber+strict or red")]
pub struct UnknownTlp(String);

impl Tlp {
    /// All labels, the most open first.
    pub const ALL: [Self; 5] = [
        Self::Clear,
        Self::Green,
        Self::Amber,
        Self::AmberStrict,
        Self::Red,
    ];

    /// Returns the label's name in lower case, as it stands in files and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        }
    }

    /// Returns the name of the tag that MISP's taxonomy has for the label.
    pub const fn misp_tag(self) -> &'static str {
        match self {
            Self::Clear => "tlp:clear",
            Self::Green => "tlp:green",
            Self::Amber => "tlp:amber",
            Self::AmberStrict => "tlp:amber+strict",
            Self::Red => "tlp:red",
        }
    }

    /// Reads a tag of MISP's taxonomy, in either version; `None` if it is another tag.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim();
        let prefix = tag.get(..4)?;
        prefix
            .eq_ignore_ascii_case("tlp:")
            .then(|| tag.parse().ok())?
    }

    /// Reads a label that a stored document holds. A text that is none was a label to whoever wrote it, so it is taken
    /// for the strictest.
    pub fn stored(text: &str) -> Self {
        text.parse().unwrap_or(Self::Red)
    }

    /// Returns the stricter of two labels, where data without one is as open as `clear`.
    pub fn strictest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.max(other)
    }
}

impl FromStr for Tlp {
    type Err = UnknownTlp;

    /// Reads a label in either version, with or without `TLP:`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownTlp> {
        let short: String = text.trim().chars().take(40).collect();
        let lower = short.to_ascii_lowercase();
        Ok(match lower.strip_prefix("tlp:").unwrap_or(&lower).trim() {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "amber+strict" | "amber-strict" | "amber_strict" => Self::AmberStrict,
            "red" => Self::Red,
            _ => return Err(UnknownTlp(lower)),
        })
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_both_versions_are_read() {
        for tlp in Tlp::ALL {
            assert_eq!(tlp.as_str().parse(), Ok(tlp));
            assert_eq!(Tlp::of_tag(tlp.misp_tag()), Some(tlp));
            let text = serde_json::to_value(tlp).unwrap();
            assert_eq!(text, tlp.as_str());
        }
        assert_eq!("TLP:WHITE".parse(), Ok(Tlp::Clear));
        assert_eq!(Tlp::of_tag("TLP:Amber+Strict"), Some(Tlp::AmberStrict));
        assert_eq!(Tlp::of_tag("tlp:ex:chr"), None);
        assert_eq!(Tlp::of_tag("red"), None, "another tag");
        assert!("crimson".parse::<Tlp>().is_err());
        assert!(Tlp::Red > Tlp::AmberStrict && Tlp::AmberStrict > Tlp::Amber);
        assert_eq!("amber-strict".parse(), Ok(Tlp::AmberStrict));
        assert_eq!(
            serde_json::from_str::<Tlp>("\"amber-strict\"").ok(),
            Some(Tlp::AmberStrict)
        );
    }

    #[test]
    fn the_strictest_label_holds() {
        let strictest = |one, other| Tlp::strictest(one, other);
        assert_eq!(strictest(None, None), None);
        assert_eq!(strictest(Some(Tlp::Clear), None), Some(Tlp::Clear));
        assert_eq!(strictest(Some(Tlp::Green), Some(Tlp::Red)), Some(Tlp::Red));
        assert_eq!(Tlp::stored("crimson"), Tlp::Red);
    }
}
