//! UDP: a thread of its own receives, and nothing else, so that the kernel's buffer does not fill while others work.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::gather::gather;
use super::kernel;
use super::message::MessageFormat;
use crate::plugin::blocking::blocking;
use crate::sink::RecordSink;

/// Datagrams that wait for the disk at most …
const WAITING: usize = 1 << 16;
/// … and their bytes.
const WAITING_BYTES: usize = 32 << 20;
/// After so many datagrams in a row it is seen whether the end was asked for.
const ROW: usize = 256;
/// How often losses are counted.
const COUNT: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(100);
/// No UDP datagram is longer.
const LONGEST: usize = 1 << 16;

/// Opens a socket with a receive buffer of this size, or the largest that the kernel allows.
pub(super) fn bind(address: SocketAddr, buffer_bytes: usize) -> anyhow::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_recv_buffer_size(buffer_bytes)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // the kernel doubles it, for its own needs
    let got = socket.recv_buffer_size()? / 2;
    if got < buffer_bytes {
        info!(
            %address,
            wanted = buffer_bytes,
            got,
            "the kernel gives less receive buffer than asked for (net.core.rmem_max)"
        );
    }
    Ok(socket.into())
}

struct Datagram {
    data: Box<[u8]>,
    peer: IpAddr,
}

/// Counts that the receiving thread keeps.
#[derive(Default)]
struct DatagramCounts {
    received: AtomicU64,
    /// Datagrams that were received and given up because too much waited.
    lost: AtomicU64,
    waiting_bytes: AtomicUsize,
}

/// Receives until the end is asked for.
pub(super) async fn serve(
    socket: Arc<UdpSocket>,
    format: &MessageFormat,
    sink: &RecordSink,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (sender, mut queue) = mpsc::channel(WAITING);
    let counts = Arc::new(DatagramCounts::default());
    let mut losses = Losses::new(&socket, Arc::clone(&counts));
    let thread = std::thread::Builder::new().name("syslog-udp".to_owned());
    let (received, stop) = (Arc::clone(&socket), stop.clone());
    let given = Arc::clone(&counts);
    let thread = thread.spawn(move || receive(&received, &sender, &given, &stop))?;
    let mut count = tokio::time::interval(COUNT);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let first = tokio::select! {
            first = queue.recv() => first,
            _ = count.tick() => {
                losses.count(sink).await;
                continue;
            }
        };
        let Some(first) = first else { break };
        let now = Utc::now();
        let batch = gather(&mut queue, first, |datagram: Datagram, batch| {
            let bytes = datagram.data.len();
            counts.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            if let Some(record) = format.record(&datagram.data, datagram.peer, now) {
                batch.push(record);
            }
        });
        if let Err(error) = sink.offer(batch.await).await {
            // it has counted them; those that come may have more luck
            sink.failing(&error);
        }
        if losses.last.elapsed() >= COUNT {
            losses.count(sink).await;
        }
    }
    // the socket is still open
    losses.looked = None;
    losses.count(sink).await;
    match thread.join() {
        Ok(ended) => ended.context("syslog over UDP"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The loop of the thread.
fn receive(
    socket: &UdpSocket,
    queue: &mpsc::Sender<Datagram>,
    counts: &DatagramCounts,
    stop: &CancellationToken,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::from_std(socket.try_clone()?)?;
        let mut buffer = vec![0; LONGEST];
        let mut row = || {
            for _ in 0..ROW {
                let (length, peer) = socket.try_recv_from(&mut buffer)?;
                counts.received.fetch_add(1, Ordering::Relaxed);
                let before = counts.waiting_bytes.fetch_add(length, Ordering::Relaxed);
                let datagram = Datagram {
                    data: buffer[..length].into(),
                    peer: peer.ip().to_canonical(),
                };
                if before + length > WAITING_BYTES || queue.try_send(datagram).is_err() {
                    counts.waiting_bytes.fetch_sub(length, Ordering::Relaxed);
                    counts.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            std::io::Result::Ok(())
        };
        loop {
            tokio::select! {
                ready = socket.readable() => ready?,
                () = stop.cancelled() => break,
            }
            match row() {
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                    // the kernel is out of memory, or the network is away: it passes
                    warn!(%error, "syslog over UDP");
                    std::thread::sleep(AGAIN);
                }
                _ => {}
            }
            if stop.is_cancelled() {
                break;
            }
        }
        // what had come before the end was asked for; who sends faster than this is not waited for
        for _ in 0..WAITING / ROW {
            if row().is_err() {
                break;
            }
        }
        Ok(())
    })
}

/// Counts what was lost.
struct Losses {
    counts: Arc<DatagramCounts>,
    inode: Option<u64>,
    /// The kernel's counter, as it was.
    drops: u32,
    last: Instant,
    /// Datagrams received when the kernel was asked last.
    looked: Option<u64>,
}

impl Losses {
    fn new(socket: &UdpSocket, counts: Arc<DatagramCounts>) -> Self {
        let inode = kernel::inode(socket).and_then(|inode| kernel::drops(inode).map(|_| inode));
        let inode = inode.inspect_err(
            |error| warn!(%error, "what the kernel drops of syslog over UDP is not counted"),
        );
        Self {
            counts,
            inode: inode.ok(),
            drops: 0,
            last: Instant::now(),
            looked: None,
        }
    }

    async fn count(&mut self, sink: &RecordSink) {
        self.last = Instant::now();
        sink.dropped(self.counts.lost.swap(0, Ordering::Relaxed));
        // where nothing comes nothing is dropped
        let received = self.counts.received.load(Ordering::Relaxed);
        let Some(inode) = self.inode.filter(|_| self.looked != Some(received)) else {
            return;
        };
        self.looked = Some(received);
        match blocking(move || Ok(kernel::drops(inode)?)).await {
            Ok(drops) => {
                sink.dropped(u64::from(drops.wrapping_sub(self.drops)));
                self.drops = drops;
            }
            Err(error) => {
                warn!(%error, "what the kernel drops of syslog over UDP is no longer counted");
                self.inode = None;
            }
        }
    }
}
