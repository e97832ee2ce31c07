//! Times for which data is kept.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};
use tahoe_core::time::parse_last;

/// The word for a time without end.
const FOREVER: &str = "forever";

/// A time for which data is kept, written as a count and a unit (`"30d"`), or `"forever"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep(Option<f64>);

impl Keep {
    /// Keeps for this many days.
    pub(crate) const fn days(days: u32) -> Self {
        Self(Some(days as f64 * 86_400.0))
    }

    /// Returns the time in seconds; `None` for ever.
    pub fn seconds(self) -> Option<f64> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == FOREVER {
            return Ok(Self(None));
        }
        match parse_last(&text) {
            Ok(seconds) if seconds >= 60.0 => Ok(Self(Some(seconds))),
            Ok(_) => Err(D::Error::custom("must be a minute or more")),
            Err(_) => Err(D::Error::custom(format!(
                "must be a count and a unit, such as \"30d\", \"12h\" or \"1Y\", or \"{FOREVER}\""
            ))),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str(FOREVER),
            Some(seconds) if seconds % 86_400.0 == 0.0 => write!(f, "{}d", seconds / 86_400.0),
            Some(seconds) if seconds % 3600.0 == 0.0 => write!(f, "{}h", seconds / 3600.0),
            Some(seconds) => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let read = |text: &str| serde_json::from_str::<Keep>(&format!("\"{text}\""));
        for (text, seconds, shown) in [
            ("1d", Some(86_400.0), "1d"),
            ("30 days", Some(2_592_000.0), "30d"),
            ("90min", Some(5400.0), "5400s"),
            ("36h", Some(129_600.0), "36h"),
            ("forever", None, "forever"),
        ] {
            let keep = read(text).unwrap();
            assert_eq!(keep.seconds(), seconds, "{text}");
            assert_eq!(keep.to_string(), shown);
        }
        for text in ["30", "", "-1d", "1s", "soon", "0d"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
