//! The answer to a query.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::Timestamp;
use crate::canonical::{self, TooLarge};
use crate::hash::Hash;
use crate::question::QueryType;

/// The answer to a query. Its hash is that of its content: equal answers to two queries are one document.
#[derive(Debug, Clone)]
pub struct Report {
    qtype: QueryType,
    userid: String,
    timestamp: Timestamp,
    data: Value,
    current_page: i64,
    next_page: i64,
    cut: bool,
    hash: Hash,
}

impl Report {
    /// The report of one page; `next_page` is 1 after the last.
    pub fn new(
        qtype: QueryType,
        userid: String,
        timestamp: Timestamp,
        data: Value,
        current_page: i64,
        next_page: i64,
    ) -> Result<Self, TooLarge> {
        let hash = canonical::hash(&["report", qtype.as_str()], &data)?;
        Ok(Self {
            qtype,
            userid,
            timestamp,
            data,
            current_page,
            next_page,
            cut: false,
            hash,
        })
    }

    /// The same, marked as not holding all that there is where that is so.
    pub fn cut(self, cut: bool) -> Self {
        Self { cut, ..self }
    }

    /// Its identity.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The answer.
    pub fn data(&self) -> &Value {
        &self.data
    }
}

/// The document of a report.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("itype", "report")?;
        map.serialize_entry("sub_type", self.qtype.as_str())?;
        map.serialize_entry("userid", &self.userid)?;
        map.serialize_entry("timestamp", &self.timestamp.get())?;
        map.serialize_entry("data", &self.data)?;
        map.serialize_entry("current_page", &self.current_page)?;
        map.serialize_entry("next_page", &self.next_page)?;
        if self.cut {
            map.serialize_entry("cut", &true)?;
        }
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
