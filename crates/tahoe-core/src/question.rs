//! The question of a query: the fields of its `qdata`, checked.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::canonical::{canonical, decanonical};
use crate::event::Category;
use crate::hash::Hash;
use crate::node::Attribute;
use crate::scalar::Scalar;
use crate::sub_type::SubType;
use crate::time::{TimeError, TimeRange};

/// The kinds of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryType {
    /// The number of events that refer to an instance.
    Count,
    /// The instances seen together with an instance.
    Related,
    /// The threat score of an event.
    ThreatRank,
}

impl QueryType {
    /// All query types.
    pub const ALL: &[Self] = &[Self::Count, Self::Related, Self::ThreatRank];

    /// Returns the name of the type, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Related => "related",
            Self::ThreatRank => "threatrank",
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

/// The context in which an event refers to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Any context: `_ref`.
    All,
    /// Malicious, part of the attack: `_mal_ref`.
    Malicious,
    /// Benign: `_ben_ref`.
    Benign,
    /// In `_ref`, but in neither of the others.
    Unknown,
}

/// Conditions that select the events of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// The instances that the events refer to, to one of them at least. As it is read, a question has one; a value that
    /// may stand in the archive in several forms has more.
    pub subjects: Vec<Hash>,
    /// What the query gave, where that was sub_type and data rather than a hash. `ip` stays where the value is none.
    pub attribute: Option<(SubType, Scalar)>,
    /// The times of the events, both ends included.
    pub range: TimeRange,
    /// The category of the events; `None` for any.
    pub category: Option<Category>,
    /// The context in which the events refer to the subject.
    pub context: Context,
}

/// A kind of instance that a related query can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnType {
    /// Attributes.
    Attribute,
    /// Objects.
    Object,
    /// Events.
    Event,
    /// Sessions.
    Session,
}

impl ReturnType {
    const ALL: [Self; 4] = [Self::Attribute, Self::Object, Self::Event, Self::Session];

    /// Returns the `itype` of such instances, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Object => "object",
            Self::Event => "event",
            Self::Session => "session",
        }
    }
}

/// The form of a related report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `{sub_type: [values]}` of the attributes.
    Summary,
    /// `{sub_type: [[value, path to the subject], …]}`.
    SummaryGraph,
    /// The documents of the instances.
    Documents,
}

/// The question of a related query.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// Selects the events.
    pub conditions: Conditions,
    /// The depth of the search. 1: the events and the instances that they refer to; each further level adds the
    /// sessions of these events and the other events of these sessions.
    pub level: u8,
    /// The page of events, from 1: ten events each, newest first.
    pub page: u32,
    /// The only kind of instance to return; `None` for all.
    pub return_type: Option<ReturnType>,
    /// The form of the report.
    pub shape: Shape,
}

/// A checked question.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// A count query.
    Count(Conditions),
    /// A related query.
    Related(Related),
    /// A threat rank query.
    ThreatRank {
        /// The event to be ranked.
        event: Hash,
    },
}

/// The error of a question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: {reason}")]
pub struct QuestionError {
    /// The field's name in the query.
    pub field: String,
    /// The problem with the field.
    pub reason: String,
}

impl From<TimeError> for QuestionError {
    fn from(error: TimeError) -> Self {
        let reason = format!("`{}` {}", error.text, error.reason);
        bad(error.field, reason)
    }
}

impl Question {
    /// Returns the canonical text of a question's fields, which is the text to be sealed, and its `qhash`.
    pub fn encode(fields: &Value) -> Result<(String, String), QuestionError> {
        let text = canonical(fields).map_err(|error| bad("data", error))?;
        let qhash = Hash::of(&[&text]).to_string();
        Ok((text, qhash))
    }

    /// Reads the canonical text. `last` counts back from `now`, in Unix seconds.
    pub fn decode(qtype: &str, text: &str, now: f64) -> Result<Self, QuestionError> {
        let qtype: QueryType = qtype.parse()?;
        match decanonical(text) {
            Ok(Value::Object(fields)) => Self::read(qtype, fields, now),
            Ok(_) => Err(bad("data", "is not an object of query fields")),
            Err(error) => Err(bad("data", format!("is not in canonical form: {error}"))),
        }
    }

    fn read(qtype: QueryType, fields: Map<String, Value>, now: f64) -> Result<Self, QuestionError> {
        let fields = Fields(fields);
        match qtype {
            QueryType::Count => Ok(Self::Count(Self::read_related(fields, now)?.conditions)),
            QueryType::Related => Ok(Self::Related(Self::read_related(fields, now)?)),
            QueryType::ThreatRank => Self::read_threatrank(fields),
        }
    }

    fn read_threatrank(mut fields: Fields) -> Result<Self, QuestionError> {
        let event = fields.text("_hash")?;
        if let Some((field, _)) = fields.0.iter().find(|(_, value)| !value.is_null()) {
            let reason = "is not a field of a threatrank query";
            return Err(bad(crate::excerpt::excerpt(field), reason));
        }
        let event = event.ok_or_else(|| bad("_hash", "is missing"))?;
        let event = read_hash(&event)?;
        Ok(Self::ThreatRank { event })
    }

    /// A count takes the fields of a related query, though most mean nothing to it.
    fn read_related(mut fields: Fields, now: f64) -> Result<Related, QuestionError> {
        let conditions = fields.conditions(now)?;
        let related = Related {
            conditions,
            level: fields.int("level", 1..=3)?.unwrap_or(1) as u8,
            page: fields.int("page", 1..=i64::from(u32::MAX))?.unwrap_or(1) as u32,
            return_type: fields.choice(
                "return_type",
                &ReturnType::ALL.map(|itype| (itype.as_str(), itype)),
            )?,
            shape: match (fields.bool("summary")?, fields.bool("summary_graph")?) {
                (_, Some(true)) => Shape::SummaryGraph,
                (None | Some(true), _) => Shape::Summary,
                (Some(false), _) => Shape::Documents,
            },
        };
        if let Some(field) = fields.0.keys().next() {
            return Err(bad(
                crate::excerpt::excerpt(field),
                "is not a field of a query",
            ));
        }
        Ok(related)
    }
}

/// The fields not read yet; `null` stands for a field that is not there.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.shift_remove(field).filter(|value| !value.is_null())
    }

    fn text(&mut self, field: &str) -> Result<Option<String>, QuestionError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(field, "is not text")),
        }
    }

    fn bool(&mut self, field: &str) -> Result<Option<bool>, QuestionError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(bad(field, "is neither true nor false")),
        }
    }

    fn int(
        &mut self,
        field: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, QuestionError> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(int) if range.contains(&int) => Ok(Some(int)),
                _ => Err(bad(
                    field,
                    format!(
                        "is not an integer from {} to {}",
                        range.start(),
                        range.end()
                    ),
                )),
            },
        }
    }

    /// One of the named choices; `all` is none of them.
    fn choice<T: Copy>(
        &mut self,
        field: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, QuestionError> {
        let Some(text) = self.text(field)?.filter(|text| text != "all") else {
            return Ok(None);
        };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let names = choices.iter().map(|(name, _)| *name);
                Err(bad(field, one_of(&text, ["all"].into_iter().chain(names))))
            }
        }
    }

    fn conditions(&mut self, now: f64) -> Result<Conditions, QuestionError> {
        let (subject, attribute) = self.subject()?;
        let from = self.take("from");
        let to = self.take("to");
        let last = self.text("last")?;
        let tzname = self.text("tzname")?;
        Ok(Conditions {
            subjects: vec![subject],
            attribute,
            range: TimeRange::new(
                from.as_ref(),
                to.as_ref(),
                last.as_deref(),
                tzname.as_deref(),
                now,
            )?,
            category: self.choice(
                "category",
                &[Category::Unknown, Category::Benign, Category::Malicious]
                    .map(|category| (category.as_str(), category)),
            )?,
            context: self
                .choice(
                    "context",
                    &[
                        ("malicious", Context::Malicious),
                        ("benign", Context::Benign),
                        ("unknown", Context::Unknown),
                    ],
                )?
                .unwrap_or(Context::All),
        })
    }

    fn subject(&mut self) -> Result<(Hash, Option<(SubType, Scalar)>), QuestionError> {
        let hash = self.text("_hash")?;
        let sub_type = self.text("sub_type")?;
        let data = self.0.shift_remove("data");
        match (hash, sub_type, data) {
            (Some(hash), None, None) => Ok((read_hash(&hash)?, None)),
            (None, Some(sub_type), Some(data)) => {
                let data = Scalar::try_from(&data).map_err(|error| bad("data", error))?;
                let sub_type = match sub_type.as_str() {
                    "ip" => ip_sub_type(&data),
                    other => SubType::new(other).map_err(|error| bad("sub_type", error))?,
                };
                let attribute = Attribute::new(sub_type.clone(), data.clone());
                Ok((attribute.hash(), Some((sub_type, data))))
            }
            (None, None, _) => Err(bad("sub_type", "is missing")),
            (None, Some(_), None) => Err(bad("data", "is missing")),
            (Some(_), ..) => Err(bad("_hash", "stands in place of sub_type and data")),
        }
    }
}

/// By the value, as far as that is plain: `203[.]0[.]113[.]9` is for those who know defanged forms.
fn ip_sub_type(data: &Scalar) -> SubType {
    SubType::from_static(match data.as_str().map(|text| text.trim().parse()) {
        Some(Ok(IpAddr::V4(_))) => "ipv4",
        Some(Ok(IpAddr::V6(_))) => "ipv6",
        _ => "ip",
    })
}

/// A hash in either case, for people paste what they see.
fn read_hash(text: &str) -> Result<Hash, QuestionError> {
    let lower = text.trim().to_ascii_lowercase();
    lower.parse().map_err(|error| bad("_hash", error))
}

fn bad(field: impl fmt::Display, reason: impl fmt::Display) -> QuestionError {
    QuestionError {
        field: field.to_string(),
        reason: reason.to_string(),
    }
}

fn one_of<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    format!(
        "`{}` is not one of {}",
        crate::excerpt::excerpt(text),
        names.join(", ")
    )
}
