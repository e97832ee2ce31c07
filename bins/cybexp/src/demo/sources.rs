//! Sources for the demo's inputs: a log that is being written, a websocket as a Logstash has, a feed. All are real, on
//! loopback and in the demo's own folder.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use super::sample;

/// The name of the log file beside the configuration.
const LOG: &str = "cowrie.json";
/// The size of a piece of the log that is written at once: rarely whole lines, as with a busy honeypot.
const PIECE_BYTES: usize = 4096;
/// The time between two pieces.
const PAUSE: Duration = Duration::from_millis(10);

/// The sources, bound to their ports, before they offer anything.
pub(super) struct DemoSources {
    logstash: TcpListener,
    feed: TcpListener,
}

impl DemoSources {
    pub(super) async fn bind() -> anyhow::Result<Self> {
        Ok(Self {
            logstash: TcpListener::bind("127.0.0.1:0").await?,
            feed: TcpListener::bind("127.0.0.1:0").await?,
        })
    }

    /// Returns the section `input` of the configuration.
    pub(super) fn config(&self, orgname: &str) -> anyhow::Result<Value> {
        let logstash = format!("ws://{}/", self.logstash.local_addr()?);
        let feed = format!("http://{}/feed.txt", self.feed.local_addr()?);
        let input = |name: &str, plugin: &str, typetag: &str, settings: Value| json!({"name": name, "plugin": plugin, "typetag": typetag, "orgid": orgname, "settings": settings});
        Ok(json!({"inputs": [
            input("honeypots", "file", "cowrie", json!({"path": LOG})),
            input("london", "websocket", "cowrie", json!({"url": logstash})),
            input("phishing", "openphish", "openphish_feed", json!({"url": feed})),
        ]}))
    }

    /// Offers the sample data, and goes on serving until the set is dropped.
    pub(super) fn offer(self, folder: &Path) -> JoinSet<anyhow::Result<()>> {
        let mut sources = JoinSet::new();
        let log = folder.join(LOG);
        sources.spawn(async move {
            write_log(&log)
                .await
                .with_context(|| log.display().to_string())
        });
        sources.spawn(send(self.logstash));
        let app = Router::new().route("/feed.txt", get(async || sample::FEED));
        sources.spawn(async move { Ok(axum::serve(self.feed, app).await?) });
        sources
    }
}

async fn write_log(path: &Path) -> std::io::Result<()> {
    let text = sample::logged().join("\n") + "\n";
    let mut options = OpenOptions::new();
    let mut log = options.append(true).create(true).open(path).await?;
    for piece in text.as_bytes().chunks(PIECE_BYTES) {
        log.write_all(piece).await?;
        log.flush().await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn send(listener: TcpListener) -> anyhow::Result<()> {
    let mut left = sample::sent().into_iter().peekable();
    loop {
        let (stream, _) = listener.accept().await?;
        // a client that hangs up connects again, and gets the rest
        let _ = attend(stream, &mut left).await;
    }
}

async fn attend(
    stream: TcpStream,
    left: &mut std::iter::Peekable<impl Iterator<Item = &'static str>>,
) -> anyhow::Result<()> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(record) = left.peek() {
        socket.send(Message::text(*record)).await?;
        left.next();
    }
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}
