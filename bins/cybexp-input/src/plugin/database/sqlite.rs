//! Rows of a SQLite file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Executor, Row as _, Statement, TypeInfo, ValueRef,
};

use super::connection::{
    CursorKind, CursorQuery, DatabaseConnection, DatabaseRow, ROWS, STATEMENT, Span, Spot, names,
};
use super::json;

/// How long whoever writes may hold the file.
const BUSY: Duration = Duration::from_secs(5);
/// Instructions of SQLite's machine between two looks at the clock.
const INSTRUCTIONS: i32 = 100_000;

pub(super) struct Sqlite {
    connection: SqliteConnection,
    select: Arc<CursorQuery>,
    /// The index of the cursor's column.
    place: usize,
}

impl Sqlite {
    pub(super) async fn connect(
        options: &SqliteConnectOptions,
        select: Arc<CursorQuery>,
    ) -> sqlx::Result<Self> {
        let connection = options.clone().busy_timeout(BUSY).connect().await?;
        Ok(Self {
            connection,
            select,
            place: 0,
        })
    }

    /// `what` of the rows of a span, and last whether each is beyond the begin.
    fn ask(&self, span: Span<'_>, what: &str) -> SqliteQuery {
        let column = self.select.column('"');
        let (beyond, condition) = span.conditions(&column, "?1", "?2");
        let sql = self.select.page(
            &format!("{what}, {beyond}"),
            &column,
            &condition,
            span.limit,
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if span.from.is_some() || span.to.is_some() {
            query = bind(query, span.from);
        }
        if span.to.is_some() {
            query = bind(query, span.to);
        }
        query
    }

    /// From now on.
    async fn limit_time(&mut self) -> sqlx::Result<()> {
        let end = Instant::now() + STATEMENT;
        let mut handle = self.connection.lock_handle().await?;
        handle.set_progress_handler(INSTRUCTIONS, move || Instant::now() < end);
        Ok(())
    }
}

type SqliteQuery = Query<'static, sqlx::Sqlite, SqliteArguments>;

/// SQLite compares by the type of the value, not of the column.
fn bind(query: SqliteQuery, at: Option<&Value>) -> SqliteQuery {
    let at = at.unwrap_or(&Value::Null);
    match (at.as_i64(), at.as_f64(), at.as_str()) {
        (Some(integer), ..) => query.bind(integer),
        (_, Some(real), _) => query.bind(real),
        (.., text) => query.bind(text.map(str::to_owned)),
    }
}

#[async_trait]
impl DatabaseConnection for Sqlite {
    async fn columns(&mut self) -> sqlx::Result<Vec<String>> {
        let statement = (&mut self.connection).prepare(self.select.all());
        Ok(names(statement.await?.columns()))
    }

    async fn choose(&mut self, place: usize) -> anyhow::Result<()> {
        self.place = place;
        Ok(())
    }

    /// A page is one statement, which is a transaction of its own.
    async fn begin(&mut self) -> sqlx::Result<()> {
        self.limit_time().await
    }

    fn rows<'a>(&'a mut self, span: Span<'_>) -> BoxStream<'a, anyhow::Result<DatabaseRow>> {
        let place = self.place;
        let query = self.ask(span, &format!("{ROWS}.*"));
        let rows = query.fetch(&mut self.connection);
        rows.map_err(anyhow::Error::from)
            .map(move |row| read(&row?, place))
            .boxed()
    }

    async fn spots(&mut self, span: Span<'_>) -> anyhow::Result<Vec<Spot>> {
        let query = self.ask(span, &self.select.column('"'));
        let rows = query.fetch_all(&mut self.connection);
        let spot = |row: SqliteRow| {
            let place = value(&row, 0)?;
            Ok(Spot {
                at: place.at(),
                kind: place.class(),
                beyond: row.try_get_unchecked(1)?,
            })
        };
        rows.await?.into_iter().map(spot).collect()
    }

    async fn end(&mut self) -> sqlx::Result<()> {
        Ok(())
    }

    async fn undo(&mut self) -> sqlx::Result<()> {
        Ok(())
    }

    async fn any_null(&mut self) -> anyhow::Result<bool> {
        self.limit_time().await?;
        let sql = self.select.nulls(&self.select.column('"'));
        let query = sqlx::query(AssertSqlSafe(sql));
        Ok(query.fetch_optional(&mut self.connection).await?.is_some())
    }

    async fn close(self: Box<Self>) {
        // all that could fail is over
        let _ = sqlx::Connection::close(self.connection).await;
    }
}

/// A value as JSON, with its type: a column may hold any.
struct Typed {
    json: String,
    kind: String,
}

fn value(row: &SqliteRow, number: usize) -> anyhow::Result<Typed> {
    let value = row.try_get_raw(number)?;
    let kind = match value.is_null() {
        true => "NULL".to_owned(),
        false => value.type_info().name().to_owned(),
    };
    let json = match kind.as_str() {
        "NULL" => "null".to_owned(),
        "INTEGER" => row.try_get_unchecked::<i64, _>(number)?.to_string(),
        "REAL" => json::float(row.try_get_unchecked(number)?),
        "TEXT" | "BLOB" => json::bytes(row.try_get_unchecked(number)?),
        other => {
            let column = row.column(number).name();
            bail!("the column {column} holds a value of type {other}")
        }
    };
    Ok(Typed { json, kind })
}

impl Typed {
    fn class(&self) -> CursorKind {
        match self.kind.as_str() {
            "INTEGER" | "REAL" => CursorKind::Number,
            _ => CursorKind::Text,
        }
    }

    /// A cursor that finds its row again, or what is as good; null if there is none.
    fn at(&self) -> Value {
        match self.kind.as_str() {
            // all others are beyond it
            "REAL" if self.json.contains("-Infinity") => f64::MIN.into(),
            "INTEGER" | "REAL" => self.read().filter(Value::is_number).unwrap_or_default(),
            // what is no text is not what stands for it
            "TEXT" if !self.json.starts_with(r#""\\x"#) => self.read().unwrap_or_default(),
            _ => Value::Null,
        }
    }

    fn read(&self) -> Option<Value> {
        serde_json::from_str(&self.json).ok()
    }
}

fn read(row: &SqliteRow, place: usize) -> anyhow::Result<DatabaseRow> {
    let mut object = json::JsonRow::new();
    let (mut at, mut kind) = (Value::Null, CursorKind::Text);
    let last = row.len().saturating_sub(1);
    for (number, column) in row.columns()[..last].iter().enumerate() {
        let value = value(row, number)?;
        if number == place {
            at = value.at();
            kind = value.class();
        }
        object.put(column.name(), &value.json);
    }
    Ok(DatabaseRow {
        at,
        kind,
        beyond: row.try_get_unchecked(last)?,
        json: object.finish(),
    })
}
