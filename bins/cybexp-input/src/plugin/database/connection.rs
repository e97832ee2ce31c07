//! The queries, rows and connections that the three kinds of databases have in common.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Column, SqlSafeStr, SqlStr};

/// The longest time that a statement may take, as the server is told.
pub(super) const STATEMENT: Duration = Duration::from_secs(60);

/// The query of the settings, and the column that is its cursor.
#[derive(Debug)]
pub(super) struct CursorQuery {
    pub(super) query: String,
    pub(super) cursor: String,
}

/// A name that no column has: PostgreSQL would take the column.
pub(super) const ROWS: &str = "cybexp_rows";

impl CursorQuery {
    /// The query as a table, on lines of its own because it may end in a comment.
    pub(super) fn table(&self) -> String {
        format!("(\n{}\n) AS {ROWS}", self.query)
    }

    /// The cursor column, in quotes of this kind. With the table's name: SQLite takes what is no column for a text.
    pub(super) fn column(&self, quote: char) -> String {
        let doubled = self.cursor.replace(quote, &format!("{quote}{quote}"));
        format!("{ROWS}.{quote}{doubled}{quote}")
    }

    /// The query of all rows.
    pub(super) fn all(&self) -> SqlStr {
        AssertSqlSafe(format!("SELECT * FROM {}", self.table())).into_sql_str()
    }

    /// A query for up to `limit` rows that meet the condition, in the order of the cursor.
    pub(super) fn page(&self, what: &str, column: &str, condition: &str, limit: u64) -> String {
        let table = self.table();
        format!(
            "SELECT {what} FROM {table} WHERE {column} {condition} ORDER BY {column} LIMIT {limit}"
        )
    }

    /// A query that has one row if any row lacks a cursor.
    pub(super) fn nulls(&self, column: &str) -> String {
        let table = self.table();
        format!("SELECT 1 FROM {table} WHERE {column} IS NULL LIMIT 1")
    }
}

/// The names of these columns.
pub(super) fn names<C: Column>(columns: &[C]) -> Vec<String> {
    let names = columns.iter().map(|column| column.name());
    names.map(str::to_owned).collect()
}

/// A cursor as the text of its value.
pub(super) fn text(at: &Value) -> String {
    at.as_str().map_or_else(|| at.to_string(), str::to_owned)
}

/// Rows next to each other, in the order of the cursor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    /// The cursor at which the span begins; `None`: with the first row that has a cursor.
    pub(super) from: Option<&'a Value>,
    /// Whether those at `from` are among them.
    pub(super) with_from: bool,
    /// The last cursor among them; `None`: there is no end.
    pub(super) to: Option<&'a Value>,
    /// How many of them at most.
    pub(super) limit: u64,
}

impl<'a> Span<'a> {
    /// The span of up to `limit` rows at and after this cursor.
    pub(super) fn at(from: Option<&'a Value>, limit: u64) -> Self {
        Self {
            from,
            with_from: true,
            to: None,
            limit,
        }
    }

    /// Whether a row of it is beyond `from`, and the condition of all of them, where these SQL expressions mean the column
    /// and its bounds.
    pub(super) fn conditions(&self, column: &str, from: &str, to: &str) -> (String, String) {
        let (beyond, mut condition) = match (self.from, self.with_from) {
            (None, _) => ("1 = 1".to_owned(), "IS NOT NULL".to_owned()),
            (Some(_), true) => (format!("{column} > {from}"), format!(">= {from}")),
            (Some(_), false) => ("1 = 1".to_owned(), format!("> {from}")),
        };
        if self.to.is_some() {
            condition.push_str(&format!(" AND {column} <= {to}"));
        }
        (beyond, condition)
    }
}

/// The type of a cursor, as far as it decides whether the cursor is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CursorKind {
    Number,
    Time,
    /// A time that is of UTC where it names no zone.
    Utc,
    Text,
}

/// The place of a row, without its values.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Its cursor, as a later query can name it: a text, or of SQLite also a number. Null if no query can.
    pub(super) at: Value,
    /// The type of that.
    pub(super) kind: CursorKind,
    /// Whether it is beyond the place where the span begins.
    pub(super) beyond: bool,
}

/// A row of the query.
#[derive(Debug)]
pub(super) struct DatabaseRow {
    /// Its cursor, as a later query can name it: a text, or of SQLite also a number. Null if no query can.
    pub(super) at: Value,
    /// The type of that.
    pub(super) kind: CursorKind,
    /// Whether it is beyond the place where the page begins, and not at it. Only the database knows: to it, 1.0 may be 1.00,
    /// and `a` may be `A`.
    pub(super) beyond: bool,
    /// All of it, as JSON.
    pub(super) json: String,
}

/// A connection to a database. Whatever fails in it, it is not used again, but after [`DatabaseConnection::undo`].
#[async_trait]
pub(super) trait DatabaseConnection: Send {
    /// The names of the query's columns.
    async fn columns(&mut self) -> sqlx::Result<Vec<String>>;

    /// Makes this column the cursor.
    async fn choose(&mut self, place: usize) -> anyhow::Result<()>;

    /// Begins a transaction, or what it has instead, that writes nothing and ends in time.
    async fn begin(&mut self) -> sqlx::Result<()>;

    /// The rows of a span, in the order of the cursor.
    fn rows<'a>(&'a mut self, span: Span<'_>) -> BoxStream<'a, anyhow::Result<DatabaseRow>>;

    /// The places of the rows of a span, read from the cursor column alone.
    async fn spots(&mut self, span: Span<'_>) -> anyhow::Result<Vec<Spot>>;

    /// Ends what was begun.
    async fn end(&mut self) -> sqlx::Result<()>;

    /// Ends what was begun and failed, so that something else can begin.
    async fn undo(&mut self) -> sqlx::Result<()>;

    /// Whether there are rows whose cursor is NULL.
    async fn any_null(&mut self) -> anyhow::Result<bool>;

    /// Says farewell.
    async fn close(self: Box<Self>);
}
