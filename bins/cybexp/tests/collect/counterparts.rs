//! Sources other than HTTP servers.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use super::feeds;

/// A source that goes on offering.
#[async_trait]
pub(crate) trait Offer: Send + Sync {
    fn plugin(&self) -> &'static str;
    fn settings(&self) -> Value;
    /// Offers all records, a little at a time, and returns them.
    async fn run(&self) -> Vec<String>;
}

/// Makes one source for each plugin but syslog, whose sender cannot know what a killed daemon has not read.
pub(crate) async fn all(folder: &Path, records: usize) -> Vec<Box<dyn Offer>> {
    let mut all: Vec<Box<dyn Offer>> = vec![
        Box::new(GrowingLog::new(folder, records)),
        Box::new(Exports::new(folder, records)),
        Box::new(Table::new(folder, records).await),
        Box::new(Socket::new(records).await),
    ];
    all.extend(feeds::all(records).await);
    let offered = |plugin: &str| all.iter().any(|offer| offer.plugin() == plugin);
    for plugin in cybexp_input::plugin::PLUGINS {
        let name = plugin.name();
        assert!(name == "syslog" || offered(name), "{name} is left out");
    }
    all
}

/// Returns the marks of all records of a plugin.
pub(crate) fn marks(plugin: &str, records: usize) -> Vec<String> {
    let plugin = plugin.replace('_', "");
    (0..records)
        .map(|n| format!("offer-{plugin}-{n}"))
        .collect()
}

/// Waits between two parts, so that offering everything takes as long as the kills.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// The number of parts in which a source offers its records.
const PARTS: usize = 40;

pub(crate) fn parts(marks: &[String]) -> impl Iterator<Item = &[String]> {
    marks.chunks(marks.len().div_ceil(PARTS))
}

/// A log that grows, half a line at a time, and is rotated.
struct GrowingLog {
    path: PathBuf,
    marks: Vec<String>,
}

impl GrowingLog {
    fn new(folder: &Path, records: usize) -> Self {
        Self {
            path: folder.join("cowrie.json"),
            marks: marks("file", records),
        }
    }
}

#[async_trait]
impl Offer for GrowingLog {
    fn plugin(&self) -> &'static str {
        "file"
    }

    fn settings(&self) -> Value {
        json!({"path": self.path})
    }

    async fn run(&self) -> Vec<String> {
        let open = || {
            let mut options = OpenOptions::new();
            options.append(true).create(true).open(&self.path).unwrap()
        };
        let mut file = open();
        for (number, part) in parts(&self.marks).enumerate() {
            let text: String = part
                .iter()
                .map(|mark| json!({"eventid": "x", "mark": mark}).to_string() + "\n")
                .collect();
            let (first, second) = text.split_at(text.len() / 2);
            file.write_all(first.as_bytes()).unwrap();
            pause().await;
            file.write_all(second.as_bytes()).unwrap();
            if number % 10 == 9 {
                let old = format!("{}.{}", self.path.display(), number / 10);
                std::fs::rename(&self.path, old).unwrap();
                file = open();
            }
        }
        self.marks.clone()
    }
}

/// A folder into which exports of MISP are put.
struct Exports {
    folder: PathBuf,
    marks: Vec<String>,
}

impl Exports {
    fn new(folder: &Path, records: usize) -> Self {
        let folder = folder.join("misp");
        std::fs::create_dir(&folder).unwrap();
        Self {
            folder,
            marks: marks("misp_file", records),
        }
    }
}

#[async_trait]
impl Offer for Exports {
    fn plugin(&self) -> &'static str {
        "misp_file"
    }

    fn settings(&self) -> Value {
        json!({"path": self.folder})
    }

    async fn run(&self) -> Vec<String> {
        for (number, part) in parts(&self.marks).enumerate() {
            let events: Vec<Value> = part
                .iter()
                .map(
                    |mark| json!({"Event": {"uuid": mark, "info": "x", "timestamp": "1700000000"}}),
                )
                .collect();
            let hidden = self.folder.join(format!(".{number}"));
            let mut file = File::create(&hidden).unwrap();
            write!(file, "{}", json!({"response": events})).unwrap();
            std::fs::rename(hidden, self.folder.join(format!("{number}.json"))).unwrap();
            pause().await;
        }
        self.marks.clone()
    }
}

/// A table that rows are added to.
struct Table {
    path: PathBuf,
    pool: SqlitePool,
    marks: Vec<String>,
}

impl Table {
    async fn new(folder: &Path, records: usize) -> Self {
        let path = folder.join("rows.db");
        let options = SqliteConnectOptions::new();
        let options = options.filename(&path).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::query("CREATE TABLE seen (id INTEGER PRIMARY KEY, mark TEXT)")
            .execute(&pool)
            .await
            .unwrap();
        Self {
            path,
            pool,
            marks: marks("database", records),
        }
    }
}

#[async_trait]
impl Offer for Table {
    fn plugin(&self) -> &'static str {
        "database"
    }

    fn settings(&self) -> Value {
        json!({
            "url": format!("sqlite:{}", self.path.display()),
            "query": "SELECT id, mark FROM seen",
            "cursor": "id",
        })
    }

    async fn run(&self) -> Vec<String> {
        for part in parts(&self.marks) {
            let mut transaction = self.pool.begin().await.unwrap();
            for mark in part {
                sqlx::query("INSERT INTO seen (mark) VALUES (?)")
                    .bind(mark)
                    .execute(&mut *transaction)
                    .await
                    .unwrap();
            }
            transaction.commit().await.unwrap();
            pause().await;
        }
        self.marks.clone()
    }
}

/// A websocket server that pings after its records, and sends records again for which no pong came.
struct Socket {
    listener: TcpListener,
    marks: Vec<String>,
    safe: Mutex<BTreeSet<usize>>,
}

impl Socket {
    async fn new(records: usize) -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            marks: marks("websocket", records),
            safe: Mutex::default(),
        }
    }

    /// Offers to one client for as long as it stays, or until all of it is safe.
    async fn attend(&self) {
        let (stream, _) = self.listener.accept().await.unwrap();
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
            return;
        };
        loop {
            let unsafe_yet: Vec<usize> = {
                let safe = self.safe.lock().unwrap();
                (0..self.marks.len())
                    .filter(|n| !safe.contains(n))
                    .take(self.marks.len().div_ceil(PARTS))
                    .collect()
            };
            if unsafe_yet.is_empty() {
                return;
            }
            for &n in &unsafe_yet {
                let text = json!({"mark": self.marks[n]}).to_string();
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            if socket.send(Message::Ping("safe?".into())).await.is_err() {
                return;
            }
            loop {
                match socket.next().await {
                    Some(Ok(Message::Pong(_))) => break,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                }
            }
            self.safe.lock().unwrap().extend(unsafe_yet);
            pause().await;
        }
    }
}

#[async_trait]
impl Offer for Socket {
    fn plugin(&self) -> &'static str {
        "websocket"
    }

    fn settings(&self) -> Value {
        json!({"url": format!("ws://{}/", self.listener.local_addr().unwrap())})
    }

    async fn run(&self) -> Vec<String> {
        while self.safe.lock().unwrap().len() < self.marks.len() {
            self.attend().await;
        }
        self.marks.clone()
    }
}
