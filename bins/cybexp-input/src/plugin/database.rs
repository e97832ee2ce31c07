//! `database`: the rows of a query, by a column that only grows.
//!
//! A fetch reads pages: the rows at and after the cursor, in its order. The rows of the last page are remembered, so those
//! that share the value of the cursor are neither lost nor taken twice. What is committed behind the cursor is never seen: a
//! number from a sequence whose transaction ends after that of a later one, a clock that was set back. No row says that it
//! is missing, so only the query can help: by leaving out what is too young to be settled.
//!
//! A row beyond all others (a time that is still to come, infinity, NaN, a number out of line, in SQLite a text among
//! numbers) is taken, and hides nothing: the cursor stays before it. A row that cannot be read is named and left out, and
//! the rows around it are taken.

mod around;
mod connection;
mod json;
mod mysql;
mod page;
mod postgres;
mod server;
mod sqlite;
mod standing;
mod told;
mod walk;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use async_trait::async_trait;
use chrono_tz::Tz;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use futures::TryStreamExt;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::debug;

use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::sink::RecordSink;
use connection::{CursorQuery, DatabaseConnection, Span};
use page::RowPage;
use server::DatabaseServer;
use told::told;
use walk::RowWalk;

/// The longest time to connect: name, connection, TLS and password.
const CONNECT: Duration = Duration::from_secs(20);
/// The time after which a server that should have given up by itself counts as gone.
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest time to read a page in parts, a statement each.
const AROUND: Duration = Duration::from_secs(600);

/// The plugin.
#[derive(Debug)]
pub(super) struct DatabasePlugin;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseSettings {
    url: Secret,
    query: String,
    cursor: String,
    from: Option<Value>,
}

impl Plugin for DatabasePlugin {
    fn name(&self) -> &'static str {
        "database"
    }

    fn about(&self) -> &'static str {
        "the rows of a PostgreSQL, MySQL or SQLite query, after a cursor column"
    }

    fn typetag(&self) -> &'static str {
        "sighting"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: true,
                about: "postgres://, mysql:// or sqlite:PATH, relative to the configuration file; {\"env\": …} or {\"file\": …} \
                        where it holds a password",
            },
            Setting {
                name: "query",
                required: true,
                about: "a SELECT without LIMIT; each of its rows is a record, a JSON object",
            },
            Setting {
                name: "cursor",
                required: true,
                about: "the column of its result that only grows, such as a serial number or the time of a change; it should \
                        have an index, and few rows in which it is equal; rows in which it is NULL are never taken",
            },
            Setting {
                name: "from",
                required: false,
                about: "the first value of that column that is taken, a text or number [default: all there are]",
            },
        ]
    }

    fn example(&self) -> Value {
        json!({
            "url": "postgres://reader@db.example.org/sensors?sslmode=verify-full",
            "query": "SELECT seen_at AS timestamp, ip AS ipv4 FROM sightings",
            "cursor": "timestamp",
        })
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(60))
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: DatabaseSettings = given.settings()?;
        let url = given.secret("url", &settings.url)?;
        let server = DatabaseServer::parse(url.expose_secret(), |path| given.path(path))
            .map_err(|reason| given.wrong("url", reason))?;
        let query = settings.query.trim().trim_end_matches(';').trim_end();
        if query.is_empty() {
            return Err(given.wrong("query", "is empty"));
        }
        if settings.cursor.is_empty() {
            return Err(given.wrong("cursor", "is empty"));
        }
        if let Some(from) = &settings.from
            && !(from.is_number() || from.is_string())
        {
            return Err(given.wrong("from", "must be a text or a number"));
        }
        let zone = given.input.timezone.parse::<Tz>();
        let zone = zone.map_err(|error| given.wrong("", format!("timezone: {error}")))?;
        Ok(Box::new(DatabaseSource {
            server,
            select: Arc::new(CursorQuery {
                query: query.to_owned(),
                cursor: settings.cursor,
            }),
            from: settings.from,
            zone,
            asked_for_nulls: false,
        }))
    }
}

struct DatabaseSource {
    server: DatabaseServer,
    select: Arc<CursorQuery>,
    from: Option<Value>,
    /// The zone of times that name none.
    zone: Tz,
    asked_for_nulls: bool,
}

#[async_trait]
impl InputSource for DatabaseSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let (mut connection, columns) = self.connect().await?;
        connection.begin().await?;
        // no row, but all that can be wrong before the first one
        let none: Vec<_> = in_time(
            connection
                .rows(Span::at(self.from.as_ref(), 0))
                .try_collect(),
        )
        .await
        .with_context(|| self.reading(self.from.as_ref()))?;
        debug_assert!(none.is_empty());
        connection.close().await;
        Ok(format!("{}, columns {}", self.server, columns.join(", ")))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let (mut connection, _) = self.connect().await?;
        sink.reached();
        let walk = RowWalk::begin(sink, &self.select.cursor, self.from.clone(), self.zone);
        let mut walk = walk.await?;
        loop {
            let page = tokio::select! {
                page = read(&walk, &mut *connection) => {
                    page.with_context(|| self.reading(walk.after()))?
                }
                () = sink.stopping() => return Ok(Next::Period),
            };
            // no transaction is open while this waits for room
            if !walk.take(page).await? || sink.is_stopping() {
                break;
            }
        }
        self.look_for_nulls(&mut *connection, sink).await;
        connection.close().await;
        Ok(Next::Period)
    }
}

impl DatabaseSource {
    /// A connection, and the columns of the query, among which the cursor is.
    async fn connect(&self) -> anyhow::Result<(Box<dyn DatabaseConnection>, Vec<String>)> {
        let connect = self.server.connect(Arc::clone(&self.select));
        let mut connection = match timeout(CONNECT, connect).await {
            Ok(connected) => connected.map_err(|error| told(error.into())),
            Err(_) => Err(anyhow!("no connection within {CONNECT:?}")),
        }
        .with_context(|| format!("{} (settings.url)", self.server))?;
        let columns = in_time(async { Ok(connection.columns().await?) })
            .await
            .with_context(|| format!("{}: settings.query", self.server))?;
        let cursor = &self.select.cursor;
        let listed = columns.join(", ");
        let mut places = (0..columns.len()).filter(|&place| columns[place] == *cursor);
        let place = places.next().ok_or_else(|| {
            anyhow!("settings.cursor: the query has no column `{cursor}`; it has {listed}")
        })?;
        for (place, column) in columns.iter().enumerate() {
            ensure!(
                !columns[..place].contains(column),
                "settings.query: two columns are called `{column}`: name one of them otherwise, with AS"
            );
        }
        in_time(connection.choose(place))
            .await
            .with_context(|| self.server.to_string())?;
        Ok((connection, columns))
    }

    fn reading(&self, after: Option<&Value>) -> String {
        let after = after.map(|after| format!(" from {after} of `{}` on", self.select.cursor));
        format!(
            "{}: settings.query{}",
            self.server,
            after.unwrap_or_default()
        )
    }

    /// Says once that there are rows which no cursor reaches.
    async fn look_for_nulls(&mut self, connection: &mut dyn DatabaseConnection, sink: &RecordSink) {
        if std::mem::replace(&mut self.asked_for_nulls, true) {
            return;
        }
        // without an index it may take longer than a statement may, and that is no failure
        match in_time(connection.any_null()).await {
            Ok(false) => {}
            Ok(true) => sink.complain(&format!(
                "there are rows whose `{}` (settings.cursor) is NULL: they are never taken",
                self.select.cursor
            )),
            Err(error) => debug!(
                input = sink.name(),
                error = format!("{error:#}"),
                "nobody knows whether there are NULLs"
            ),
        }
    }
}

/// The next page, without the rows of it that cannot be read.
async fn read(
    walk: &RowWalk<'_>,
    connection: &mut dyn DatabaseConnection,
) -> anyhow::Result<RowPage> {
    let first = match timeout(PATIENCE, walk.read(connection)).await {
        Ok(Err(error)) if around::is_of_a_row(&error) => error,
        Ok(read) => return read.map_err(told),
        Err(_) => return Err(silent(PATIENCE)),
    };
    match timeout(AROUND, around::read(walk, connection, first)).await {
        Ok(read) => read.map_err(told),
        Err(_) => Err(silent(AROUND)),
    }
}

fn silent(patience: Duration) -> anyhow::Error {
    anyhow!("no answer within {patience:?}")
}

async fn in_time<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(told),
        Err(_) => Err(silent(PATIENCE)),
    }
}
