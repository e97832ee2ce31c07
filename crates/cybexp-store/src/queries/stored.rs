//! Stored queries and reports.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Map;
use tahoe_core::{Hash, Query, Value};

use crate::error::StoreError;
use crate::mongo::find::ASK;
use crate::queries::queue::{LAST, OWN, Queries, SHARED, by_hash};

/// A stored query.
#[derive(Debug, Clone)]
pub struct StoredQuery {
    /// The query.
    pub query: Query,
    /// The reason, if the query failed.
    pub reason: Option<String>,
    /// The last answer to the query. It stays while the same question is asked again within the hour, so that everyone
    /// who waited for it can read it.
    pub last: Option<LastAnswer>,
    own: Option<Map<String, Value>>,
}

/// An answer to a query.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LastAnswer {
    /// Identifies the answer: no other one has the same token.
    pub token: Value,
    /// The report.
    pub report: Hash,
    /// Whether the report is the reason of a failure.
    #[serde(default)]
    pub failed: bool,
    /// The time at which the answer was stored, in Unix seconds.
    #[serde(default)]
    pub finished: f64,
}

/// Field of an answer that took long to make: the fingerprint of the organisations of which it was made. It is never
/// shown.
pub const MADE_OF: &str = "_orgs";

impl Queries {
    /// Returns a stored query, and the reason if it failed.
    pub async fn find(&self, hash: Hash) -> Result<Option<(Query, Option<String>)>, StoreError> {
        let found = self.stored(&[hash]).await?.remove(&hash);
        Ok(found.map(|stored| (stored.query, stored.reason)))
    }

    /// Returns those of these queries that are stored.
    pub async fn stored(&self, hashes: &[Hash]) -> Result<HashMap<Hash, StoredQuery>, StoreError> {
        let hashes: Vec<String> = hashes.iter().map(Hash::to_string).collect();
        let mut found = HashMap::new();
        for part in hashes.chunks(ASK) {
            let find = by_hash(part).project(bson::doc! {"_id": 0});
            for value in find.read::<Value>(&self.coll).await? {
                let hash = value["_hash"].as_str().and_then(|h| h.parse().ok());
                if let (Some(hash), Some(query)) = (hash, StoredQuery::of(&value)) {
                    found.insert(hash, query);
                }
            }
        }
        Ok(found)
    }

    /// Returns the report of the query with this hash, if it is ready.
    pub async fn report(&self, query: Hash) -> Result<Option<Value>, StoreError> {
        match self.stored(&[query]).await?.remove(&query) {
            Some(stored) if stored.query.report_id.is_some() => self.report_of(&stored).await,
            Some(_) | None => Ok(None),
        }
    }

    /// Returns the report of a query. While the query is asked again, that is the report of the last answer.
    pub async fn report_of(&self, stored: &StoredQuery) -> Result<Option<Value>, StoreError> {
        let last = stored.last.as_ref().map(|last| last.report);
        let Some(report) = stored.query.report_id.or(last) else {
            return Ok(None);
        };
        // a Python report daemon writes no fields beside the report
        let own = stored.own.clone().filter(|_| last == Some(report));
        self.read(report, own).await
    }

    async fn read(
        &self,
        report: Hash,
        own: Option<Map<String, Value>>,
    ) -> Result<Option<Value>, StoreError> {
        let mut report = self.document(report).await?;
        if let (Some(Value::Object(report)), Some(own)) = (&mut report, own) {
            report.retain(|field, _| SHARED.contains(&field.as_str()));
            report.extend(own);
            report.remove(MADE_OF);
        }
        Ok(report)
    }
}

impl StoredQuery {
    /// Returns the fingerprint of the organisations of which the last answer was made, if it took long to make.
    pub fn made_of(&self) -> Option<Hash> {
        self.own.as_ref()?.get(MADE_OF)?.as_str()?.parse().ok()
    }

    fn of(value: &Value) -> Option<Self> {
        Some(Self {
            query: Query::from_document(value).ok()?,
            reason: value["_error"].as_str().map(str::to_owned),
            last: LastAnswer::deserialize(&value[LAST]).ok(),
            own: value[OWN].as_object().cloned(),
        })
    }
}
