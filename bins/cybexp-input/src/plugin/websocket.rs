//! `websocket`: the messages of a websocket server.
//!
//! A websocket knows no acknowledgement, but it has one: a ping of the server is answered only when all that came before it
//! is on disk. A server that pings after what it sent, and sends again what came after the last pong, loses nothing.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, bail};
use async_trait::async_trait;
use bytes::Bytes;
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use futures::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use super::{Given, Later, Next, Plugin, Setting, Source};
use crate::record::Batch;
use crate::sink::Sink;

/// The plugin.
pub(super) struct Websocket;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    #[serde(default = "half_a_minute")]
    quiet_s: u64,
}

fn half_a_minute() -> u64 {
    30
}

/// The name, the connection, TLS and the handshake together.
const CONNECT: Duration = Duration::from_secs(20);
/// What is sent is little: whoever does not take it for so long is not there.
const SEND: Duration = Duration::from_secs(10);
/// How long the other side has to answer a close.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a message may wait for others, so that they share a wait for the disk.
const GATHER: Duration = Duration::from_millis(20);
/// Whatever a server says, it is asked once a day.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// What a raw can hold.
const MAX_MESSAGE: usize = 15 << 20;
/// The handshake's own.
const RESERVED: [HeaderName; 6] = [
    HOST,
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_EXTENSIONS,
];

impl Plugin for Websocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn about(&self) -> &'static str {
        "The JSON or text messages of a websocket server, such as Logstash."
    }

    fn typetag(&self) -> &'static str {
        "cowrie"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "url",
                required: true,
                about: "ws:// or wss://; a secret, since it may hold a key",
            },
            Setting {
                name: "headers",
                required: false,
                about: "headers of the handshake by name, such as authorization; each a secret",
            },
            Setting {
                name: "quiet_s",
                required: false,
                about: "after so many seconds without a word the server is pinged, after as many more given up [30]",
            },
        ]
    }

    fn example(&self) -> Value {
        json!({"url": "wss://logs.example.org/events", "headers": {"authorization": {"env": "LOGS_TOKEN"}}})
    }

    fn period(&self) -> Option<Duration> {
        None
    }

    fn open(&self, given: &Given<'_>) -> Result<Box<dyn Source>, ConfigError> {
        let settings: Settings = given.settings()?;
        let url = given.secret("url", &settings.url)?;
        let place = place(url.expose_secret()).map_err(|reason| given.wrong("url", reason))?;
        let mut headers = HeaderMap::new();
        let agent = concat!("cybexp-input/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, secret) in &settings.headers {
            let key = format!("headers.{name}");
            let value = given.secret(&key, secret)?;
            let (name, value) = header(name, &value).map_err(|reason| given.wrong(&key, reason))?;
            headers.insert(name, value);
        }
        if settings.quiet_s == 0 {
            return Err(given.wrong("quiet_s", "must be at least 1"));
        }
        Ok(Box::new(Listener {
            url,
            place,
            headers,
            quiet: Duration::from_secs(settings.quiet_s),
        }))
    }
}

/// What people may see of the URL: it may hold a key in its query.
fn place(url: &str) -> Result<String, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err("must begin with ws:// or wss://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password: give them as the header authorization".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    Ok(format!(
        "{}://{host}{}{}",
        url.scheme(),
        port.unwrap_or_default(),
        url.path()
    ))
}

fn header(name: &str, value: &SecretString) -> Result<(HeaderName, HeaderValue), String> {
    let name: HeaderName = name.parse().map_err(|_| "is no name of a header")?;
    if RESERVED.contains(&name) {
        return Err("is set by the handshake itself".to_owned());
    }
    let mut value =
        HeaderValue::from_str(value.expose_secret()).map_err(|_| "its value cannot be sent")?;
    value.set_sensitive(true);
    Ok((name, value))
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Listener {
    url: SecretString,
    place: String,
    headers: HeaderMap,
    quiet: Duration,
}

#[async_trait]
impl Source for Listener {
    async fn check(&mut self) -> anyhow::Result<String> {
        let (socket, status) = self.connect().await?;
        farewell(socket, None).await;
        Ok(format!("{} answers {status}", self.place))
    }

    async fn fetch(&mut self, sink: &Sink) -> anyhow::Result<Next> {
        let (mut socket, _) = tokio::select! {
            connected = self.connect() => connected?,
            () = sink.stopping() => return Ok(Next::Period),
        };
        sink.reached();
        let listened = self.listen(&mut socket, sink).await;
        let code = match &listened {
            Err(error) if error.is::<TooLong>() => {
                sink.complain(&format!("{}: {error} is left out", self.place));
                // a server that keeps what was not answered must know not to send it again
                Some(CloseCode::Size)
            }
            _ => None,
        };
        farewell(socket, code).await;
        listened.context(self.place.clone())?;
        Ok(Next::Period)
    }
}

impl Listener {
    async fn connect(&self) -> anyhow::Result<(Socket, String)> {
        let mut request = self.url.expose_secret().into_client_request()?;
        request.headers_mut().extend(self.headers.clone());
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connect = connect_async_with_config(request, Some(config), true);
        match timeout(CONNECT, connect).await {
            Ok(Ok((socket, response))) => Ok((socket, response.status().to_string())),
            Ok(Err(tungstenite::Error::Http(response))) => {
                let reason = format!("{} answers {}", self.place, response.status());
                match retry_after(response.headers()) {
                    Some(wait) => Err(Later { reason, wait }.into()),
                    None => Err(anyhow!(reason)),
                }
            }
            Ok(Err(error)) => Err(failure(error).context(self.place.clone())),
            Err(_) => bail!("{}: no connection within {CONNECT:?}", self.place),
        }
    }

    /// Takes messages until the end is asked for, or an error.
    async fn listen(&self, socket: &mut Socket, sink: &Sink) -> anyhow::Result<()> {
        let mut batch = Batch::new();
        let ended = self.gather(socket, sink, &mut batch).await;
        // what came before an end is whole
        let taken = take(&mut batch, sink).await;
        ended.and(taken)
    }

    async fn gather(
        &self,
        socket: &mut Socket,
        sink: &Sink,
        batch: &mut Batch,
    ) -> anyhow::Result<()> {
        let mut due = Instant::now() + self.quiet;
        let mut asked = false;
        loop {
            let next = tokio::select! {
                () = sink.stopping() => return Ok(()),
                next = timeout_at(due, socket.next()) => next,
            };
            match next {
                Ok(Some(message)) => match message.map_err(failure)? {
                    Message::Text(text) => add(batch, text.into(), &mut due),
                    Message::Binary(bytes) => add(batch, bytes, &mut due),
                    // it is answered when the socket is read again
                    Message::Ping(_) => {
                        take(batch, sink).await?;
                        sink.reached();
                    }
                    Message::Close(frame) => bail!("the server closed: {}", reason(frame)),
                    Message::Pong(_) | Message::Frame(_) => sink.reached(),
                },
                Ok(None) => bail!("the server ended the connection"),
                Err(_) if !batch.is_empty() => take(batch, sink).await?,
                Err(_) if asked => bail!("nothing came for {:?}, not even a pong", self.quiet * 2),
                Err(_) => {
                    asked = true;
                    send(socket, Message::Ping(Bytes::new())).await?;
                    due = Instant::now() + self.quiet;
                    continue;
                }
            }
            if batch.is_full() {
                take(batch, sink).await?;
            }
            // the time in which a full spool was waited for is not the server's
            if batch.is_empty() {
                due = Instant::now() + self.quiet;
            }
            asked = false;
        }
    }
}

/// A message that says nothing is no record.
fn add(batch: &mut Batch, message: Bytes, due: &mut Instant) {
    if message.trim_ascii().is_empty() {
        return;
    }
    if batch.is_empty() {
        *due = Instant::now() + GATHER;
    }
    batch.push(message);
}

async fn take(batch: &mut Batch, sink: &Sink) -> anyhow::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    sink.take(std::mem::take(batch)).await?;
    sink.reached();
    Ok(())
}

async fn send(socket: &mut Socket, message: Message) -> anyhow::Result<()> {
    let sent = timeout(SEND, socket.send(message)).await;
    sent.map_err(|_| anyhow!("the server takes nothing for {SEND:?}"))?
        .map_err(failure)
}

/// Closes, or answers a close, and waits a little for the other side: to end while there is something to read would undo it.
async fn farewell(mut socket: Socket, code: Option<CloseCode>) {
    let frame = code.map(|code| CloseFrame {
        code,
        reason: "too long".into(),
    });
    let close = async {
        // what is closed already takes no more, and what is broken says so at once
        let _ = socket.send(Message::Close(frame)).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = timeout(FAREWELL, close).await;
}

/// A message that no raw can hold; the protocol cannot go on after it.
#[derive(Debug, thiserror::Error)]
#[error("a message of more than {} MiB", MAX_MESSAGE >> 20)]
struct TooLong;

/// An error that says once what it says.
fn failure(error: tungstenite::Error) -> anyhow::Error {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => TooLong.into(),
        error => anyhow!("{error}"),
    }
}

fn reason(frame: Option<CloseFrame>) -> String {
    match frame {
        Some(frame) if frame.reason.is_empty() => format!("code {}", frame.code),
        Some(frame) => format!("code {}, {}", frame.code, frame.reason),
        None => "without a reason".to_owned(),
    }
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value)
            .ok()?
            .duration_since(SystemTime::now())
            .unwrap_or_default(),
    };
    Some(wait.min(MAX_WAIT))
}
