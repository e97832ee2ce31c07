//! The command's side.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{ControlReply, Request};
use crate::daemon_status::DaemonStatus;
use crate::running::{self, RunningConfig};

const CONNECT: Duration = Duration::from_secs(5);

/// Why there is no answer of the daemon.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// None runs in this folder.
    #[error("no cybexp-input runs here ({folder})")]
    NotRunning { folder: String },
    /// One runs, but cannot be spoken to.
    #[error("the daemon (process {pid}) does not answer: {reason}")]
    Unreachable { pid: u32, reason: String },
}

/// A line to the daemon of a run folder.
pub(crate) struct Control {
    socket: WebSocketStream<TcpStream>,
    pid: u32,
}

impl Control {
    /// Finds the daemon and makes itself known.
    pub(crate) async fn open(run_dir: &Path) -> anyhow::Result<Self> {
        let Some(running) = running::find(run_dir)? else {
            let folder = run_dir.display().to_string();
            return Err(ControlError::NotRunning { folder }.into());
        };
        let pid = running.pid;
        let connected = tokio::time::timeout(CONNECT, connect(&running)).await;
        let failed = |reason: String| ControlError::Unreachable { pid, reason };
        match connected {
            Ok(Ok(socket)) => Ok(Self { socket, pid }),
            Ok(Err(error)) => Err(failed(format!("{error:#}")).into()),
            Err(_) => Err(failed(format!("not within {} s", CONNECT.as_secs())).into()),
        }
    }

    /// Asks, and gives how the daemon is after that.
    pub(crate) async fn ask(&mut self, request: &Request) -> anyhow::Result<DaemonStatus> {
        match self.answer(request).await? {
            ControlReply::Status(status) => Ok(*status),
            ControlReply::Dropped(_) => bail!("its answer is one to another question"),
            ControlReply::Error(reason) => bail!(reason),
        }
    }

    /// Has the daemon forget inputs; gives the records that were dropped of each.
    pub(crate) async fn drop(
        &mut self,
        names: Vec<String>,
    ) -> anyhow::Result<BTreeMap<String, u64>> {
        match self.answer(&Request::Drop { names }).await? {
            ControlReply::Dropped(records) => Ok(records),
            ControlReply::Status(_) => bail!("its answer is one to another question"),
            ControlReply::Error(reason) => bail!(reason),
        }
    }

    /// Asks, and waits for the answer for as long as the daemon is there: it knows best how long things take.
    async fn answer(&mut self, request: &Request) -> anyhow::Result<ControlReply> {
        let text = serde_json::to_string(request)?;
        self.socket
            .send(Message::text(text))
            .await
            .map_err(|error| self.lost(&error.to_string()))?;
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).context("its answer");
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.lost(&error.to_string()).into()),
                None => return Err(self.lost("it hung up").into()),
            }
        }
    }

    fn lost(&self, reason: &str) -> ControlError {
        ControlError::Unreachable {
            pid: self.pid,
            reason: reason.to_owned(),
        }
    }
}

async fn connect(running: &RunningConfig) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let RunningConfig {
        host, port, nonce, ..
    } = running;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    let mut request = format!("ws://{host}:{port}/").into_client_request()?;
    let token = format!("Bearer {nonce}").parse()?;
    request.headers_mut().insert(header::AUTHORIZATION, token);
    let (socket, _) = client_async(request, stream).await?;
    Ok(socket)
}
