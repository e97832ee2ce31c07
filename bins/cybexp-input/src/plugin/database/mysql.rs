//! Rows of MySQL and MariaDB.
//!
//! They are read with the text protocol: it gives all numbers and times as they are written, and exactly.

use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Executor, Row as _, Statement, TypeInfo, ValueRef,
};

use super::connection::{
    CursorKind, CursorQuery, DatabaseConnection, DatabaseRow, ROWS, STATEMENT, Span, Spot, names,
    text,
};
use super::json;

pub(super) struct MySql {
    connection: MySqlConnection,
    select: Arc<CursorQuery>,
    /// The types of the columns.
    kinds: Vec<String>,
    /// The index of the cursor's column.
    place: usize,
}

impl MySql {
    pub(super) async fn connect(
        options: &MySqlConnectOptions,
        select: Arc<CursorQuery>,
    ) -> sqlx::Result<Self> {
        let mut connection = options.connect().await?;
        let version: String = sqlx::query_scalar("SELECT VERSION()")
            .fetch_one(&mut connection)
            .await?;
        let limit = match version.contains("MariaDB") {
            true => format!("SET SESSION max_statement_time = {}", STATEMENT.as_secs()),
            false => format!("SET SESSION max_execution_time = {}", STATEMENT.as_millis()),
        };
        sqlx::raw_sql(AssertSqlSafe(limit))
            .execute(&mut connection)
            .await?;
        Ok(Self {
            connection,
            select,
            kinds: Vec::new(),
            place: 0,
        })
    }

    fn kind(&self) -> &str {
        self.kinds.get(self.place).map_or("", String::as_str)
    }

    fn class(&self) -> CursorKind {
        match self.kind() {
            kind if is_number(kind) => CursorKind::Number,
            "DATE" | "DATETIME" => CursorKind::Time,
            // the session's time zone is UTC
            "TIMESTAMP" => CursorKind::Utc,
            _ => CursorKind::Text,
        }
    }

    /// `what` of the rows of a span, and last whether each is beyond the begin.
    fn ask(&self, span: Span<'_>, what: &str) -> anyhow::Result<String> {
        let column = self.select.column('`');
        let place = |at: Option<&Value>| match at {
            Some(at) => {
                literal(at, self.kind()).ok_or_else(|| anyhow!("the cursor is no {}", self.kind()))
            }
            None => Ok(String::new()),
        };
        let (from, to) = (place(span.from)?, place(span.to)?);
        let (beyond, condition) = span.conditions(&column, &from, &to);
        let what = format!("{what}, {beyond}");
        Ok(self.select.page(&what, &column, &condition, span.limit))
    }
}

#[async_trait]
impl DatabaseConnection for MySql {
    async fn columns(&mut self) -> sqlx::Result<Vec<String>> {
        let statement = (&mut self.connection).prepare(self.select.all()).await?;
        let columns = statement.columns();
        let kinds = columns.iter().map(|column| column.type_info().name());
        self.kinds = kinds.map(str::to_owned).collect();
        Ok(names(columns))
    }

    async fn choose(&mut self, place: usize) -> anyhow::Result<()> {
        self.place = place;
        let kind = self.kind();
        // the text of a FLOAT is rounded, an ENUM has one order and another comparison, and binary values are no text
        ensure!(
            is_number(kind) || is_text(kind) || is_time(kind),
            "settings.cursor: `{}` is of the type {kind}, which is no cursor: use another column, or CAST it",
            self.select.cursor
        );
        Ok(())
    }

    async fn begin(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("START TRANSACTION READ ONLY")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    fn rows<'a>(&'a mut self, span: Span<'_>) -> BoxStream<'a, anyhow::Result<DatabaseRow>> {
        let (place, kind) = (self.place, self.class());
        let sql = match self.ask(span, &format!("{ROWS}.*")) {
            Ok(sql) => sql,
            Err(error) => return futures::stream::once(async { Err(error) }).boxed(),
        };
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection);
        rows.map_err(anyhow::Error::from)
            .map(move |row| read(&row?, place, kind))
            .boxed()
    }

    async fn spots(&mut self, span: Span<'_>) -> anyhow::Result<Vec<Spot>> {
        let kind = self.class();
        let sql = self.ask(span, &self.select.column('`'))?;
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection);
        let spot = |row: MySqlRow| {
            let (at, beyond): (&[u8], &[u8]) =
                (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
            Ok(Spot {
                at: std::str::from_utf8(at)
                    .context("the cursor is no text")?
                    .into(),
                kind,
                beyond: beyond == b"1",
            })
        };
        rows.await?.into_iter().map(spot).collect()
    }

    async fn end(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("COMMIT")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn undo(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn any_null(&mut self) -> anyhow::Result<bool> {
        self.begin().await?;
        let sql = self.select.nulls(&self.select.column('`'));
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        let found = query.fetch_optional(&mut self.connection).await?.is_some();
        self.end().await?;
        Ok(found)
    }

    async fn close(self: Box<Self>) {
        // all that could fail is over
        let _ = sqlx::Connection::close(self.connection).await;
    }
}

fn is_number(kind: &str) -> bool {
    kind.contains("INT") || matches!(kind, "BOOLEAN" | "YEAR" | "DECIMAL" | "DOUBLE")
}

fn is_text(kind: &str) -> bool {
    kind.ends_with("CHAR") || kind.ends_with("TEXT")
}

fn is_time(kind: &str) -> bool {
    matches!(kind, "DATE" | "TIME" | "DATETIME" | "TIMESTAMP")
}

/// A cursor as it stands in a statement: the text protocol has no parameters. Nothing of it is SQL: a number is one, and a
/// text is hex.
fn literal(at: &Value, kind: &str) -> Option<String> {
    let text = text(at);
    if is_number(kind) {
        let number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let valid = text.chars().all(number) && text.parse::<f64>().is_ok();
        return valid.then_some(text);
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("_utf8mb4 X'{hex}'"))
}

fn read(row: &MySqlRow, place: usize, kind: CursorKind) -> anyhow::Result<DatabaseRow> {
    let mut object = json::JsonRow::new();
    let mut at = Value::Null;
    let last = row.len().saturating_sub(1);
    for (number, column) in row.columns()[..last].iter().enumerate() {
        if row.try_get_raw(number)?.is_null() {
            object.put(column.name(), "null");
            continue;
        }
        let value: &[u8] = row.try_get_unchecked(number)?;
        if number == place {
            let text = std::str::from_utf8(value).context("the cursor is no text")?;
            at = text.into();
        }
        object.put(column.name(), &as_json(value, column.type_info().name()));
    }
    let beyond: &[u8] = row.try_get_unchecked(last)?;
    Ok(DatabaseRow {
        at,
        kind,
        beyond: beyond == b"1",
        json: object.finish(),
    })
}

fn as_json(value: &[u8], kind: &str) -> String {
    match kind {
        "JSON" | "FLOAT" => json::verbatim(value),
        "BIT" => {
            let number = value
                .iter()
                .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            number.to_string()
        }
        // the session's time zone is UTC
        "DATETIME" | "TIMESTAMP" => {
            let zone = if kind == "TIMESTAMP" { "Z" } else { "" };
            let text = String::from_utf8_lossy(value).replacen(' ', "T", 1);
            json::string(&(text + zone))
        }
        kind if is_number(kind) => json::verbatim(unfilled(value)),
        _ => json::bytes(value),
    }
}

/// Without the zeros of ZEROFILL, with which no number in JSON begins.
fn unfilled(number: &[u8]) -> &[u8] {
    match number {
        [b'0', b'0'..=b'9', ..] => unfilled(&number[1..]),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_in_a_statement_is_no_sql() {
        let number = |text: &str| literal(&text.into(), "BIGINT UNSIGNED");
        assert_eq!(
            number("18446744073709551615").unwrap(),
            "18446744073709551615"
        );
        assert_eq!(number("-1.5e3").unwrap(), "-1.5e3");
        for bad in ["", "1 OR 1", "1--", "nan", "inf", "e"] {
            assert_eq!(number(bad), None, "{bad}");
        }
        assert_eq!(literal(&7.into(), "DECIMAL").unwrap(), "7");
        assert_eq!(
            literal(&"a'".into(), "VARCHAR").unwrap(),
            "_utf8mb4 X'6127'"
        );
        assert_eq!(literal(&7.into(), "DATETIME").unwrap(), "_utf8mb4 X'37'");
    }

    #[test]
    fn values_by_type() {
        assert_eq!(
            as_json(b"12345678901234567890.10", "DECIMAL"),
            "12345678901234567890.10"
        );
        assert_eq!(as_json(b"1", "BOOLEAN"), "1");
        for (filled, number) in [("007", "7"), ("000", "0"), ("00.50", "0.50"), ("-5", "-5")] {
            assert_eq!(as_json(filled.as_bytes(), "DECIMAL"), number);
        }
        assert_eq!(as_json(b"\x01\x02", "BIT"), "258");
        let time = b"2026-11-21 10:00:00.5";
        assert_eq!(as_json(time, "TIMESTAMP"), r#""2026-11-21T10:00:00.5Z""#);
        assert_eq!(as_json(time, "DATETIME"), r#""2026-11-21T10:00:00.5""#);
        assert_eq!(as_json(b"[1, {}]", "JSON"), "[1, {}]");
        assert_eq!(as_json(b"12", "VARCHAR"), r#""12""#);
        assert_eq!(as_json(b"\xff", "BLOB"), r#""\\xff""#);
    }
}
