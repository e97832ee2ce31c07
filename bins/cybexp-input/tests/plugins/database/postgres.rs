//! A PostgreSQL of the test's own.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use test_needs::Need;

use super::own::{self, Process};
use super::{ips, named, sorted};
use crate::harness::Input;

const PASSWORD: &str = "hunter2";

struct Server {
    port: u16,
    owner: PgConnection,
    _process: Process,
}

fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
}

impl Server {
    async fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            Need::PostgreSql.is_lacking("there is no /usr/lib/postgresql/*/bin/initdb");
            return None;
        };
        let (folder, data) = own::folder();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let mut initdb = own::command(&programs.join("initdb"), "INT");
        initdb.args(["--username", "owner", "--auth", "scram-sha-256"]);
        initdb.args(["--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"]);
        initdb.arg("--pwfile").arg(password);
        initdb.arg("--pgdata").arg(&data);
        assert!(initdb.status().unwrap().success());

        let [port] = cybexp_testkit::free_ports();
        let mut postgres = own::command(&programs.join("postgres"), "INT");
        postgres.arg("-D").arg(&data);
        postgres.args(["-p", &port.to_string()]);
        for option in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
        ] {
            postgres.args(["-c", option]);
        }
        // its fast end
        let mut process = Process::start(postgres, Signal::SIGINT, folder);
        let options = PgConnectOptions::new_without_pgpass();
        let options = options.host("127.0.0.1").port(port).username("owner");
        let options = options.password(PASSWORD).database("postgres");
        let owner = process.connect(&options).await;
        Some(Self {
            port,
            owner,
            _process: process,
        })
    }

    async fn run(&mut self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        sql.execute(&mut self.owner).await.unwrap();
    }

    fn url(&self, password: &str) -> String {
        format!(
            "postgres://owner:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    fn settings(&self, query: &str, cursor: &str) -> Value {
        json!({"url": self.url(PASSWORD), "query": query, "cursor": cursor})
    }

    fn input(&self, query: &str, cursor: &str) -> Input {
        Input::new("database", self.settings(query, cursor))
    }
}

#[tokio::test]
async fn rows_as_postgresql_writes_them() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server
        .run(
            "ALTER DATABASE postgres SET DateStyle = 'SQL, DMY';
             CREATE TYPE mood AS ENUM ('zzz', 'aaa');
             CREATE TABLE t (
                id bigint, n numeric, f float8, at timestamptz, local timestamp, d date, b bytea, j jsonb, a text[], ip inet,
                u uuid, m mood, q text, \"cybexp \"\"x\" bool);
             INSERT INTO t VALUES
                (9223372036854775806, 12345678901234567890.1234567890, 0.1, '2026-11-21 12:00:00.123456+02', '2026-11-21 12:00',
                 '2026-11-21', '\\xff00', '{\"b\": 1.10}', '{a,NULL}', '10.0.0.0/8', '00000000-0000-0000-0000-000000000001',
                 'zzz', 'ü\"', true),
                (9223372036854775807, 'NaN', 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'aaa', NULL, NULL)",
        )
        .await;
    let first = r#"{"id":9223372036854775806,"n":12345678901234567890.1234567890,"f":0.1,"at":"2026-11-21T10:00:00.123456+00:00","local":"2026-11-21T12:00:00","d":"2026-11-21","b":"\\xff00","j":{"b": 1.10},"a":["a",null],"ip":"10.0.0.0/8","u":"00000000-0000-0000-0000-000000000001","m":"zzz","q":"ü\"","cybexp \"x":true}"#;
    let second = r#"{"id":9223372036854775807,"n":"NaN","f":"Infinity","at":null,"local":null,"d":null,"b":null,"j":null,"a":null,"ip":null,"u":null,"m":"aaa","q":null,"cybexp \"x":null}"#;
    // by each type that has an order; the cursor comes back from the spool for the second fetch
    for cursor in ["id", "n", "f", "m"] {
        let input = server.input("SELECT * FROM t; ", cursor);
        for _ in 0..2 {
            input.fetch().await.unwrap();
            assert_eq!(input.taken().await, [first, second], "by {cursor}");
        }
    }
    for cursor in [
        "at",
        "local",
        "d",
        "b",
        "j",
        "a",
        "ip",
        "u",
        "q",
        "cybexp \"x",
    ] {
        let input = server.input("TABLE t -- all", cursor);
        for _ in 0..2 {
            input.fetch().await.unwrap();
            assert_eq!(input.taken().await, [first], "by {cursor}");
            let error = input.now().last_error.unwrap();
            assert!(error.contains("is NULL"), "{error}");
        }
    }
}

#[tokio::test]
async fn grows_with_equal_cursors() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server
        .run("CREATE TABLE seen (at timestamptz, n numeric, ip text)")
        .await;
    let query = "WITH all_of_it AS (SELECT * FROM seen) SELECT * FROM all_of_it ORDER BY ip";
    let (by_time, by_number) = (server.input(query, "at"), server.input(query, "n"));
    let add = |from: u32, to: u32, at: &str| {
        format!(
            "INSERT INTO seen SELECT timestamptz '2026-11-21' + interval '1 microsecond' * {at}, {at}, 'ip' || n
             FROM generate_series({from}, {to} - 1) AS n"
        )
    };
    let mut all = 0;
    for (rows, at) in [
        (5, "n"),
        (1500, "n"),
        (7000, "8000"),
        (10, "8000.0"),
        (3000, "n"),
        (0, "n"),
    ] {
        server.run(&add(all, all + rows, at)).await;
        all += rows;
        for input in [&by_time, &by_number] {
            input.fetch().await.unwrap();
            assert!(sorted(ips(input).await) == sorted(named(0..all)));
        }
    }
    // of the same value, but not written alike
    server.run("INSERT INTO seen VALUES (NULL, 1e6, 'a'), (NULL, 1000000.00, 'b'), (NULL, 1000000.0, 'c')").await;
    for _ in 0..3 {
        by_number.fetch().await.unwrap();
        assert_eq!(ips(&by_number).await.len(), all as usize + 3);
    }
    // killed inside of a fetch
    let input = server.input(query, "at");
    for n in 1..=10 {
        let running = input.start().await;
        tokio::time::sleep(std::time::Duration::from_millis(n * 20)).await;
        running.kill().await;
    }
    input.fetch().await.unwrap();
    assert!(sorted(ips(&input).await) == sorted(named(0..all)));
}

#[tokio::test]
async fn what_is_wrong_is_said_without_the_password() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server
        .run("CREATE TABLE seen (id int, ip text); CREATE SEQUENCE s")
        .await;
    let place = format!("postgres://127.0.0.1:{}/postgres", server.port);
    let fine = server
        .input("SELECT * FROM seen", "id")
        .source()
        .check()
        .await
        .unwrap();
    assert_eq!(fine, format!("{place}, columns id, ip"));
    let wrong = async |settings: Value, parts: &[&str]| {
        let error = Input::new("database", settings.clone())
            .source()
            .check()
            .await
            .unwrap_err();
        let error = format!("{error:#}");
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
        assert!(
            !error.contains(PASSWORD) && !error.contains("wrong1"),
            "{error}"
        );
        let fetched = Input::new("database", settings).fetch().await.unwrap_err();
        assert_eq!(format!("{fetched:#}"), error);
    };
    let query = |query: &str| server.settings(query, "id");
    let mut settings = query("SELECT * FROM seen");
    settings["url"] = server.url("wrong1").into();
    wrong(
        settings,
        &[&place, "settings.url", "password authentication failed"],
    )
    .await;
    wrong(
        query("SELECT * FROM sen"),
        &[&place, "settings.query", "\"sen\" does not exist"],
    )
    .await;
    wrong(
        query("SELECT 1) AS x; DROP TABLE seen; SELECT * FROM (SELECT 1"),
        &["settings.query"],
    )
    .await;
    wrong(
        query("SELECT ip FROM seen"),
        &["settings.cursor", "no column `id`; it has ip"],
    )
    .await;
    wrong(
        query("SELECT id, ip, ip FROM seen"),
        &["settings.query", "two columns are called `ip`"],
    )
    .await;
    wrong(query("SELECT json '1' AS id"), &["settings.query", "json"]).await;
    wrong(
        query("SELECT 1 / 0 AS id"),
        &["settings.query", "division by zero"],
    )
    .await;
    let mut settings = query("SELECT * FROM seen");
    settings["from"] = "x".into();
    wrong(
        settings,
        &[
            "from \"x\" of `id`",
            "invalid input syntax for type integer",
        ],
    )
    .await;

    let input = server.input("SELECT current_setting('statement_timeout') AS id", "id");
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, [r#"{"id":"1min"}"#]);

    // what writes is refused, when it comes to it
    let input = server.input("SELECT nextval('s') AS id", "id");
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(error.contains("read-only transaction"), "{error}");
    let input = Input::new("database", server.settings("SELECT * FROM seen", "id"));
    drop(server);
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(
        error.contains("settings.url") && error.contains("refused"),
        "{error}"
    );
}

/// How many records of an input are in its spool after some fetches, each of which must end.
async fn taken_by(input: &Input, fetches: usize) -> usize {
    for _ in 0..fetches {
        let fetch = tokio::time::timeout(std::time::Duration::from_secs(60), input.fetch());
        fetch.await.unwrap().unwrap();
    }
    input.taken().await.len()
}

#[tokio::test]
async fn cursors_of_every_type_survive_being_stored() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server
        .run(
            "CREATE DOMAIN key26 AS char(26);
             CREATE TABLE t AS SELECT
                ('01JD' || lpad(g::text, 22, '0'))::char(26) AS c, lpad(g::text, 8, '0')::char(8) AS c8,
                g::bit(12) AS bits, g::bit(12)::varbit AS varbits, g::numeric(12, 2) AS n, g::float4 / 3 AS f,
                ('01JD' || lpad(g::text, 22, '0'))::key26 AS k, lpad(g::text, 8, '0')::name AS name, g * interval '1 s' AS span,
                timestamp '2026-01-01' + g * interval '1 s' AS at, lpad(g::text, 8, '0')::varchar(8) AS v
             FROM generate_series(1, 2100) AS g",
        )
        .await;
    for column in [
        "c", "c8", "bits", "varbits", "n", "f", "k", "name", "span", "at", "v",
    ] {
        let input = server.input("SELECT * FROM t", column);
        assert_eq!(taken_by(&input, 2).await, 2100, "{column}");
        assert_eq!(input.now().errors, 0, "{column}");
    }
    // and what comes later is seen, and nothing twice
    let input = server.input("SELECT c, c8 FROM t WHERE c8 <= '00001500'", "c");
    assert_eq!(taken_by(&input, 1).await, 1500);
    let input = input.with_settings(server.settings("SELECT c, c8 FROM t", "c"));
    assert_eq!(taken_by(&input, 2).await, 2100);
}

#[tokio::test]
async fn a_row_beyond_all_others_hides_nothing() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    for (kind, usual, beyond, later) in [
        (
            "timestamptz",
            "now() - interval '1 h'",
            "'2099-01-01'",
            "now() - interval '1 min'",
        ),
        (
            "timestamptz",
            "now() - interval '1 h'",
            "'infinity'",
            "now()",
        ),
        (
            "timestamp",
            "now() - interval '1 h'",
            "'2099-01-01'",
            "now()",
        ),
        ("timestamp", "now() - interval '1 h'", "'infinity'", "now()"),
        ("date", "date '2026-01-01'", "'2099-01-01'", "'2026-01-02'"),
        ("numeric", "5", "'NaN'", "6"),
        ("numeric", "5", "'Infinity'", "6"),
        ("float8", "5", "'NaN'", "6"),
        ("float8", "5", "'Infinity'", "6"),
        ("bigint", "1700000000", "4070908800", "1700000001"),
        ("bigint", "5", "9223372036854775807", "6"),
        (
            "text",
            "'2026-01-01T00:00:00Z'",
            "'2099-01-01T00:00:00Z'",
            "'2026-01-01T00:00:01Z'",
        ),
    ] {
        let what = format!("{kind} {beyond}");
        server
            .run(&format!(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (at {kind}, n serial);
                 INSERT INTO t SELECT {usual} FROM generate_series(1, 3); INSERT INTO t VALUES ({beyond})"
            ))
            .await;
        let input = server.input("SELECT * FROM t", "at");
        assert_eq!(taken_by(&input, 2).await, 4, "{what}");
        let error = input.now().last_error.unwrap();
        assert!(error.contains("beyond all others"), "{what}: {error}");
        for n in 1..=2 {
            server.run(&format!("INSERT INTO t VALUES ({later})")).await;
            assert_eq!(taken_by(&input, 2).await, 4 + n, "{what}");
        }
        assert_eq!(input.now().errors, 1, "{what}: it is said once");
        // many pages later, too
        server
            .run(&format!(
                "INSERT INTO t SELECT {later} FROM generate_series(1, 2500)"
            ))
            .await;
        assert_eq!(taken_by(&input, 2).await, 2506, "{what}");
    }
}

#[tokio::test]
async fn numbers_that_go_on_elsewhere_are_believed_in_the_end() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server
        .run("CREATE TABLE t AS SELECT g AS id FROM generate_series(1::bigint, 10) AS g")
        .await;
    let input = server.input("SELECT * FROM t", "id");
    assert_eq!(taken_by(&input, 1).await, 10);
    server
        .run("INSERT INTO t SELECT 1000000000000 + g FROM generate_series(1, 5000) AS g")
        .await;
    assert_eq!(taken_by(&input, 2).await, 5010);
    let cursor = input.known().await.cursor.unwrap();
    assert_eq!(cursor["at"], "1000000005000");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_left_out() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    // with an index, and without: then the database reads all rows to find the first ones
    for index in ["PRIMARY KEY", ""] {
        server
            .run(&format!(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (id int {index}, v text);
                 INSERT INTO t SELECT g, g FROM generate_series(1, 2500) AS g;
                 UPDATE t SET v = 'x' WHERE id IN (1, 700, 701, 2499)"
            ))
            .await;
        let input = server.input("SELECT id, v::int FROM t", "id");
        assert_eq!(taken_by(&input, 1).await, 2496, "{index}");
        let now = input.now();
        assert_eq!(now.errors, 4, "{index}");
        let error = now.last_error.unwrap();
        assert!(
            error.contains("`id` is \"2499\" cannot be read")
                && error.contains("invalid input syntax for type integer: \"x\""),
            "{error}"
        );
        // the next one is bad, and the last; the ones after it are well
        server.run("INSERT INTO t VALUES (2501, 'y')").await;
        assert_eq!(taken_by(&input, 3).await, 2496, "{index}");
        assert_eq!(input.now().errors, 5, "{index}: it is said once");
        server.run("INSERT INTO t VALUES (2502, '7')").await;
        assert_eq!(taken_by(&input, 2).await, 2497, "{index}");
    }
    // rows are not at fault where all are alike
    server
        .run("CREATE TABLE u AS SELECT g AS id FROM generate_series(1, 5) AS g")
        .await;
    let input = server.input("SELECT id, 1 / (id - id) AS x FROM u", "id");
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(error.contains("division by zero"), "{error}");
    assert_eq!(input.known().await.cursor, None);
}

#[tokio::test]
async fn bytes_that_are_no_text_of_an_old_database() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server
        .run("CREATE DATABASE old ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        .await;
    let options = PgConnectOptions::new_without_pgpass();
    let options = options
        .host("127.0.0.1")
        .port(server.port)
        .username("owner");
    let mut owner = options
        .password(PASSWORD)
        .database("old")
        .connect()
        .await
        .unwrap();
    let rows = "CREATE TABLE x (id int PRIMARY KEY, u text);
                INSERT INTO x SELECT g, g FROM generate_series(1, 1511) AS g;
                UPDATE x SET u = E'M\\xfcller' WHERE id = 1501";
    sqlx::raw_sql(rows).execute(&mut owner).await.unwrap();
    let mut settings = server.settings("SELECT * FROM x", "id");
    settings["url"] = server.url(PASSWORD).replace("/postgres", "/old").into();
    let input = Input::new("database", settings);
    assert_eq!(taken_by(&input, 2).await, 1510);
    let error = input.now().last_error.unwrap();
    assert!(
        error.contains("\"1501\" cannot be read") && error.contains("0xfc"),
        "{error}"
    );
}
