//! `database`, with a SQLite file that others write to, and with a PostgreSQL and a MariaDB of the tests' own.

mod mysql;
mod own;
mod postgres;

use std::path::Path;

use cybexp_input::status::InputState;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::Input;

/// A SQLite file, as its owner sees it.
struct File {
    folder: TempDir,
    owner: Connection,
}

impl File {
    fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owner = Connection::open(folder.path().join("rows.db")).unwrap();
        owner.execute_batch(sql).unwrap();
        Self { folder, owner }
    }

    /// With a table `seen` of a number and a text.
    fn seen() -> Self {
        Self::new("CREATE TABLE seen (id INTEGER, ip TEXT)")
    }

    fn run(&self, sql: &str) {
        self.owner.execute_batch(sql).unwrap();
    }

    /// Adds the rows with these numbers, `at` being the SQL of the id of each.
    fn add(&self, numbers: std::ops::Range<u32>, at: &str) {
        self.run(&format!(
            "WITH RECURSIVE n(n) AS (SELECT {} UNION ALL SELECT n + 1 FROM n WHERE n < {})
             INSERT INTO seen SELECT {at}, 'ip' || n FROM n",
            numbers.start,
            numbers.end - 1
        ));
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("rows.db").display())
    }

    fn settings(&self, query: &str, cursor: &str) -> Value {
        json!({"url": self.url(), "query": query, "cursor": cursor})
    }

    fn input(&self) -> Input {
        Input::new("database", self.settings("SELECT * FROM seen", "id"))
    }
}

/// The `ip` of each record, in their order.
async fn ips(input: &Input) -> Vec<String> {
    let records = input.taken().await;
    let ip = |record: &String| {
        let row: Value = serde_json::from_str(record).unwrap();
        row["ip"].as_str().unwrap().to_owned()
    };
    records.iter().map(ip).collect()
}

fn named(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| format!("ip{n}")).collect()
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all
}

#[tokio::test]
async fn a_table_that_grows() {
    let file = File::seen();
    let input = file.input();
    input.fetch().await.unwrap();
    assert!(input.taken().await.is_empty());
    file.add(0..3, "n");
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(
            input.taken().await,
            [
                r#"{"id":0,"ip":"ip0"}"#,
                r#"{"id":1,"ip":"ip1"}"#,
                r#"{"id":2,"ip":"ip2"}"#
            ]
        );
    }
    file.add(3..5678, "n");
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await, named(0..5678));
    // what is removed is no matter, nor is what is written anew
    file.run("DELETE FROM seen; VACUUM");
    file.add(5678..5680, "n");
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await, named(0..5680));
    assert_eq!(input.now().errors, 0);
}

#[tokio::test]
async fn the_same_source_goes_on() {
    let file = File::seen();
    let input = file.input();
    let mut source = input.source();
    let sink = input.sink(&Default::default()).await;
    for round in 0..3 {
        file.add(round * 10..round * 10 + 10, "n");
        source.fetch(&sink).await.unwrap();
    }
    assert_eq!(ips(&input).await, named(0..30));
}

#[tokio::test]
async fn rows_with_the_same_cursor() {
    let file = File::seen();
    let input = file.input();
    // over the end of a page
    file.add(0..990, "n");
    file.add(990..1010, "1000");
    input.fetch().await.unwrap();
    assert_eq!(sorted(ips(&input).await), sorted(named(0..1010)));
    // later ones, many pages of them, and others behind
    file.add(1010..7000, "1000");
    file.add(7000..7010, "n");
    input.fetch().await.unwrap();
    assert_eq!(sorted(ips(&input).await), sorted(named(0..7010)));
    // rows that are the same in all columns are as many records
    file.run("INSERT INTO seen VALUES (8000, 'twin'), (8000, 'twin')");
    input.fetch().await.unwrap();
    file.run("INSERT INTO seen VALUES (8000, 'twin'), (8000, 'other')");
    for _ in 0..2 {
        input.fetch().await.unwrap();
        let taken = ips(&input).await;
        assert_eq!(
            sorted(taken[7010..].to_vec()),
            ["other", "twin", "twin", "twin"]
        );
    }
    // all of it from the beginning, as one that never came before
    let another = file.input();
    another.fetch().await.unwrap();
    assert_eq!(sorted(ips(&another).await), sorted(ips(&input).await));
}

#[tokio::test]
async fn values_that_are_the_same_but_not_alike() {
    let file = File::new("CREATE TABLE seen (id TEXT COLLATE NOCASE, ip TEXT)");
    file.run("INSERT INTO seen VALUES ('a', '1'), ('A', '2'), ('a', '3')");
    let input = file.input();
    for _ in 0..3 {
        input.fetch().await.unwrap();
        assert_eq!(sorted(ips(&input).await), ["1", "2", "3"]);
    }
    file.run("INSERT INTO seen VALUES ('A', '4'), ('B', '5'), ('b', '6')");
    for _ in 0..3 {
        input.fetch().await.unwrap();
        assert_eq!(sorted(ips(&input).await), ["1", "2", "3", "4", "5", "6"]);
    }
    // numbers of both kinds; what a REAL is must come back from the spool as it was
    let file = File::new("CREATE TABLE seen (id, ip TEXT)");
    file.run("INSERT INTO seen VALUES (1, '1'), (1.0, '2'), (0.1 + 0.2, '3'), (1e300, '4')");
    let input = file.input();
    for _ in 0..3 {
        input.fetch().await.unwrap();
        assert_eq!(sorted(ips(&input).await), ["1", "2", "3", "4"]);
    }
}

#[tokio::test]
async fn rows_without_a_cursor_are_said_once() {
    let file = File::seen();
    file.run("INSERT INTO seen VALUES (NULL, 'never'), (1, 'one')");
    let input = file.input();
    let mut source = input.source();
    let sink = input.sink(&Default::default()).await;
    for _ in 0..3 {
        source.fetch(&sink).await.unwrap();
        assert_eq!(ips(&input).await, ["one"]);
        let now = input.now();
        assert_eq!((now.errors, now.state), (1, InputState::Running));
        let error = now.last_error.unwrap();
        assert!(error.contains("`id` (settings.cursor) is NULL"), "{error}");
    }
}

#[tokio::test]
async fn the_types_of_sqlite() {
    let file = File::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, \"a \"\"b\" TEXT, x REAL, d DATETIME, b BLOB, n DECIMAL(10,2));
         INSERT INTO t VALUES
            (-9223372036854775808, NULL, 1.0, '2026-11-21T10:00:00', x'ff00', 12.50),
            (9223372036854775807, 'ü\n\"', 1e999, 5, 'text', '12345678901234567890.5 EUR');",
    );
    let settings = file.settings("SELECT *, id AS \"again\" FROM t -- all of it", "id");
    let input = Input::new("database", settings);
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(
            input.taken().await,
            [
                r#"{"id":-9223372036854775808,"a \"b":null,"x":1.0,"d":"2026-11-21T10:00:00","b":"\\xff00","n":12.5,"again":-9223372036854775808}"#,
                r#"{"id":9223372036854775807,"a \"b":"ü\n\"","x":"Infinity","d":5,"b":"text","n":"12345678901234567890.5 EUR","again":9223372036854775807}"#,
            ]
        );
    }
    // the last number is far from the one before it
    assert_eq!(input.known().await.cursor.unwrap()["at"], i64::MIN);
    // bytes and infinity are no places: the rows are taken, and the cursor stays before them
    for cursor in ["b", "x"] {
        let input = Input::new("database", file.settings("SELECT * FROM t", cursor));
        for _ in 0..2 {
            input.fetch().await.unwrap();
            assert_eq!(input.taken().await.len(), 2, "{cursor}");
        }
        let now = input.now();
        assert_eq!(now.errors, 1, "{cursor}");
        let error = now.last_error.unwrap();
        assert!(error.contains("beyond all others"), "{error}");
    }
    let settings = file.settings("SELECT x'ff' AS b", "b");
    let error = Input::new("database", settings).fetch().await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("settings.cursor: the column holds"),
        "{error}"
    );
}

#[tokio::test]
async fn a_row_beyond_all_others_hides_nothing() {
    for (usual, beyond, later) in [
        ("1700000000", "99999999999", "1700000001"),
        ("1700000000", "'1700000002'", "1700000001"),
        ("1700000000.5", "9e999", "1700000001.5"),
        ("1700000000", "x'ff'", "1700000001"),
        ("5", "9223372036854775807", "6"),
        (
            "'2026-01-01 00:00:00'",
            "'2099-01-01 00:00:00'",
            "'2026-01-01 00:00:01'",
        ),
    ] {
        let file = File::new("CREATE TABLE seen (id, ip TEXT)");
        file.run(&format!(
            "INSERT INTO seen VALUES ({usual}, 'a'), ({beyond}, 'b')"
        ));
        let input = file.input();
        for _ in 0..2 {
            input.fetch().await.unwrap();
            assert_eq!(ips(&input).await, ["a", "b"], "{beyond}");
        }
        file.run(&format!("INSERT INTO seen VALUES ({later}, 'c')"));
        for _ in 0..2 {
            input.fetch().await.unwrap();
            assert_eq!(ips(&input).await, ["a", "b", "c"], "{beyond}");
        }
        assert_eq!(input.now().errors, 1, "{beyond}");
    }
    // before all others it hides nothing either
    let file = File::new("CREATE TABLE seen (id, ip TEXT)");
    file.run("INSERT INTO seen VALUES (-9e999, 'a'), (1, 'b')");
    let input = file.input();
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(ips(&input).await, ["a", "b"]);
    }
    assert_eq!(input.now().errors, 0);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_left_out() {
    let file = File::new("CREATE TABLE docs (id INTEGER, doc TEXT)");
    file.run(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
         INSERT INTO docs SELECT n, '{\"ip\": \"ip' || n || '\"}' FROM n;
         UPDATE docs SET doc = '{' WHERE id IN (3, 1700)",
    );
    let query = "SELECT id, json_extract(doc, '$.ip') AS ip FROM docs";
    let input = Input::new("database", file.settings(query, "id"));
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), 2498);
    }
    let now = input.now();
    assert_eq!(now.errors, 2);
    let error = now.last_error.unwrap();
    assert!(
        error.contains("`id` is 1700 cannot be read") && error.contains("malformed JSON"),
        "{error}"
    );
    // beside others with the same cursor it is not known which one it is; nor where there is no place
    file.run(
        "INSERT INTO docs VALUES (2600, '{\"ip\": \"a\"}'), (2601, '{'), (2601, '{\"ip\": \"b\"}'),
            (2602, '{\"ip\": \"c\"}'), (9e999, '{'), (9e999, '{\"ip\": \"d\"}')",
    );
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(ips(&input).await[2498..], ["a", "c"]);
    }
    file.run("INSERT INTO docs VALUES (2603, '{\"ip\": \"f\"}')");
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await[2498..], ["a", "c", "f"]);
}

#[tokio::test]
async fn from_a_value_on_and_by_another_column() {
    let file = File::seen();
    file.add(0..20, "n");
    let mut settings = file.settings("SELECT id, ip, -id AS minus FROM seen;", "id");
    settings["from"] = 15.into();
    let input = Input::new("database", settings);
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await, named(15..20));
    // the cursor of the other column means nothing here, but what its last page was is known
    let by_minus = file.settings("SELECT id, ip, -id AS minus FROM seen", "minus");
    let input = input.with_settings(by_minus);
    input.fetch().await.unwrap();
    assert_eq!(sorted(ips(&input).await), sorted(named(0..20)));
    // texts are another matter than numbers: the column's type says which
    let mut settings = file.settings("SELECT * FROM seen", "ip");
    settings["from"] = "ip7".into();
    let input = Input::new("database", settings);
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await, ["ip7", "ip8", "ip9"]);
}

#[tokio::test]
async fn check_says_what_is_wrong() {
    let file = File::seen();
    file.add(0..2, "n");
    let check = async |settings: Value| {
        let input = Input::new("database", settings);
        let checked = input.source().check().await;
        assert!(input.taken().await.is_empty());
        checked.map_err(|error| format!("{error:#}"))
    };
    let fine = check(file.settings("SELECT * FROM seen", "id"))
        .await
        .unwrap();
    assert_eq!(fine, format!("{}, columns id, ip", file.url()));

    let wrong = async |query: &str, cursor: &str, parts: &[&str]| {
        let settings = file.settings(query, cursor);
        let error = check(settings.clone()).await.unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
        let fetched = Input::new("database", settings).fetch().await.unwrap_err();
        assert_eq!(format!("{fetched:#}"), error);
    };
    wrong(
        "SELECT * FROM seen",
        "ID",
        &["settings.cursor", "no column `ID`; it has id, ip"],
    )
    .await;
    wrong(
        "SELECT * FROM sen",
        "id",
        &["settings.query", "no such table: sen"],
    )
    .await;
    wrong("SELEC 1", "id", &["settings.query", "syntax error"]).await;
    wrong(
        "DELETE FROM seen RETURNING id",
        "id",
        &["settings.query", "syntax error"],
    )
    .await;

    let gone = json!({"url": "sqlite:/nowhere/rows.db", "query": "SELECT 1 AS id", "cursor": "id"});
    let error = check(gone).await.unwrap_err();
    assert!(
        error.contains("sqlite:/nowhere/rows.db (settings.url)"),
        "{error}"
    );
    std::fs::write(
        file.folder.path().join("text"),
        "this is no database, it is a text\n".repeat(99),
    )
    .unwrap();
    let url = format!("sqlite:{}", file.folder.path().join("text").display());
    let error = check(json!({"url": url, "query": "SELECT * FROM t", "cursor": "id"}))
        .await
        .unwrap_err();
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn settings_that_are_wrong() {
    let refused = |url: &str, change: &str, value: Value| {
        let mut settings = json!({"url": url, "query": "SELECT 1 AS id", "cursor": "id"});
        if !change.is_empty() {
            settings[change] = value;
        }
        let error = Input::refused("database", settings, 0);
        assert!(!error.contains("hunter2"), "{error}");
        error
    };
    for url in [
        "oracle://u:hunter2@h/db",
        "u:hunter2@h/db",
        "postgres://u:12?hunter2@h/db",
        "postgres://u:12#hunter2@h/db",
        "postgres://u:x/hunter2@h/db",
        "mysql://u:12?hunter2@h/db",
        "postgres://u:hunter2@h/db?sslmode=perhaps",
        "sqlite::memory:",
        "sqlite:",
    ] {
        let error = refused(url, "", Value::Null);
        assert!(error.contains("settings.url"), "{error}");
    }
    let url = "sqlite:rows.db";
    assert!(refused(url, "query", json!(" ; ")).contains("settings.query"));
    assert!(refused(url, "cursor", json!("")).contains("settings.cursor"));
    assert!(refused(url, "from", json!([1])).contains("settings.from"));
    assert!(refused(url, "form", json!(1)).contains("settings.form"));
}

#[tokio::test]
async fn a_relative_path_is_beside_the_configuration() {
    let file = File::seen();
    file.add(0..2, "n");
    // the configuration of these tests is where they run
    let here = std::env::current_dir().unwrap();
    let up: String = here.components().skip(1).map(|_| "../").collect();
    let path = Path::new(&up).join(file.folder.path().strip_prefix("/").unwrap());
    let url = format!("sqlite:{}/rows.db", path.display());
    let settings = json!({"url": url, "query": "SELECT * FROM seen", "cursor": "id"});
    let input = Input::new("database", settings);
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await, named(0..2));
}

#[tokio::test]
async fn a_file_that_is_locked() {
    let file = File::seen();
    file.add(0..2, "n");
    let input = file.input();
    input.fetch().await.unwrap();
    file.run("BEGIN EXCLUSIVE; INSERT INTO seen VALUES (2, 'ip2')");
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(
        error.contains("locked") && error.contains(&file.url()),
        "{error}"
    );
    file.run("COMMIT");
    input.fetch().await.unwrap();
    assert_eq!(ips(&input).await, named(0..3));
}

#[tokio::test]
async fn a_full_spool_does_not_hold_the_file() {
    let file = File::seen();
    file.add(0..20_000, "n");
    let input = Input::with(
        "database",
        file.settings("SELECT * FROM seen", "id"),
        500_000,
    );
    let running = input.start().await;
    cybexp_testkit::eventually("it waits for room", async || {
        input.now().state == InputState::Blocked
    })
    .await;
    file.add(20_000..20_001, "n");
    running.kill().await;
    let taken = ips(&input).await;
    assert!(taken.len() < 20_000);
    assert_eq!(taken, named(0..u32::try_from(taken.len()).unwrap()));
}

#[tokio::test]
async fn killed_again_and_again() {
    let file = File::new("PRAGMA journal_mode = WAL; CREATE TABLE seen (id INTEGER, ip TEXT)");
    file.add(0..30_000, "n / 700");
    let input = file.input();
    for n in 1..=20 {
        let running = input.start().await;
        tokio::time::sleep(std::time::Duration::from_millis(n * 5)).await;
        running.kill().await;
    }
    input.fetch().await.unwrap();
    assert_eq!(sorted(ips(&input).await), sorted(named(0..30_000)));
}

#[tokio::test]
async fn a_row_that_is_too_long_is_left_out() {
    let file = File::seen();
    file.run("INSERT INTO seen VALUES (1, '1'), (2, printf('%.*c', 16000000, 'x')), (3, '3')");
    let input = file.input();
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(ips(&input).await, ["1", "3"]);
        assert_eq!(input.now().errors, 1);
    }
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn a_query_that_never_ends() {
    let file = File::seen();
    let query = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT * FROM n";
    let input = Input::new("database", file.settings(query, "id"));
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(error.contains("interrupted"), "{error}");
}
