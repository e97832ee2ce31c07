//! Asking a question as the API does: a query document, a socket to wait at, and the report.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rand::Rng;
use serde_json::Value;
use tahoe_core::question::Question;
use tahoe_core::{Query, Socket, Status, Timestamp};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::world::{World, now};

/// How long a report may take.
const WAIT: Duration = Duration::from_secs(30);

/// The report's data, and how long it took.
pub(super) async fn ask(
    world: &World,
    qtype: &str,
    question: &Value,
) -> anyhow::Result<(Value, Duration)> {
    let since = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let nonce = format!("{:032x}", rand::rng().random::<u128>());
    let (text, qhash) = Question::encode(question)?;
    let query = Query {
        qtype: qtype.to_owned(),
        qdata: String::from_utf8(world.seal_bytes(text.as_bytes())?)?,
        qhash,
        userid: world.userid.to_string(),
        timestamp: Timestamp::new(now())?,
        encrypted: true,
        status: Status::Wait,
        report_id: None,
        socket: Socket {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr()?.port(),
            nonce: nonce.clone(),
        },
    };
    world.queries.put(std::slice::from_ref(&query)).await?;
    tokio::time::timeout(WAIT, called_back(&listener, &nonce))
        .await
        .context("no report within 30 s")??;

    let hash = query.to_object()?.hash();
    let (query, reason) = world
        .queries
        .find(hash)
        .await?
        .context("the query is gone")?;
    let Some(report_id) = query.report_id else {
        bail!(
            "the query {}: {}",
            query.status.as_str(),
            reason.unwrap_or_default()
        );
    };
    let mut report = world
        .queries
        .document(report_id)
        .await?
        .context("the report is gone")?;
    Ok((report["data"].take(), since.elapsed()))
}

/// Waits for the right nonce; others are passed over.
async fn called_back(listener: &TcpListener, nonce: &str) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let mut said = String::new();
        let limit = nonce.len() as u64 + 1;
        if stream.take(limit).read_to_string(&mut said).await.is_ok() && said == nonce {
            return Ok(());
        }
    }
}
