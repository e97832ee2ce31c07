//! TCP: connections are read only as fast as the spool takes what they bring.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::callers::{Callers, Place};
use super::framing::{Frame, Frames, LONGEST};
use super::gather::gather;
use super::message::MessageFormat;
use crate::sink::{RecordSink, Stopped};
use cybexp_spool::RecordBatch;

const CHUNK: usize = 16 << 10;
/// Chunks that connections have read and the spool has not taken, at most.
const WAITING: usize = 64;
/// Bytes that are still read of a connection when the end is asked for.
const LAST_CHUNKS: usize = 64;
const AGAIN: Duration = Duration::from_secs(1);

/// Messages that a connection brought.
struct Chunk {
    frames: Vec<Frame>,
    peer: IpAddr,
}

/// Serves until the end is asked for.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    format: &MessageFormat,
    sink: &RecordSink,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (queue, mut chunks) = mpsc::channel(WAITING);
    let callers = Arc::new(Callers::new());
    let accepting = async move {
        let all = listeners
            .into_iter()
            .map(|listener| accept(listener, queue.clone(), &callers, sink, stop));
        futures::future::join_all(all).await;
    };
    let taking = async {
        while let Some(first) = chunks.recv().await {
            let now = Utc::now();
            let batch = gather(&mut chunks, first, |chunk: Chunk, batch| {
                for frame in chunk.frames {
                    if frame.cut {
                        sink.complain(&format!(
                            "a message from {} was longer than {} KiB, and was cut",
                            chunk.peer,
                            LONGEST >> 10
                        ));
                    }
                    if let Some(record) = format.record(&frame.data, chunk.peer, now) {
                        batch.push(record);
                    }
                }
            });
            take(batch.await, sink).await;
        }
    };
    tokio::join!(accepting, taking);
    Ok(())
}

/// Waits for room, and for the disk to be well; what is in hand at the end is counted as dropped.
async fn take(batch: RecordBatch, sink: &RecordSink) {
    while let Err(error) = sink.take(batch.clone()).await {
        if !error.is::<Stopped>() {
            sink.failing(&error);
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => continue,
                () = sink.stopping() => {}
            }
        }
        sink.dropped(batch.records.len() as u64);
        return;
    }
}

async fn accept(
    listener: TcpListener,
    queue: mpsc::Sender<Chunk>,
    callers: &Arc<Callers>,
    sink: &RecordSink,
    stop: &CancellationToken,
) {
    // they end with this future
    let mut connections = JoinSet::new();
    while !stop.is_cancelled() {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    match callers.enter(peer) {
                        Some(place) => {
                            let reading = read(stream, peer, queue.clone(), stop.clone(), place);
                            connections.spawn(reading);
                        }
                        None => sink.complain(&format!(
                            "a connection from {peer} was refused: too many are open, and all of them send"
                        )),
                    }
                }
                Err(error) => {
                    sink.complain(&format!("a connection was not accepted: {error}"));
                    tokio::time::sleep(AGAIN).await;
                }
            },
            Some(ended) = connections.join_next() => panicked(ended),
            () = stop.cancelled() => break,
        }
    }
    while let Some(ended) = connections.join_next().await {
        panicked(ended);
    }
}

/// A panic goes on here.
fn panicked(ended: Result<(), tokio::task::JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}

/// Reads a connection to its end, or until the end is asked for, or until it has to make room; whatever is wrong with it
/// ends it.
async fn read(
    mut stream: TcpStream,
    peer: IpAddr,
    queue: mpsc::Sender<Chunk>,
    stop: CancellationToken,
    place: Place,
) {
    // a sender may be silent for days, or gone without a word
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    let mut frames = Frames::default();
    let mut buffer = vec![0; CHUNK];
    let mut last = 0..LAST_CHUNKS;
    loop {
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => match last.next() {
                Some(_) => stream.try_read(&mut buffer),
                None => Ok(0),
            },
            read = stream.read(&mut buffer) => read,
            () = place.ended() => Ok(0),
        };
        place.heard();
        let length = read.unwrap_or(0);
        let mut complete = Vec::new();
        frames.push(&buffer[..length], &mut complete);
        if length == 0 {
            frames.end(&mut complete);
        }
        if !complete.is_empty() {
            let chunk = Chunk {
                frames: complete,
                peer,
            };
            if queue.send(chunk).await.is_err() {
                return;
            }
        }
        if length == 0 {
            return;
        }
        place.rests();
    }
}
