//! Rows of PostgreSQL, which writes them as JSON itself.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row as _, Statement};

use super::connection::{Connection, ROWS, Row, Select, names, text};
use super::{STATEMENT, told};

pub(super) struct Postgres {
    connection: PgConnection,
    select: Arc<Select>,
    /// The type of the cursor column.
    kind: String,
}

impl Postgres {
    pub(super) async fn connect(
        options: &PgConnectOptions,
        select: Arc<Select>,
    ) -> sqlx::Result<Self> {
        Ok(Self {
            connection: options.connect().await?,
            select,
            kind: String::new(),
        })
    }
}

#[async_trait]
impl Connection for Postgres {
    async fn columns(&mut self) -> sqlx::Result<Vec<String>> {
        let statement = (&mut self.connection).prepare(self.select.all());
        Ok(names(statement.await?.columns()))
    }

    async fn choose(&mut self, _place: usize) -> anyhow::Result<()> {
        let (column, table) = (self.select.column('"'), self.select.table());
        // without running the query
        let sql = format!("SELECT pg_typeof((SELECT {column} FROM {table} LIMIT 0))::text");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
        let kind = query.fetch_one(&mut self.connection).await;
        // constants are worked out already
        self.kind = kind.map_err(|error| told(error.into()).context("settings.query"))?;
        Ok(())
    }

    async fn begin(&mut self) -> sqlx::Result<()> {
        // LOCAL: behind a pooler, the session is not ours
        let sql = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}",
            STATEMENT.as_millis()
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    fn rows<'a>(
        &'a mut self,
        after: Option<&Value>,
        limit: u64,
    ) -> BoxStream<'a, anyhow::Result<Row>> {
        let column = self.select.column('"');
        // as text, whatever type it is, and compared as what it is
        let (beyond, condition) = match after {
            Some(_) => {
                let place = format!("$1::text::{}", self.kind);
                (format!("{column} > {place}"), format!(">= {place}"))
            }
            None => ("true".to_owned(), "IS NOT NULL".to_owned()),
        };
        let what = format!("{column}::text, {beyond}, row_to_json({ROWS})::text");
        let sql = self.select.page(&what, &column, &condition, limit);
        // a pooler may lose what is prepared
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        if let Some(after) = after {
            query = query.bind(text(after));
        }
        let rows = query.fetch(&mut self.connection);
        rows.map(|row| {
            let row = row?;
            let at: String = row.try_get(0)?;
            Ok(Row {
                at: at.into(),
                beyond: row.try_get(1)?,
                json: row.try_get(2)?,
            })
        })
        .boxed()
    }

    async fn end(&mut self) -> sqlx::Result<()> {
        (&mut self.connection).execute("COMMIT").await?;
        Ok(())
    }

    async fn any_null(&mut self) -> anyhow::Result<bool> {
        self.begin().await?;
        let sql = self.select.nulls(&self.select.column('"'));
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let found = query.fetch_optional(&mut self.connection).await?.is_some();
        self.end().await?;
        Ok(found)
    }

    async fn close(self: Box<Self>) {
        // all that could fail is over
        let _ = sqlx::Connection::close(self.connection).await;
    }
}
