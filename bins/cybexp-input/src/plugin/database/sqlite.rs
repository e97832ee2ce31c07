//! Rows of a SQLite file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Executor, Row as _, Statement, TypeInfo, ValueRef,
};

use super::connection::{Connection, ROWS, Row, Select, names};
use super::{STATEMENT, json};

/// How long whoever writes may hold the file.
const BUSY: Duration = Duration::from_secs(5);
/// Instructions of SQLite's machine between two looks at the clock.
const INSTRUCTIONS: i32 = 100_000;

pub(super) struct Sqlite {
    connection: SqliteConnection,
    select: Arc<Select>,
    /// Which column the cursor is.
    place: usize,
}

impl Sqlite {
    pub(super) async fn connect(
        options: &SqliteConnectOptions,
        select: Arc<Select>,
    ) -> sqlx::Result<Self> {
        let connection = options.clone().busy_timeout(BUSY).connect().await?;
        Ok(Self {
            connection,
            select,
            place: 0,
        })
    }

    /// From now on.
    async fn limit_time(&mut self) -> sqlx::Result<()> {
        let end = Instant::now() + STATEMENT;
        let mut handle = self.connection.lock_handle().await?;
        handle.set_progress_handler(INSTRUCTIONS, move || Instant::now() < end);
        Ok(())
    }
}

#[async_trait]
impl Connection for Sqlite {
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

    fn rows<'a>(
        &'a mut self,
        after: Option<&Value>,
        limit: u64,
    ) -> BoxStream<'a, anyhow::Result<Row>> {
        let column = self.select.column('"');
        let (beyond, condition) = match after {
            Some(_) => (format!("{column} > ?1"), ">= ?1"),
            None => ("1".to_owned(), "IS NOT NULL"),
        };
        let what = format!("{ROWS}.*, {beyond}");
        let sql = self.select.page(&what, &column, condition, limit);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        // SQLite compares by the type of the value, not of the column
        if let Some(after) = after {
            query = match (after.as_i64(), after.as_f64(), after.as_str()) {
                (Some(integer), ..) => query.bind(integer),
                (_, Some(real), _) => query.bind(real),
                (.., text) => query.bind(text.unwrap_or_default().to_owned()),
            };
        }
        let place = self.place;
        let rows = query.fetch(&mut self.connection);
        rows.map_err(anyhow::Error::from)
            .map(move |row| read(&row?, place))
            .boxed()
    }

    async fn end(&mut self) -> sqlx::Result<()> {
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

/// By the types of the values: a column may hold any.
fn read(row: &SqliteRow, place: usize) -> anyhow::Result<Row> {
    let mut object = json::Object::new();
    let mut at = Value::Null;
    let last = row.len().saturating_sub(1);
    for (number, column) in row.columns()[..last].iter().enumerate() {
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
            other => bail!("the column {} holds a value of type {other}", column.name()),
        };
        if number == place {
            at = place_of(&json, &kind).ok_or_else(|| {
                anyhow!("settings.cursor: the column holds {json} ({kind}), by which nothing can be found again")
            })?;
        }
        object.put(column.name(), &json);
    }
    Ok(Row {
        at,
        beyond: row.try_get_unchecked(last)?,
        json: object.finish(),
    })
}

/// A cursor that finds its row again.
fn place_of(json: &str, kind: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(json).ok()?;
    match kind {
        "INTEGER" | "REAL" => value.is_number().then_some(value),
        // what is no text is not what stands for it
        "TEXT" => (!json.starts_with(r#""\\x"#)).then_some(value),
        _ => None,
    }
}
