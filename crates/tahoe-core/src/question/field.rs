//! The fields of a question, declared once: the reader and the API's description take them from here.

use std::ops::RangeInclusive;

use super::query_type::QueryType;

/// A field of a question.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name in the JSON object.
    pub name: &'static str,
    /// The values that the field takes. `null` stands for a field that is not given.
    pub kind: FieldKind,
    /// The types of query that take the field. A count takes the fields of a related query, and ignores those that do not
    /// select events.
    pub query_types: &'static [QueryType],
    /// A description for users, in whole sentences.
    pub about: &'static str,
}

/// The kind of values that a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// Text, a number, true, false or null.
    Scalar,
    /// A SHA-256 hash in 64 hexadecimal digits.
    Hash,
    /// A time: Unix seconds, or a text in one of the styles that people write.
    Time,
    /// An integer within these bounds, both included.
    Integer {
        /// The smallest value.
        least: u32,
        /// The largest value.
        most: u32,
    },
    /// True or false.
    Bool,
}

impl FieldKind {
    /// Returns the bounds of an integer; values of other kinds have none.
    pub(super) fn range(self) -> RangeInclusive<i64> {
        match self {
            Self::Integer { least, most } => i64::from(least)..=i64::from(most),
            Self::Text | Self::Scalar | Self::Hash | Self::Time | Self::Bool => i64::MIN..=i64::MAX,
        }
    }
}

const EVENTS: &[QueryType] = &[QueryType::Count, QueryType::Related];

const fn field(name: &'static str, kind: FieldKind, about: &'static str) -> Field {
    Field {
        name,
        kind,
        query_types: EVENTS,
        about,
    }
}

/// Depth of the search.
pub const LEVEL: Field = field(
    "level",
    FieldKind::Integer { least: 1, most: 3 },
    "The depth of the search, from 1 [default] to 3. 1: the events that have the attribute. Each further level adds the \
     sessions of these events, and the other events of these sessions.",
);

/// Number of the page.
pub const PAGE: Field = field(
    "page",
    FieldKind::Integer {
        least: 1,
        most: u32::MAX,
    },
    "The number of the page, from 1 [default]. A page has ten events, newest first.",
);

/// All fields of questions.
pub const FIELDS: &[Field] = &[
    field(
        "sub_type",
        FieldKind::Text,
        "The sub_type of an attribute, such as `url`. `ip` stands for `ipv4` or `ipv6`, depending on the value.",
    ),
    field(
        "data",
        FieldKind::Scalar,
        "The value of the attribute: text, a number, true, false or null. It is normalised as filters normalise it: \
         `YA.RU` and `ya[.]ru` are the domain `ya.ru`, and the text `80` is the port 80.",
    ),
    Field {
        name: "_hash",
        kind: FieldKind::Hash,
        query_types: QueryType::ALL,
        about: "The hash of any instance, in place of `sub_type` and `data`; for a threatrank, the hash of an event.",
    },
    field(
        "from",
        FieldKind::Time,
        "The earliest time of the events: Unix seconds, or a date and time.",
    ),
    field(
        "to",
        FieldKind::Time,
        "The latest time of the events: Unix seconds, or a date and time.",
    ),
    field(
        "last",
        FieldKind::Text,
        "The length of time until now, such as `30min`, `2h`, `7d`, `1M` or `1Y`, in place of `from` and `to`.",
    ),
    field(
        "tzname",
        FieldKind::Text,
        "The IANA name of the time zone of `from` and `to` [default: UTC].",
    ),
    field(
        "category",
        FieldKind::Text,
        "The category of the events: `malicious`, `benign`, `unknown` or `all` [default].",
    ),
    field(
        "context",
        FieldKind::Text,
        "The context in which the events have the attribute: `malicious`, `benign`, `unknown` or `all` [default].",
    ),
    field(
        "return_type",
        FieldKind::Text,
        "The kind of instances to return: `attribute`, `object`, `event`, `session` or `all` [default].",
    ),
    LEVEL,
    PAGE,
    field(
        "summary",
        FieldKind::Bool,
        "Whether to return values by sub_type (true [default]) or whole documents (false).",
    ),
    field(
        "summary_graph",
        FieldKind::Bool,
        "Whether to return, with each value, the path from it to the attribute [default: false].",
    ),
];
