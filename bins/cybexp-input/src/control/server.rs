//! The daemon's side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use cybexp_service::Shutdown;
use futures::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tracing::{debug, warn};

use super::{ControlReply, MESSAGE_BYTES, Request as Command};
use crate::manager::Manager;

/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a caller may take to say who it is.
const INTRODUCTION: Duration = Duration::from_secs(2);
/// Callers at the same time who know the nonce.
const CALLERS: usize = 64;
/// Callers at the same time who have not said who they are. The one that came first makes room for the next.
const STRANGERS: usize = 64;

/// Answers whoever knows the nonce, until it is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    nonce: String,
    manager: Arc<Manager>,
    shutdown: Shutdown,
) {
    let (nonce, callers) = (Arc::<str>::from(nonce), Arc::new(Semaphore::new(CALLERS)));
    let mut strangers: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a caller was lost");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (nonce, manager, shutdown) =
            (Arc::clone(&nonce), Arc::clone(&manager), shutdown.clone());
        let callers = Arc::clone(&callers);
        // each has a task of its own and little time, so that none can keep out the next one
        let stranger = tokio::spawn(async move {
            match greet(stream, &nonce).await {
                // in another task, for what is known is not ended for the sake of a stranger
                Ok(caller) => drop(tokio::spawn(async move {
                    let _place = callers.acquire().await;
                    if let Err(error) = attend(caller, &manager, &shutdown).await {
                        debug!(error = format!("{error:#}"), "a caller left");
                    }
                })),
                Err(error) => debug!(error = format!("{error:#}"), "a caller left"),
            }
        });
        strangers.retain(|stranger| !stranger.is_finished());
        if strangers.len() >= STRANGERS
            && let Some(first) = strangers.pop_front()
        {
            first.abort();
        }
        strangers.push_back(stranger.abort_handle());
    }
}

/// Makes the websocket of a caller who knows the nonce.
async fn greet(stream: TcpStream, nonce: &str) -> anyhow::Result<WebSocketStream<TcpStream>> {
    #[allow(clippy::result_large_err, reason = "the library wants the refusal so")]
    let admit = |request: &Request, response: Response| match knows(request, nonce) {
        true => Ok(response),
        false => {
            warn!("a caller without the right nonce was refused");
            let mut refusal = ErrorResponse::new(Some("wrong nonce\n".to_owned()));
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            Err(refusal)
        }
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let accepting = accept_hdr_async_with_config(stream, admit, Some(limits));
    Ok(tokio::time::timeout(INTRODUCTION, accepting).await??)
}

async fn attend(
    mut caller: WebSocketStream<TcpStream>,
    manager: &Manager,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    while let Some(text) = hear(&mut caller).await? {
        let mut end = false;
        let answer = match serde_json::from_str(&text) {
            Ok(command) => {
                end = matches!(&command, Command::Stop { select } if select.is_all());
                obey(manager, command).await
            }
            Err(error) => Err(anyhow::anyhow!("not understood: {error}")),
        };
        end &= answer.is_ok();
        let answer = answer.unwrap_or_else(|error| ControlReply::Error(format!("{error:#}")));
        let text = serde_json::to_string(&answer)?;
        let sent = caller.send(Message::text(text)).await;
        if end {
            shutdown.begin();
        }
        sent?;
    }
    Ok(())
}

/// The next command; `None`: that was all.
async fn hear(caller: &mut WebSocketStream<TcpStream>) -> anyhow::Result<Option<String>> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let message = tokio::time::timeout_at(until, caller.next()).await;
        match message.context("it says nothing")?.transpose()? {
            Some(Message::Text(text)) => return Ok(Some(text.to_string())),
            Some(Message::Close(_)) | None => return Ok(None),
            Some(Message::Ping(_) | Message::Pong(_)) => {}
            Some(other) => bail!("not a text: {} bytes", other.len()),
        }
    }
}

async fn obey(manager: &Manager, command: Command) -> anyhow::Result<ControlReply> {
    let names = match command {
        Command::Drop { names } => return Ok(ControlReply::Dropped(manager.drop(&names).await?)),
        Command::Status { select } => manager.shown(&select).await?,
        Command::Start { select } => manager.start(&select).await?,
        Command::Stop { select } => manager.stop(&select).await?,
        Command::Restart { select, every } => manager.restart(&select, every).await?,
    };
    manager.settled(&names).await;
    Ok(ControlReply::Status(Box::new(
        manager.status(&names).await?,
    )))
}

/// Whether the request carries the nonce. Takes as long for one that is nearly right as for any other.
fn knows(request: &Request, nonce: &str) -> bool {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    given.len() == nonce.len()
        && given
            .iter()
            .zip(nonce.bytes())
            .fold(0, |differ, (a, b)| differ | (a ^ b))
            == 0
}
