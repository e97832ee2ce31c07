//! The question of a query: the fields of its `qdata`, checked.

mod choices;
mod error;
pub mod field;
mod query_type;
mod values;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use chrono_tz::Tz;
use serde_json::{Map, Value};

use crate::canonical::{canonical_within, decanonical, python_strip};
use crate::event::Category;
use crate::hash::Hash;
use crate::node::Attribute;
use crate::scalar::Scalar;
use crate::sub_type::SubType;
use crate::time::{Step, TimeRange};
use error::{bad, one_of};
use field::{
    AFTER, ALL, BY, Bounds, DERIVED, EVENT, HASH, LEVEL, LEVELS, LIMIT, LIMITS, PAGE, PAGES,
    SUB_TYPE, TEXT, TEXT_BYTES,
};

pub use choices::{Context, ReturnType};
pub use error::QuestionError;
pub use query_type::QueryType;
pub use values::{NewValues, Refusals, Search, Top};

/// The longest canonical text of a question, in bytes. No value that filters make is as long, and the length is known before
/// the text is made; nested fields, which no question has, double it at each level.
const QUESTION_BYTES: u64 = 128 << 10;

/// Conditions that select the events of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// The instances to which the events refer; an event refers to at least one of them. A question that was just read
    /// has one. A value that the archive may hold in several forms has more.
    pub subjects: Vec<Hash>,
    /// The sub_type and data of the query, if it gave them rather than a hash. The sub_type stays `ip` if the value is not
    /// plainly an address.
    pub attribute: Option<(SubType, Scalar)>,
    /// The times of the events, both ends included.
    pub range: TimeRange,
    /// The category of the events; `None` for any.
    pub category: Option<Category>,
    /// The context in which the events refer to the subject.
    pub context: Context,
    /// Whether derived events count, too, and not only observed ones.
    pub derived: bool,
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

/// The subject of a threatrank query.
#[derive(Debug, Clone, PartialEq)]
pub enum Ranked {
    /// An event.
    Event(Hash),
    /// An attribute: the conditions select all events that refer to it.
    Attribute(Conditions),
}

/// The question of a timeline query.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineOf {
    /// Selects the events.
    pub conditions: Conditions,
    /// The length of a bucket; `None` if the report chooses.
    pub by: Option<Step>,
    /// The time zone in which days and weeks begin.
    pub tz: Tz,
}

/// The question of a session query.
#[derive(Debug, Clone, PartialEq)]
pub struct StoryOf {
    /// The subject is the session, one of its events, or an attribute that identifies it.
    pub conditions: Conditions,
    /// The page of steps, from 1.
    pub page: u32,
}

/// A checked question.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// A count query.
    Count(Conditions),
    /// A related query.
    Related(Related),
    /// A threat rank query.
    ThreatRank(Ranked),
    /// A timeline query.
    Timeline(TimelineOf),
    /// A top query.
    Top(Top),
    /// A session query.
    Session(StoryOf),
    /// A search.
    Search(Search),
    /// A query for new values.
    New(NewValues),
    /// A query for raws that filters refused.
    Quarantine(Refusals),
}

impl Conditions {
    /// Selects all events that refer to the subject.
    fn all_of((subject, attribute): Subject) -> Self {
        Self {
            subjects: vec![subject],
            attribute,
            range: TimeRange::default(),
            category: None,
            context: Context::All,
            derived: false,
        }
    }
}

impl Question {
    /// Returns the canonical text of a question's fields, which is the text to be sealed, and its `qhash`.
    ///
    /// # Errors
    /// If the text would be longer than 128 KiB.
    pub fn encode(fields: &Value) -> Result<(String, String), QuestionError> {
        let text = canonical_within(fields, QUESTION_BYTES).map_err(|error| bad("data", error))?;
        let qhash = Hash::of(&[&text]).to_string();
        Ok((text, qhash))
    }

    /// Reads the canonical text. `last` counts back from `now`, in Unix seconds. White space around a text is left out, as
    /// [`Question::encode`] does, though whoever sealed the text did not: it is not in the hash of a value, either.
    ///
    /// ```
    /// use serde_json::json;
    /// use tahoe_core::question::Question;
    ///
    /// let (text, _) = Question::encode(&json!({"sub_type": "ipv4", "data": "203.0.113.9", "last": "7d"}))?;
    /// let Question::Count(conditions) = Question::decode("count", &text, 1_600_000_000.0)? else {
    ///     unreachable!("it is a count");
    /// };
    /// assert_eq!(conditions.subjects.len(), 1);
    /// let error = Question::decode("count", "{}", 0.0).unwrap_err();
    /// assert!(error.to_string().contains("sub_type"));
    /// # Ok::<(), tahoe_core::question::QuestionError>(())
    /// ```
    pub fn decode(qtype: &str, text: &str, now: f64) -> Result<Self, QuestionError> {
        let qtype: QueryType = qtype.parse()?;
        match decanonical(text) {
            Ok(Value::Object(mut fields)) => {
                fields.values_mut().for_each(strip);
                Self::read(qtype, fields, now)
            }
            Ok(_) => Err(bad("data", "is not an object of query fields")),
            Err(error) => Err(bad("data", format!("is not in canonical form: {error}"))),
        }
    }

    fn read(qtype: QueryType, fields: Map<String, Value>, now: f64) -> Result<Self, QuestionError> {
        let fields = UnreadFields(fields);
        match qtype {
            QueryType::Count => Ok(Self::Count(Self::read_related(fields, now)?.conditions)),
            QueryType::Related => Ok(Self::Related(Self::read_related(fields, now)?)),
            QueryType::ThreatRank => Self::read_threatrank(fields),
            QueryType::Timeline => Self::read_timeline(fields, now),
            QueryType::Top => Self::read_top(fields, now),
            QueryType::Session => Self::read_session(fields),
            QueryType::Search => Self::read_search(fields),
            QueryType::New => Self::read_new(fields, now),
            QueryType::Quarantine => Self::read_quarantine(fields),
        }
    }

    fn read_top(mut fields: UnreadFields, now: f64) -> Result<Self, QuestionError> {
        let top = Top {
            sub_type: fields.sub_type()?,
            range: fields.range(now)?,
            category: fields.category()?,
            context: fields.context()?,
            event: match fields.text(EVENT.name)? {
                Some(event) => Some(SubType::new(&event).map_err(|error| bad(EVENT.name, error))?),
                None => None,
            },
            limit: fields.int(LIMIT.name, LIMITS)?,
        };
        fields.end("a top")?;
        Ok(Self::Top(top))
    }

    fn read_search(mut fields: UnreadFields) -> Result<Self, QuestionError> {
        let search = Search {
            sub_type: fields.sub_type()?,
            text: fields.short(TEXT.name)?.unwrap_or_default(),
            after: fields.short(AFTER.name)?,
            limit: fields.int(LIMIT.name, LIMITS)?,
        };
        fields.end("a search")?;
        Ok(Self::Search(search))
    }

    fn read_new(mut fields: UnreadFields, now: f64) -> Result<Self, QuestionError> {
        let new = NewValues {
            sub_type: fields.sub_type()?,
            range: fields.range(now)?,
            after: fields.short(AFTER.name)?,
            limit: fields.int(LIMIT.name, LIMITS)?,
        };
        fields.end("a new")?;
        Ok(Self::New(new))
    }

    fn read_quarantine(mut fields: UnreadFields) -> Result<Self, QuestionError> {
        let hash = fields.text(HASH.name)?;
        let typetag = fields
            .text(SUB_TYPE.name)?
            .map(|name| SubType::new(&name).map_err(|error| bad(SUB_TYPE.name, error)));
        let refusals = Refusals {
            hash: hash.as_deref().map(read_hash).transpose()?,
            typetag: typetag.transpose()?,
            after: fields.short(AFTER.name)?,
            limit: fields.int(LIMIT.name, LIMITS)?,
        };
        fields.end("a quarantine")?;
        Ok(Self::Quarantine(refusals))
    }

    fn read_threatrank(mut fields: UnreadFields) -> Result<Self, QuestionError> {
        let (subject, attribute) = fields.subject()?;
        fields.end("a threatrank")?;
        Ok(Self::ThreatRank(match attribute {
            None => Ranked::Event(subject),
            Some(_) => Ranked::Attribute(Conditions::all_of((subject, attribute))),
        }))
    }

    fn read_timeline(mut fields: UnreadFields, now: f64) -> Result<Self, QuestionError> {
        let tz = fields.0.get("tzname").and_then(Value::as_str);
        let tz = tz.map_or(Ok(Tz::UTC), crate::time::parse_tzname)?;
        let conditions = fields.conditions(now)?;
        let by = fields.choice(BY.name, &Step::ALL.map(|step| (step.as_str(), step)))?;
        fields.end("a timeline")?;
        Ok(Self::Timeline(TimelineOf { conditions, by, tz }))
    }

    fn read_session(mut fields: UnreadFields) -> Result<Self, QuestionError> {
        let conditions = Conditions::all_of(fields.subject()?);
        let page = fields.int(PAGE.name, PAGES)?;
        fields.end("a session")?;
        Ok(Self::Session(StoryOf { conditions, page }))
    }

    /// Reads the fields of a related query. A count takes the same fields, and ignores those that do not select events.
    fn read_related(mut fields: UnreadFields, now: f64) -> Result<Related, QuestionError> {
        let conditions = fields.conditions(now)?;
        let related = Related {
            conditions,
            level: fields.int(LEVEL.name, LEVELS)? as u8,
            page: fields.int(PAGE.name, PAGES)?,
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

/// Removes the white space around a text that its canonical form does not have.
fn strip(value: &mut Value) {
    if let Value::String(text) = value {
        let stripped = python_strip(text);
        if stripped.len() < text.len() {
            *text = stripped.to_owned();
        }
    }
}

/// The hash of a subject, and its sub_type and data if these were given.
type Subject = (Hash, Option<(SubType, Scalar)>);

/// The fields not read yet; `null` stands for a field that is not there.
struct UnreadFields(Map<String, Value>);

impl UnreadFields {
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

    fn int(&mut self, field: &str, bounds: Bounds) -> Result<u32, QuestionError> {
        let Bounds {
            least,
            most,
            default,
        } = bounds;
        let Some(value) = self.take(field) else {
            return Ok(default);
        };
        let int = value.as_u64().and_then(|int| u32::try_from(int).ok());
        int.filter(|int| (least..=most).contains(int))
            .ok_or_else(|| bad(field, format!("is not an integer from {least} to {most}")))
    }

    /// Reads one of the named choices, or [`ALL`], which gives `None`.
    fn choice<T: Copy>(
        &mut self,
        field: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, QuestionError> {
        let Some(text) = self.text(field)?.filter(|text| text != ALL) else {
            return Ok(None);
        };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let names = choices.iter().map(|(name, _)| *name);
                Err(bad(field, one_of(&text, [ALL].into_iter().chain(names))))
            }
        }
    }

    /// Reads a text of at most [`TEXT_BYTES`].
    fn short(&mut self, field: &str) -> Result<Option<String>, QuestionError> {
        match self.text(field)? {
            Some(text) if text.len() > TEXT_BYTES => {
                Err(bad(field, format!("is longer than {TEXT_BYTES} bytes")))
            }
            text => Ok(text),
        }
    }

    /// Reads the sub_type of the values that are asked for.
    fn sub_type(&mut self) -> Result<SubType, QuestionError> {
        let name = self.text(SUB_TYPE.name)?;
        let name = name.ok_or_else(|| bad(SUB_TYPE.name, "is missing"))?;
        SubType::new(&name).map_err(|error| bad(SUB_TYPE.name, error))
    }

    fn range(&mut self, now: f64) -> Result<TimeRange, QuestionError> {
        let from = self.take("from");
        let to = self.take("to");
        let last = self.text("last")?;
        let tzname = self.text("tzname")?;
        Ok(TimeRange::new(
            from.as_ref(),
            to.as_ref(),
            last.as_deref(),
            tzname.as_deref(),
            now,
        )?)
    }

    fn category(&mut self) -> Result<Option<Category>, QuestionError> {
        self.choice(
            "category",
            &[Category::Unknown, Category::Benign, Category::Malicious]
                .map(|category| (category.as_str(), category)),
        )
    }

    fn context(&mut self) -> Result<Context, QuestionError> {
        let context = self.choice(
            "context",
            &[Context::Malicious, Context::Benign, Context::Unknown]
                .map(|context| (context.as_str(), context)),
        )?;
        Ok(context.unwrap_or(Context::All))
    }

    fn conditions(&mut self, now: f64) -> Result<Conditions, QuestionError> {
        let (subject, attribute) = self.subject()?;
        Ok(Conditions {
            subjects: vec![subject],
            attribute,
            range: self.range(now)?,
            category: self.category()?,
            context: self.context()?,
            derived: self.bool(DERIVED.name)?.unwrap_or(false),
        })
    }

    /// Checks that no field is left that a query of this kind does not take.
    fn end(&self, kind: &str) -> Result<(), QuestionError> {
        match self.0.iter().find(|(_, value)| !value.is_null()) {
            Some((field, _)) => {
                let reason = format!("is not a field of {kind} query");
                Err(bad(crate::excerpt::excerpt(field), reason))
            }
            None => Ok(()),
        }
    }

    fn subject(&mut self) -> Result<Subject, QuestionError> {
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

/// Returns the sub_type for `ip`, by the value. Defanged forms such as `203[.]0[.]113[.]9` stay `ip`: only filters read
/// them.
fn ip_sub_type(data: &Scalar) -> SubType {
    SubType::from_static(match data.as_str().map(|text| text.trim().parse()) {
        Some(Ok(IpAddr::V4(_))) => "ipv4",
        Some(Ok(IpAddr::V6(_))) => "ipv6",
        _ => "ip",
    })
}

/// Reads a hash in upper or lower case, with spaces around it, as people paste it.
fn read_hash(text: &str) -> Result<Hash, QuestionError> {
    let lower = text.trim().to_ascii_lowercase();
    lower.parse().map_err(|error| bad("_hash", error))
}
