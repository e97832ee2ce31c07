//! A websocket, as one input listens to it.

use std::pin::pin;
use std::time::Duration;

use anyhow::{anyhow, bail};
use async_trait::async_trait;
use bytes::Bytes;
use cybexp_feed::wire::Wire;
use cybexp_feed::{Later, ListPlan, Secrets};
use cybexp_spool::RecordBatch;
use futures::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::http::header::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use super::connect::{self, WebsocketConnection};
use super::message;
use crate::plugin::source::{InputSource, Next};
use crate::sink::RecordSink;

/// The longest time to connect: name, connection, TLS and handshake together.
const CONNECT: Duration = Duration::from_secs(20);
/// The longest time that sending may take; messages to a server are small, so one that does not take them is gone.
const SEND: Duration = Duration::from_secs(10);
/// How long the other side has to answer a close.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a message may wait for others, so that they share a wait for the disk.
const GATHER: Duration = Duration::from_millis(20);
/// The longest message, in bytes: a raw cannot hold more.
const MAX_MESSAGE: usize = 15 << 20;
/// The most bytes that wait to be sent: a server that pings and takes no pong must not fill the memory.
const WAITING: usize = 1 << 20;
/// Control frames are read at this rate and no faster: they bring nothing, and a server may send them all the time.
const CONTROLS: u32 = 100;
const CONTROLS_TIME: Duration = Duration::from_millis(10);
/// A connection that stood for so long was well, whatever its end was.
const STOOD: Duration = Duration::from_secs(10);
/// A connection that ended earlier than this without a word was not well.
const STUMBLED: Duration = Duration::from_secs(1);

/// A source as the settings say.
pub(super) struct WebsocketSource {
    pub(super) wire: Wire,
    pub(super) url: Url,
    /// The URL, as far as people may see it.
    pub(super) place: String,
    pub(super) headers: HeaderMap,
    pub(super) subscribe: Vec<SecretString>,
    pub(super) items: Option<ListPlan>,
    pub(super) quiet: Duration,
    pub(super) secrets: Secrets,
}

#[async_trait]
impl InputSource for WebsocketSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let connected = self.connect().await;
        let socket = connected.map_err(|error| self.secrets.hide_in(error))?;
        farewell(socket, None).await;
        Ok(format!("{} answers 101 Switching Protocols", self.place))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let connected = tokio::select! {
            connected = self.connect() => connected,
            () = sink.stopping() => return Ok(Next::Period),
        };
        let mut socket = connected.map_err(|error| self.secrets.hide_in(error))?;
        let since = Instant::now();
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
        let Err(error) = listened else {
            return Ok(Next::Period);
        };
        let goodbye = error
            .downcast_ref::<ServerClosed>()
            .map(ServerClosed::is_goodbye);
        let stood = since.elapsed();
        if stood >= STOOD && goodbye == Some(true) {
            // as servers and the balancers before them do from time to time
            return Ok(Next::Period);
        }
        let stumbled = stood < STUMBLED || code.is_some() || goodbye == Some(false);
        if stood >= STOOD || goodbye == Some(true) || !stumbled {
            sink.stood();
        }
        let error = error.context(self.place.clone());
        Err(self.secrets.hide_in(error))
    }
}

impl WebsocketSource {
    async fn connect(&self) -> anyhow::Result<WebsocketConnection> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE))
            .max_write_buffer_size(WAITING);
        let connect = connect::connect(&self.url, &self.headers, &self.wire, config, &self.secrets);
        match timeout(CONNECT, connect).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err(error)) => match error.downcast::<Later>() {
                Ok(Later { reason, wait }) => {
                    let reason = format!("{} {reason}", self.place);
                    Err(Later { reason, wait }.into())
                }
                Err(error) if error.to_string().starts_with("answers ") => {
                    Err(anyhow!("{} {error:#}", self.place))
                }
                Err(error) => Err(error.context(self.place.clone())),
            },
            Err(_) => bail!("{}: no connection within {CONNECT:?}", self.place),
        }
    }

    /// Takes messages until the end is asked for, or an error.
    async fn listen(
        &self,
        socket: &mut WebsocketConnection,
        sink: &RecordSink,
    ) -> anyhow::Result<()> {
        for message in &self.subscribe {
            send(socket, Message::text(message.expose_secret())).await?;
        }
        let mut held = PendingRecords {
            batch: RecordBatch::new(),
            due: None,
            left: 0,
        };
        let ended = self.gather(socket, sink, &mut held).await;
        // what came before an end is whole
        let taken = match held.batch.is_empty() {
            true => Ok(()),
            false => sink.take(held.batch).await,
        };
        ended.and(taken)
    }

    async fn gather(
        &self,
        socket: &mut WebsocketConnection,
        sink: &RecordSink,
        held: &mut PendingRecords,
    ) -> anyhow::Result<()> {
        let mut heard = Instant::now();
        let mut ping_at = heard + self.quiet;
        let (mut controls, mut counted_from) = (0, heard);
        loop {
            let due = held.due.map_or(ping_at, |due| due.min(ping_at));
            let next = tokio::select! {
                () = sink.stopping() => return Ok(()),
                next = timeout_at(due, socket.next()) => next,
            };
            let mut take = false;
            if let Ok(message) = next {
                let message = message.ok_or_else(|| anyhow!("the server ended the connection"))?;
                heard = Instant::now();
                let message = message.map_err(failure)?;
                if matches!(message, Message::Ping(_) | Message::Pong(_)) {
                    controls += 1;
                    if controls == CONTROLS {
                        sleep_until(counted_from + CONTROLS_TIME).await;
                        (controls, counted_from) = (0, Instant::now());
                    }
                }
                match message {
                    Message::Text(text) => self.add(text.into(), true, held, sink),
                    Message::Binary(bytes) => {
                        let is_text = socket.get_mut().was_text();
                        self.add(bytes, is_text, held, sink);
                    }
                    // it is answered when the socket is read again
                    Message::Ping(_) => {
                        take = true;
                        sink.reached();
                    }
                    Message::Close(frame) => bail!(ServerClosed(frame)),
                    Message::Pong(_) | Message::Frame(_) => sink.reached(),
                }
            }
            let now = Instant::now();
            if take || held.batch.is_full() || held.due.is_some_and(|due| due <= now) {
                self.take(socket, sink, held, &mut ping_at).await?;
                // the time in which a full spool was waited for is not the server's
                heard = Instant::now();
            }
            if ping_at <= Instant::now() {
                let silent = self.quiet * 2;
                if heard.elapsed() >= silent {
                    bail!("nothing came for {silent:?}, not even a pong");
                }
                // whoever sends: a server, or what is between, may end what it hears nothing of
                send(socket, Message::Ping(Bytes::new())).await?;
                ping_at = Instant::now() + self.quiet;
            }
        }
    }

    fn add(&self, message: Bytes, is_text: bool, held: &mut PendingRecords, sink: &RecordSink) {
        let read = message::read(message, is_text, self.items.as_ref());
        if let Some(why) = read.left {
            held.left += 1;
            // an attacker may send as many as they like
            if held.left.is_power_of_two() {
                let why = self.secrets.hide(&why);
                let so_far = held.left;
                sink.complain(&format!(
                    "{}: {why} is left out ({so_far} up to now)",
                    self.place
                ));
            }
        }
        for record in read.records {
            held.due.get_or_insert_with(|| Instant::now() + GATHER);
            held.batch.push(record);
        }
    }

    /// Takes what is held. Where that has to wait, the server is pinged meanwhile.
    async fn take(
        &self,
        socket: &mut WebsocketConnection,
        sink: &RecordSink,
        held: &mut PendingRecords,
        ping_at: &mut Instant,
    ) -> anyhow::Result<()> {
        held.due = None;
        if held.batch.is_empty() {
            return Ok(());
        }
        let mut taking = pin!(sink.take(std::mem::take(&mut held.batch)));
        loop {
            tokio::select! {
                taken = &mut taking => {
                    taken?;
                    sink.reached();
                    return Ok(());
                }
                () = sleep_until(*ping_at) => {
                    *ping_at = Instant::now() + self.quiet;
                    if let Err(error) = send(socket, Message::Ping(Bytes::new())).await {
                        // it is gone, but what it sent is not
                        taking.await?;
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// Records that share a wait for the disk.
struct PendingRecords {
    batch: RecordBatch,
    /// The time at which they are to be taken.
    due: Option<Instant>,
    /// Messages in which something was left out.
    left: u64,
}

async fn send(socket: &mut WebsocketConnection, message: Message) -> anyhow::Result<()> {
    let sent = timeout(SEND, socket.send(message)).await;
    sent.map_err(|_| anyhow!("the server takes nothing for {SEND:?}"))?
        .map_err(failure)
}

/// Closes, or answers a close, and waits a little for the other side: to end while there is something to read would undo it.
async fn farewell(mut socket: WebsocketConnection, code: Option<CloseCode>) {
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

/// The server ended the connection, and said so.
#[derive(Debug, thiserror::Error)]
#[error("the server closed: {}", reason(.0))]
struct ServerClosed(Option<CloseFrame>);

impl ServerClosed {
    /// Whether it only went: it is not this client's fault, and another connection will do.
    fn is_goodbye(&self) -> bool {
        match &self.0 {
            None => true,
            Some(frame) => matches!(
                frame.code,
                CloseCode::Normal | CloseCode::Away | CloseCode::Status | CloseCode::Restart
            ),
        }
    }
}

/// An error that says once what it says.
fn failure(error: tungstenite::Error) -> anyhow::Error {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => TooLong.into(),
        error => anyhow!("{error}"),
    }
}

fn reason(frame: &Option<CloseFrame>) -> String {
    match frame {
        Some(frame) if frame.reason.is_empty() => format!("code {}", frame.code),
        Some(frame) => {
            let reason = cybexp_feed::cleaned(&frame.reason);
            format!("code {}, {reason}", frame.code)
        }
        None => "without a reason".to_owned(),
    }
}
