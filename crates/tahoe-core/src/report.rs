//! The answer to a query.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::canonical::{self, TooLarge};
use crate::hash::Hash;
use crate::question::QueryType;
use crate::scalar::Timestamp;

/// The answer to a query. Its hash is that of its content: equal answers to two queries are one document.
#[derive(Debug, Clone)]
pub struct Report {
    sub_type: String,
    userid: String,
    timestamp: Timestamp,
    data: Value,
    current_page: i64,
    next_page: i64,
    beside: Map<String, Value>,
    hash: Hash,
}

impl Report {
    /// Makes the report of one page. `next_page` is 1 after the last page. `timestamp` is the time at which the answer
    /// was begun: the answer includes everything that was stored before.
    ///
    /// # Errors
    /// If the canonical form of the data is too large.
    pub fn new(
        qtype: QueryType,
        userid: String,
        timestamp: Timestamp,
        data: Value,
        current_page: i64,
        next_page: i64,
    ) -> Result<Self, TooLarge> {
        let sub_type = qtype.as_str().to_owned();
        let hash = canonical::hash(&["report", &sub_type], &data)?;
        Ok(Self {
            sub_type,
            userid,
            timestamp,
            data,
            current_page,
            next_page,
            beside: Map::new(),
            hash,
        })
    }

    /// Makes the report of a query that fails, as the Python report daemon writes it: the data is the reason. `qtype`
    /// may be any text, because it may be the cause.
    ///
    /// # Errors
    /// If the canonical form of the reason is too large.
    pub fn refusal(
        qtype: &str,
        userid: String,
        timestamp: Timestamp,
        reason: &str,
    ) -> Result<Self, TooLarge> {
        let data = Value::from(reason);
        Ok(Self {
            sub_type: qtype.to_owned(),
            userid,
            timestamp,
            hash: canonical::hash(&["report", qtype], &data)?,
            data,
            current_page: 1,
            next_page: 1,
            beside: Map::new(),
        })
    }

    /// Adds fields beside the data, such as `total`, which the Python system does not have. The hash does not depend on
    /// them.
    pub fn beside(mut self, fields: Map<String, Value>) -> Self {
        self.beside.extend(fields);
        self
    }

    /// Returns the report's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the answer.
    pub fn data(&self) -> &Value {
        &self.data
    }
}

impl Report {
    /// Returns the fields of the report's document, by name.
    pub fn fields(&self) -> BTreeMap<&str, Cow<'_, Value>> {
        let own = |value: Value| Cow::Owned(value);
        let more = self.next_page > self.current_page;
        let mut fields: BTreeMap<&str, Cow<'_, Value>> = self
            .beside
            .iter()
            .map(|(name, value)| (name.as_str(), Cow::Borrowed(value)))
            .collect();
        fields.extend([
            ("itype", own("report".into())),
            ("sub_type", own(self.sub_type.as_str().into())),
            ("userid", own(self.userid.as_str().into())),
            ("timestamp", own(self.timestamp.get().into())),
            ("data", Cow::Borrowed(&self.data)),
            ("current_page", own(self.current_page.into())),
            ("next_page", own(self.next_page.into())),
            ("more", own(more.into())),
            ("_hash", own(self.hash.to_string().into())),
        ]);
        fields
    }
}

/// The document of a report.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("itype", "report")?;
        map.serialize_entry("sub_type", &self.sub_type)?;
        map.serialize_entry("userid", &self.userid)?;
        map.serialize_entry("timestamp", &self.timestamp.get())?;
        map.serialize_entry("data", &self.data)?;
        map.serialize_entry("current_page", &self.current_page)?;
        map.serialize_entry("next_page", &self.next_page)?;
        map.serialize_entry("more", &(self.next_page > self.current_page))?;
        for (field, value) in &self.beside {
            map.serialize_entry(field, value)?;
        }
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
