//! Rows of PostgreSQL, which writes them as JSON itself.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row as _, Statement};

use super::connection::{
    CursorKind, CursorQuery, DatabaseConnection, DatabaseRow, ROWS, STATEMENT, Span, Spot, names,
    text,
};
use super::told::told;

pub(super) struct Postgres {
    connection: PgConnection,
    select: Arc<CursorQuery>,
    /// The type of the cursor column.
    kind: String,
}

impl Postgres {
    pub(super) async fn connect(
        options: &PgConnectOptions,
        select: Arc<CursorQuery>,
    ) -> sqlx::Result<Self> {
        Ok(Self {
            connection: options.connect().await?,
            select,
            kind: String::new(),
        })
    }

    /// The rows of a span: the cursor as text, whether it is beyond the begin, and `what`.
    fn ask(&self, span: Span<'_>, what: &str) -> Query<'static, sqlx::Postgres, PgArguments> {
        let column = self.select.column('"');
        // as text, whatever type it is, and compared as what it is
        let place = |number: u8| format!("${number}::text::{}", self.kind);
        let (beyond, condition) = span.conditions(&column, &place(1), &place(2));
        let what = format!("{column}::text, {beyond}, {what}");
        let sql = self.select.page(&what, &column, &condition, span.limit);
        // a pooler may lose what is prepared
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        if span.from.is_some() || span.to.is_some() {
            query = query.bind(span.from.map(text));
        }
        if span.to.is_some() {
            query = query.bind(span.to.map(text));
        }
        query
    }

    fn class(&self) -> CursorKind {
        match self.kind.as_str() {
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
                CursorKind::Number
            }
            "date" => CursorKind::Time,
            kind if kind.starts_with("timestamp") => CursorKind::Time,
            _ => CursorKind::Text,
        }
    }
}

#[async_trait]
impl DatabaseConnection for Postgres {
    async fn columns(&mut self) -> sqlx::Result<Vec<String>> {
        let statement = (&mut self.connection).prepare(self.select.all());
        Ok(names(statement.await?.columns()))
    }

    async fn choose(&mut self, _place: usize) -> anyhow::Result<()> {
        let (column, table) = (self.select.column('"'), self.select.table());
        // without running the query
        // -1: of no length, for without one `character` and `bit` mean one of one, which would cut every cursor
        let sql = format!(
            "SELECT format_type(pg_typeof((SELECT {column} FROM {table} LIMIT 0))::oid, -1)"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
        let kind = query.fetch_one(&mut self.connection).await;
        // constants are worked out already
        self.kind = kind.map_err(|error| told(error.into()).context("settings.query"))?;
        Ok(())
    }

    async fn begin(&mut self) -> sqlx::Result<()> {
        // LOCAL: behind a pooler, the session is not ours
        let sql = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}; \
             SET LOCAL datestyle = 'ISO'",
            STATEMENT.as_millis()
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    fn rows<'a>(&'a mut self, span: Span<'_>) -> BoxStream<'a, anyhow::Result<DatabaseRow>> {
        let kind = self.class();
        let what = format!("row_to_json({ROWS})::text");
        let rows = self.ask(span, &what).fetch(&mut self.connection);
        rows.map(move |row| {
            let row = row?;
            let at: String = row.try_get(0)?;
            Ok(DatabaseRow {
                at: at.into(),
                kind,
                beyond: row.try_get(1)?,
                json: row.try_get(2)?,
            })
        })
        .boxed()
    }

    async fn spots(&mut self, span: Span<'_>) -> anyhow::Result<Vec<Spot>> {
        let kind = self.class();
        let rows = self.ask(span, "NULL::text").fetch_all(&mut self.connection);
        let spot = |row: PgRow| {
            let at: String = row.try_get(0)?;
            Ok(Spot {
                at: at.into(),
                kind,
                beyond: row.try_get(1)?,
            })
        };
        rows.await?.into_iter().map(spot).collect()
    }

    async fn end(&mut self) -> sqlx::Result<()> {
        (&mut self.connection).execute("COMMIT").await?;
        Ok(())
    }

    async fn undo(&mut self) -> sqlx::Result<()> {
        (&mut self.connection).execute("ROLLBACK").await?;
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
