//! The place of a database: one of three kinds of servers, or a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use url::Url;

use super::connection::{CursorQuery, DatabaseConnection};
use super::mysql::MySql;
use super::postgres::Postgres;
use super::sqlite::Sqlite;

/// The address of a database and the credentials for it. `Display` shows nothing secret.
#[derive(Clone)]
pub(super) enum DatabaseServer {
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

/// Parameters that a URL may have after the `?`. sqlx would log any other one, and it may be half of a password.
const PARAMETERS: [&str; 14] = [
    "application_name",
    "charset",
    "collation",
    "dbname",
    "host",
    "options",
    "port",
    "socket",
    "ssl-ca",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

impl DatabaseServer {
    /// Reads a URL; `place` says where a relative path is. The error does not repeat the URL.
    pub(super) fn parse(url: &str, place: impl Fn(&Path) -> PathBuf) -> Result<Self, String> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "postgres" | "postgresql" => {
                let options: PgConnectOptions = parse(url)?;
                Ok(Self::Postgres(Box::new(
                    options.disable_statement_logging(),
                )))
            }
            "mysql" | "mariadb" => {
                let options: MySqlConnectOptions = parse(url)?;
                // the query is to mean what it means elsewhere
                let options = options
                    .pipes_as_concat(false)
                    .no_engine_substitution(false)
                    .disable_statement_logging();
                Ok(Self::MySql(Box::new(options)))
            }
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(url).map_err(|e| e.to_string())?;
                let path = options.get_filename().to_owned();
                let in_memory = url.contains(":memory:") || url.contains("mode=memory");
                if path.as_os_str().is_empty() || in_memory {
                    return Err("must name a file".to_owned());
                }
                let options = options
                    .filename(place(&path))
                    .create_if_missing(false)
                    .read_only(true)
                    .disable_statement_logging();
                Ok(Self::Sqlite(Box::new(options)))
            }
            _ => Err("must begin with postgres://, mysql:// or sqlite:".to_owned()),
        }
    }

    pub(super) async fn connect(
        &self,
        select: Arc<CursorQuery>,
    ) -> sqlx::Result<Box<dyn DatabaseConnection>> {
        Ok(match self {
            Self::Postgres(options) => Box::new(Postgres::connect(options, select).await?),
            Self::MySql(options) => Box::new(MySql::connect(options, select).await?),
            Self::Sqlite(options) => Box::new(Sqlite::connect(options, select).await?),
        })
    }
}

fn parse<T: FromStr<Err = sqlx::Error>>(url: &str) -> Result<T, String> {
    const ENCODE: &str = "special characters of a password must be percent-encoded";
    let parsed = Url::parse(url).map_err(|error| format!("{error}; {ENCODE}"))?;
    let known = |name: &str| PARAMETERS.contains(&name);
    if parsed.fragment().is_some() || !parsed.query_pairs().all(|(name, _)| known(&name)) {
        return Err(format!(
            "has parameters other than {}; {ENCODE}",
            PARAMETERS.join(", ")
        ));
    }
    url.parse().map_err(|error: sqlx::Error| error.to_string())
}

impl fmt::Display for DatabaseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(options) => {
                match options.get_socket() {
                    Some(socket) => write!(f, "postgres:{}", socket.display())?,
                    None => write!(
                        f,
                        "postgres://{}:{}",
                        options.get_host(),
                        options.get_port()
                    )?,
                }
                write!(f, "/{}", options.get_database().unwrap_or_default())
            }
            Self::MySql(options) => {
                match options.get_socket() {
                    Some(socket) => write!(f, "mysql:{}", socket.display())?,
                    None => write!(f, "mysql://{}:{}", options.get_host(), options.get_port())?,
                }
                write!(f, "/{}", options.get_database().unwrap_or_default())
            }
            Self::Sqlite(options) => write!(f, "sqlite:{}", options.get_filename().display()),
        }
    }
}
