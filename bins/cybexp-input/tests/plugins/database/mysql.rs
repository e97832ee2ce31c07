//! A MariaDB of the test's own, or the MySQL that `MYSQL_URL=mysql://user:password@host/db` names. In that database, the
//! test makes the tables it needs anew.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::json;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, Connection};
use test_needs::Need;

use super::own::{self, Process};
use super::{ips, named, sorted};
use crate::harness::Input;

/// A server, and its database for the test.
struct Server {
    url: String,
    _process: Option<Process>,
}

impl Server {
    async fn start() -> Option<Self> {
        if let Ok(url) = std::env::var("MYSQL_URL") {
            let _process = None;
            return Some(Self { url, _process });
        }
        let (Some(install), Some(mariadbd)) = (program("mariadb-install-db"), program("mariadbd"))
        else {
            Need::MySql.is_lacking("there is no mariadb-install-db and mariadbd, and no MYSQL_URL");
            return None;
        };
        let (folder, data) = own::folder();
        let mut made = own::command(&install, "TERM");
        made.args([
            "--no-defaults",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ]);
        made.arg(format!("--datadir={}", data.display()));
        assert!(made.status().unwrap().success());

        let first = folder.path().join("first.sql");
        let sql = "CREATE DATABASE seen; CREATE USER 'owner'@'%' IDENTIFIED BY 'hunter2'; GRANT ALL ON *.* TO 'owner'@'%';\n";
        fs::write(&first, sql.replace("; ", ";\n")).unwrap();
        let [port] = cybexp_testkit::free_ports();
        let mut server = own::command(&mariadbd, "TERM");
        server.args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
        ]);
        server.arg(format!("--port={port}"));
        server.arg(format!("--datadir={}", data.display()));
        server.arg(format!("--tmpdir={}", data.display()));
        server.arg(format!("--socket={}", data.join("socket").display()));
        server.arg(format!("--init-file={}", first.display()));
        let mut process = Process::start(server, Signal::SIGTERM, folder);
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(port);
        let options = options
            .username("owner")
            .password("hunter2")
            .database("seen");
        let owner = process.connect(&options).await;
        owner.close().await.unwrap();
        Some(Self {
            url: format!("mysql://owner:hunter2@127.0.0.1:{port}/seen"),
            _process: Some(process),
        })
    }
}

/// A program of MariaDB's, which stands in another folder in some distributions.
fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/libexec"];
    let mut paths = folders
        .map(|folder| Path::new(folder).join(name))
        .into_iter();
    paths.find(|path| path.exists())
}

async fn run(owner: &mut MySqlConnection, sql: &str) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    sql.execute(owner).await.unwrap();
}

#[tokio::test]
async fn rows_of_mysql() {
    let Some(server) = Server::start().await else {
        return;
    };
    let url = &server.url;
    let mut owner = MySqlConnection::connect(url).await.unwrap();
    run(
        &mut owner,
        "DROP TABLE IF EXISTS cybexp_types, cybexp_seen;
         CREATE TABLE cybexp_types (
            id BIGINT UNSIGNED, z INT(6) ZEROFILL, n DECIMAL(30, 10), f DOUBLE, at TIMESTAMP(6) NULL, local DATETIME, d DATE,
            t TIME, y YEAR, b VARBINARY(9), s VARCHAR(9), e ENUM('zzz', 'aaa'), g FLOAT, k BIT(9), `a ``b` TINYINT(1));
         INSERT INTO cybexp_types VALUES
            (18446744073709551614, 7, 12345678901234567890.1234567890, 0.1, '2026-11-21 10:00:00.5', '2026-11-21 12:00',
             '2026-11-21', '-12:00:01', 2026, x'ff00', 'ü\"', 'zzz', 1.5, 258, 1),
            (18446744073709551615, 8, 12345678901234567890.1234567891, 1e300, '2026-11-21 10:00:00.6', '2026-11-21 12:01',
             '2026-11-22', '12:00:01', 2027, NULL, 'z', NULL, NULL, NULL, NULL)",
    )
    .await;
    let input = |query: &str, cursor: &str| {
        Input::new(
            "database",
            json!({"url": url, "query": query, "cursor": cursor}),
        )
    };
    let first = r#"{"id":18446744073709551614,"z":7,"n":12345678901234567890.1234567890,"f":0.1,"at":"2026-11-21T10:00:00.500000Z","local":"2026-11-21T12:00:00","d":"2026-11-21","t":"-12:00:01","y":2026,"b":"\\xff00","s":"ü\"","e":"zzz","g":1.5,"k":258,"a `b":1}"#;
    let second = r#"{"id":18446744073709551615,"z":8,"n":12345678901234567890.1234567891,"f":1e300,"at":"2026-11-21T10:00:00.600000Z","local":"2026-11-21T12:01:00","d":"2026-11-22","t":"12:00:01","y":2027,"b":null,"s":"z","e":null,"g":null,"k":null,"a `b":null}"#;
    for cursor in ["id", "z", "n", "f", "at", "local", "d", "t", "y", "s"] {
        let input = input("SELECT * FROM cybexp_types;", cursor);
        for _ in 0..2 {
            input.fetch().await.unwrap();
            assert_eq!(input.taken().await, [first, second], "by {cursor}");
            let now = input.now();
            let error = now.last_error.unwrap_or_default();
            // a number that is far from all others is not believed at once
            let far = cursor == "f" && error.contains("beyond all others");
            assert!(far || now.errors == 0, "by {cursor}: {error}");
        }
    }
    let by_bool = input("SELECT * FROM cybexp_types", "a `b");
    by_bool.fetch().await.unwrap();
    assert_eq!(by_bool.taken().await, [first]);
    assert!(by_bool.now().last_error.unwrap().contains("is NULL"));
    for cursor in ["b", "e", "g", "k", "x"] {
        let error = input("SELECT * FROM cybexp_types", cursor)
            .source()
            .check()
            .await;
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.contains("settings.cursor"), "{error}");
    }
    let error = input("SELECT * FROM nowhere", "id").source().check().await;
    assert!(format!("{:#}", error.unwrap_err()).contains("settings.query"));

    let (_, place) = url.rsplit_once('@').unwrap();
    let wrong = json!({"url": format!("mysql://u:wrong1@{place}"), "query": "SELECT 1 AS id", "cursor": "id"});
    let error = Input::new("database", wrong).source().check().await;
    let error = format!("{:#}", error.unwrap_err());
    assert!(
        error.contains("settings.url") && !error.contains("wrong1"),
        "{error}"
    );
    // a minute, which MySQL and MariaDB call otherwise
    let version: String = sqlx::query_scalar("SELECT VERSION()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let (limit, minute) = match version.contains("MariaDB") {
        true => ("@@max_statement_time", "60.000000"),
        false => ("@@max_execution_time", "60000"),
    };
    let limited = input(&format!("SELECT {limit} AS id"), "id");
    limited.fetch().await.unwrap();
    assert_eq!(limited.taken().await, [format!("{{\"id\":{minute}}}")]);

    // a text by which upper and lower case are the same, and many rows that share it
    run(
        &mut owner,
        "CREATE TABLE cybexp_seen (at VARCHAR(20), ip VARCHAR(20))",
    )
    .await;
    let input = input("SELECT * FROM cybexp_seen", "at");
    let mut all = 0;
    for (rows, at) in [(5, "a"), (2500, "A"), (2500, "b"), (10, "B"), (0, "c")] {
        let rows: Vec<_> = (all..all + rows)
            .map(|n| format!("('{at}', 'ip{n}')"))
            .collect();
        all += u32::try_from(rows.len()).unwrap();
        if !rows.is_empty() {
            run(
                &mut owner,
                &format!("INSERT INTO cybexp_seen VALUES {}", rows.join(",")),
            )
            .await;
        }
        input.fetch().await.unwrap();
        assert_eq!(sorted(ips(&input).await), sorted(named(0..all)));
    }
    run(&mut owner, "DROP TABLE cybexp_types, cybexp_seen").await;
}
