//! The types of query.

use std::fmt;
use std::str::FromStr;

use super::error::{QuestionError, bad, one_of};

/// The kinds of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryType {
    /// The number of events that refer to an instance.
    Count,
    /// The instances seen together with an instance.
    Related,
    /// The threat score of an event or attribute.
    ThreatRank,
    /// The numbers of events that refer to an instance, by time and category.
    Timeline,
    /// The most frequent values of a sub_type.
    Top,
    /// All that happened in a session.
    Session,
    /// The values of a sub_type that begin with a text.
    Search,
    /// The values of a sub_type that were first seen in a time range.
    New,
    /// The raws that filters refused.
    Quarantine,
}

impl QueryType {
    /// All query types.
    pub const ALL: &[Self] = &[
        Self::Count,
        Self::Related,
        Self::ThreatRank,
        Self::Timeline,
        Self::Top,
        Self::Session,
        Self::Search,
        Self::New,
        Self::Quarantine,
    ];

    /// Returns the name of the type, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Related => "related",
            Self::ThreatRank => "threatrank",
            Self::Timeline => "timeline",
            Self::Top => "top",
            Self::Session => "session",
            Self::Search => "search",
            Self::New => "new",
            Self::Quarantine => "quarantine",
        }
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for QueryType {
    type Err = QuestionError;

    fn from_str(text: &str) -> Result<Self, QuestionError> {
        Self::ALL
            .iter()
            .copied()
            .find(|qtype| qtype.as_str() == text)
            .ok_or_else(|| bad("type", one_of(text, Self::ALL.iter().map(|t| t.as_str()))))
    }
}
