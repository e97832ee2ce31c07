//! A query as a value, so that the query that runs is the same that `explain` checks.

use std::time::Duration;

use bson::{Document, RawDocumentBuf};
use mongodb::action::Action;
use mongodb::options::Hint;

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::operation::Rows;

/// The longest time that the server works on one query of a report.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(60);

/// The most hashes in one query.
pub(crate) const ASK: usize = 1000;

/// A query with the index that serves it.
#[derive(Debug, Clone)]
pub(crate) struct Find {
    pub doing: &'static str,
    pub filter: Document,
    pub projection: Option<Document>,
    pub sort: Option<Document>,
    /// The name of the index.
    pub hint: &'static str,
    pub skip: u64,
    /// The most results; 0 for all.
    pub limit: i64,
    /// The number of results that the server sends at once; `None` for as many as it likes.
    pub batch: Option<u32>,
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
            batch: None,
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

    /// Has the server send this number of results at once: fewer for readers that may stop in the middle, or all of them.
    pub(crate) fn batch(mut self, batch: u32) -> Self {
        self.batch = Some(batch);
        self
    }

    pub(crate) fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Returns the results as they arrive.
    pub(crate) async fn rows(self, coll: &Documents) -> Result<Rows, StoreError> {
        let find = coll.named(self.doing).find(self.filter);
        let find = find.with(|find| {
            find.hint(Hint::Name(self.hint.to_owned()))
                .skip(self.skip)
                .limit(self.limit)
                .max_time(MAX_TIME)
                .optional(self.projection, |find, fields| find.projection(fields))
                .optional(self.sort, |find, sort| find.sort(sort))
                .optional(self.batch, |find, batch| find.batch_size(batch))
        });
        find.rows().await
    }

    /// Returns all results. Only for queries whose number of results is bounded by the request.
    pub(crate) async fn all(self, coll: &Documents) -> Result<Vec<RawDocumentBuf>, StoreError> {
        self.rows(coll).await?.all().await
    }

    /// Returns all results as `T`.
    pub(crate) async fn read<T>(self, coll: &Documents) -> Result<Vec<T>, StoreError>
    where
        T: serde::de::DeserializeOwned,
    {
        self.rows(coll).await?.read().await
    }

    /// Counts the results, up to the limit.
    pub(crate) async fn count(self, coll: &Documents) -> Result<u64, StoreError> {
        let limit = u64::try_from(self.limit).ok().filter(|limit| *limit > 0);
        let count = coll.named(self.doing).count_documents(self.filter);
        let count = count.with(|count| {
            count
                .hint(Hint::Name(self.hint.to_owned()))
                .max_time(MAX_TIME)
                .optional(limit, |count, limit| count.limit(limit))
        });
        count.send().await
    }
}
