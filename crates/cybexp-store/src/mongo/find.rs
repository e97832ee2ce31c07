//! A query as a value, so that what runs and what `explain` proves are the same.

use std::time::Duration;

use bson::{Document, RawDocumentBuf};
use futures::TryStreamExt;
use mongodb::Cursor;
use mongodb::options::{FindOptions, Hint};

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Raws;

/// The longest that the server works on one query of a report.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(60);

/// A query with the index that serves it.
#[derive(Debug, Clone)]
pub(crate) struct Find {
    pub doing: &'static str,
    pub filter: Document,
    pub projection: Option<Document>,
    pub sort: Option<Document>,
    /// The index's name.
    pub hint: &'static str,
    pub skip: u64,
    /// 0: all.
    pub limit: i64,
}

impl Find {
    pub(crate) fn new(doing: &'static str, hint: &'static str, filter: Document) -> Self {
        Self {
            doing,
            filter,
            projection: None,
            sort: None,
            hint,
            skip: 0,
            limit: 0,
        }
    }

    pub(crate) fn project(mut self, projection: Document) -> Self {
        self.projection = Some(projection);
        self
    }

    pub(crate) fn sort(mut self, sort: Document) -> Self {
        self.sort = Some(sort);
        self
    }

    pub(crate) fn limit(mut self, limit: i64) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    pub(crate) async fn cursor(self, coll: &Raws) -> Result<Cursor<RawDocumentBuf>, StoreError> {
        let options = FindOptions::builder()
            .projection(self.projection)
            .sort(self.sort)
            .hint(Hint::Name(self.hint.to_owned()))
            .skip(self.skip)
            .limit(self.limit)
            .max_time(MAX_TIME)
            .build();
        let find = coll.find(self.filter).with_options(options);
        find.await.doing(self.doing)
    }

    /// All results: only for queries whose number of results is bounded by what was asked.
    pub(crate) async fn all(self, coll: &Raws) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let doing = self.doing;
        let cursor = self.cursor(coll).await?;
        cursor.try_collect().await.doing(doing)
    }

    /// All results as `T`.
    pub(crate) async fn read<T>(self, coll: &Raws) -> Result<Vec<T>, StoreError>
    where
        T: serde::de::DeserializeOwned,
    {
        let doing = self.doing;
        let documents = self.all(coll).await?;
        documents
            .iter()
            .map(|document| bson::deserialize_from_slice(document.as_bytes()).doing(doing))
            .collect()
    }

    /// How many there are, up to the limit.
    pub(crate) async fn count(self, coll: &Raws) -> Result<u64, StoreError> {
        let count = coll.count_documents(self.filter);
        let count = count
            .hint(Hint::Name(self.hint.to_owned()))
            .max_time(MAX_TIME);
        let counted = match u64::try_from(self.limit) {
            Ok(limit) if limit > 0 => count.limit(limit).await,
            _ => count.await,
        };
        counted.doing(self.doing)
    }
}
