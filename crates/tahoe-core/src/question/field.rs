//! The fields of a question, declared once: the reader, the API's description and the command line take them from here.

use super::choices::{Context, ReturnType};
use super::query_type::QueryType;
use crate::event::Category;
use crate::time::Step;

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
    /// A description for users, in whole sentences. It does not repeat bounds, choices and defaults of `kind`.
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
    /// An integer within bounds.
    Integer(Bounds),
    /// One of these names, or [`ALL`], which is the default.
    Choice(&'static [&'static str]),
    /// One of these names. If the field is not given, the report chooses.
    Name(&'static [&'static str]),
    /// True or false, with the default.
    Bool(bool),
}

/// The bounds of an integer, both included, and its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The smallest value.
    pub least: u32,
    /// The largest value.
    pub most: u32,
    /// The value if the field is not given.
    pub default: u32,
}

/// The name that leaves a choice open.
pub const ALL: &str = Context::All.as_str();

/// The bounds of [`LEVEL`].
pub const LEVELS: Bounds = Bounds {
    least: 1,
    most: 3,
    default: 1,
};

/// The bounds of [`PAGE`].
pub const PAGES: Bounds = Bounds {
    least: 1,
    most: u32::MAX,
    default: 1,
};

/// The bounds of [`LIMIT`].
pub const LIMITS: Bounds = Bounds {
    least: 1,
    most: 1000,
    default: 20,
};

/// The longest [`TEXT`] and [`AFTER`], in bytes.
pub const TEXT_BYTES: usize = 2048;

/// Queries about events that meet conditions.
const EVENTS: &[QueryType] = &[QueryType::Count, QueryType::Related, QueryType::Timeline];
/// Queries with the form of a related report, and count, which ignores it.
const RELATED: &[QueryType] = &[QueryType::Count, QueryType::Related];
/// Queries about an instance.
const SUBJECTS: &[QueryType] = &[
    QueryType::Count,
    QueryType::Related,
    QueryType::ThreatRank,
    QueryType::Timeline,
    QueryType::Session,
];
/// Queries that take the hash of an instance.
const NAMED: &[QueryType] = &[
    QueryType::Count,
    QueryType::Related,
    QueryType::ThreatRank,
    QueryType::Timeline,
    QueryType::Session,
    QueryType::Quarantine,
];
/// Queries that go on where a page ended.
const PLACED: &[QueryType] = &[QueryType::Search, QueryType::New, QueryType::Quarantine];
/// Queries about a time range.
const TIMED: &[QueryType] = &[
    QueryType::Count,
    QueryType::Related,
    QueryType::Timeline,
    QueryType::Top,
    QueryType::New,
];
/// Queries that select events by the way in which they have a value.
const CHOSEN: &[QueryType] = &[
    QueryType::Count,
    QueryType::Related,
    QueryType::Timeline,
    QueryType::Top,
];

const fn field(name: &'static str, kind: FieldKind, about: &'static str) -> Field {
    Field {
        name,
        kind,
        query_types: EVENTS,
        about,
    }
}

impl Field {
    const fn of(self, query_types: &'static [QueryType]) -> Self {
        Self {
            query_types,
            ..self
        }
    }
}

/// Kind of the attribute that the question is about.
pub const SUB_TYPE: Field = field(
    "sub_type",
    FieldKind::Text,
    "The sub_type of an attribute, such as `url`. `ip` stands for `ipv4` or `ipv6`, depending on the value. \
     Of a quarantine, the typetag of the raws, which need not be given.",
)
.of(QueryType::ALL);

/// Value of the attribute that the question is about.
pub const DATA: Field = field(
    "data",
    FieldKind::Scalar,
    "The value of the attribute. It is normalised as filters normalise it: `YA.RU` and `ya[.]ru` are the domain `ya.ru`, \
     and the text `80` is the port 80.",
)
.of(SUBJECTS);

/// Hash of the instance that the question is about.
pub const HASH: Field = Field {
    name: "_hash",
    kind: FieldKind::Hash,
    query_types: NAMED,
    about: "The hash of any instance, in place of `sub_type` and `data`. For a threatrank, the hash of an event; for a \
            session, that of the session or of one of its events; for a quarantine, that of a raw, which is then shown \
            with its data.",
};

/// Beginning of the time range.
pub const FROM: Field = field(
    "from",
    FieldKind::Time,
    "The earliest time of the events, or at which new values were first seen: Unix seconds, or a date and time.",
)
.of(TIMED);

/// End of the time range.
pub const TO: Field = field(
    "to",
    FieldKind::Time,
    "The latest time of the events, or at which new values were first seen: Unix seconds, or a date and time.",
)
.of(TIMED);

/// Length of a time range that ends now.
pub const LAST: Field = field(
    "last",
    FieldKind::Text,
    "The length of time until now, such as `30min`, `2h`, `7d`, `1M` or `1Y`, in place of `from` and `to`.",
)
.of(TIMED);

/// Time zone of the time range.
pub const TZNAME: Field = field(
    "tzname",
    FieldKind::Text,
    "The IANA name of the time zone of `from` and `to`, and of the days and weeks of a timeline [default: UTC].",
)
.of(TIMED);

/// Category of the events.
pub const CATEGORY: Field = field(
    "category",
    FieldKind::Choice(&[
        Category::Malicious.as_str(),
        Category::Benign.as_str(),
        Category::Unknown.as_str(),
    ]),
    "The category of the events.",
)
.of(CHOSEN);

/// Context of the attribute in the events.
pub const CONTEXT: Field = field(
    "context",
    FieldKind::Choice(&[
        Context::Malicious.as_str(),
        Context::Benign.as_str(),
        Context::Unknown.as_str(),
    ]),
    "The context in which the events have the attribute.",
)
.of(CHOSEN);

/// Kind of instances in the report.
pub const RETURN_TYPE: Field = field(
    "return_type",
    FieldKind::Choice(&[
        ReturnType::Attribute.as_str(),
        ReturnType::Object.as_str(),
        ReturnType::Event.as_str(),
        ReturnType::Session.as_str(),
    ]),
    "The kind of instances to return.",
)
.of(RELATED);

/// Depth of the search.
pub const LEVEL: Field = field(
    "level",
    FieldKind::Integer(LEVELS),
    "The depth of the search. 1: the events that have the attribute. Each further level adds the sessions of these \
     events, and the other events of these sessions.",
)
.of(RELATED);

/// Number of the page.
pub const PAGE: Field = field(
    "page",
    FieldKind::Integer(PAGES),
    "The number of the page. A page of a related report has ten events, newest first; that of a session has 200, oldest \
     first.",
)
.of(&[QueryType::Count, QueryType::Related, QueryType::Session]);

/// Length of the buckets of a timeline.
pub const BY: Field = field(
    "by",
    FieldKind::Name(&[
        Step::Hour.as_str(),
        Step::Day.as_str(),
        Step::Week.as_str(),
    ]),
    "The length of time for which events are counted together. If it is not given, it depends on the time from the first \
     event to the last.",
)
.of(&[QueryType::Timeline]);

/// Whether the report holds values or documents.
pub const SUMMARY: Field = field(
    "summary",
    FieldKind::Bool(true),
    "Whether to return values by sub_type (true) or whole documents (false).",
)
.of(RELATED);

/// Whether the report holds paths.
pub const SUMMARY_GRAPH: Field = field(
    "summary_graph",
    FieldKind::Bool(false),
    "Whether to return, with each value, the path from it to the attribute.",
)
.of(RELATED);

/// Kind of the events in which values are counted.
pub const EVENT: Field = field(
    "event",
    FieldKind::Text,
    "The sub_type of the events in which the values are counted, such as `ssh` [default: any].",
)
.of(&[QueryType::Top]);

/// Beginning of the values that are searched for.
pub const TEXT: Field = field(
    "text",
    FieldKind::Text,
    "The beginning of the values, in upper or lower case. Of addresses it may also be a network, such as \
     `203.0.113.0/24`; of hosts, it is the domain at or below which they are. Without it, all values are listed.",
)
.of(&[QueryType::Search]);

/// Place at which a page begins.
pub const AFTER: Field = field(
    "after",
    FieldKind::Text,
    "The field `after` of the page before, to get the next one.",
)
.of(PLACED);

/// Largest number of values.
pub const LIMIT: Field = field(
    "limit",
    FieldKind::Integer(LIMITS),
    "The most values that are returned.",
)
.of(&[
    QueryType::Top,
    QueryType::Search,
    QueryType::New,
    QueryType::Quarantine,
]);

/// Whether derived events count.
pub const DERIVED: Field = field(
    "derived",
    FieldKind::Bool(false),
    "Whether events that are no observations count, too: what filters derived, such as the network, country or domain of a \
     value or the behaviour of a session, and verdicts of analysts.",
);

/// All fields of questions.
pub const FIELDS: &[Field] = &[
    SUB_TYPE,
    DATA,
    HASH,
    FROM,
    TO,
    LAST,
    TZNAME,
    CATEGORY,
    CONTEXT,
    RETURN_TYPE,
    LEVEL,
    PAGE,
    SUMMARY,
    SUMMARY_GRAPH,
    BY,
    EVENT,
    TEXT,
    AFTER,
    LIMIT,
    DERIVED,
];
