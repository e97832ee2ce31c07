//! The conditions of a page's questions: how deep, which page, which events.

use serde_json::{Map, Value, json};
use tahoe_core::Hash;

use crate::params::Params;
use crate::subject::Subject;

/// Times that a page can be narrowed to, with their names.
pub(crate) const LAST: [(&str, &str); 4] = [
    ("1d", "last day"),
    ("7d", "last 7 days"),
    ("30d", "last 30 days"),
    ("1Y", "last year"),
];
/// Categories that a page can be narrowed to.
pub(crate) const CATEGORIES: [&str; 3] = ["malicious", "benign", "unknown"];
/// The most values that are expanded in one picture.
pub(crate) const EXPANDED: usize = 4;
/// The greatest depth.
pub(crate) const DEEPEST: u32 = 3;

/// The sub_types that filters derive: what holds them is derived, too, or was never observed.
const DERIVED: [&str; 7] = [
    "behaviour",
    "cidr",
    "asn",
    "asn_name",
    "country_code2",
    "domain",
    "command_count",
];

/// The question of a page about a value.
#[derive(Debug, Clone)]
pub(crate) struct PageQuery {
    pub(crate) subject: Subject,
    /// 1: its events; each more adds their sessions and those sessions' other events.
    pub(crate) level: u32,
    /// The page of ten events, from 1.
    pub(crate) page: u32,
    pub(crate) last: Option<&'static str>,
    pub(crate) category: Option<&'static str>,
    /// The hashes of other values whose events are in the picture, too.
    pub(crate) with: Vec<String>,
}

impl PageQuery {
    /// Reads the parameters of a page.
    pub(crate) fn read(params: &Params) -> Option<Self> {
        let subject = Subject::read(params)?;
        // a behaviour is one of sessions
        let level = 1 + u32::from(subject.sub_type() == Some("behaviour"));
        Some(Self {
            level: params.number("level", 1, DEEPEST).unwrap_or(level),
            subject,
            page: params.number("page", 1, 1_000_000).unwrap_or(1),
            last: params.choice("last", &LAST.map(|(name, _)| name)),
            category: params.choice("category", &CATEGORIES),
            with: params
                .all("with")
                .filter_map(|hash| hash.parse::<Hash>().ok())
                .map(|hash| hash.to_string())
                .take(EXPANDED)
                .collect(),
        })
    }

    /// Returns the fields that name the value, with those events by which it is found.
    pub(crate) fn observed(&self) -> Map<String, Value> {
        let mut fields = self.subject.fields();
        if self
            .subject
            .sub_type()
            .is_some_and(|name| DERIVED.contains(&name))
        {
            fields.insert("derived".to_owned(), json!(true));
        }
        fields
    }

    /// Returns the fields that select the events.
    pub(crate) fn conditions(&self) -> Map<String, Value> {
        let mut fields = self.observed();
        if let Some(last) = self.last {
            fields.insert("last".to_owned(), json!(last));
        }
        if let Some(category) = self.category {
            fields.insert("category".to_owned(), json!(category));
        }
        fields
    }

    /// Returns the fields of the question for the documents of this page.
    pub(crate) fn documents(&self) -> Map<String, Value> {
        let mut fields = self.conditions();
        fields.insert("level".to_owned(), json!(self.level));
        fields.insert("page".to_owned(), json!(self.page));
        fields.insert("summary".to_owned(), json!(false));
        fields
    }

    /// Returns the fields of the question for the sessions of this page's events.
    pub(crate) fn sessions(&self) -> Map<String, Value> {
        let of_events = Self {
            level: 2,
            ..self.clone()
        };
        let mut fields = of_events.documents();
        fields.insert("return_type".to_owned(), json!("session"));
        fields
    }

    /// Returns the fields of the question for the documents of another value that is expanded.
    pub(crate) fn expanded(&self, hash: &str) -> Map<String, Value> {
        let other = Self {
            subject: Subject::Hash(hash.to_owned()),
            level: 1,
            page: 1,
            with: Vec::new(),
            ..*self
        };
        other.documents()
    }

    /// Returns the path of another page of the same question.
    pub(crate) fn path(&self, path: &str, page: u32) -> String {
        let (level, page) = (self.level.to_string(), page.to_string());
        let mut more = Vec::new();
        if self.level > 1 || self.subject.sub_type() == Some("behaviour") {
            more.push(("level", level.as_str()));
        }
        if page != "1" {
            more.push(("page", page.as_str()));
        }
        more.extend(self.with.iter().map(|hash| ("with", hash.as_str())));
        more.extend(self.last.map(|last| ("last", last)));
        more.extend(self.category.map(|category| ("category", category)));
        self.subject.path_with(path, &more)
    }
}
