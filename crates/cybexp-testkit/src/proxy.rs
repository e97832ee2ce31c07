//! A proxy between two processes, which delays, cuts and holds what goes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The behaviour of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Passes everything on.
    Good,
    /// Passes each piece on after 200 ms.
    Slow,
    /// Closes all connections, and each new one at once.
    Cut,
    /// Passes nothing on until the line is another one, as a network that loses all packets: they are sent again.
    Holds,
}

/// A proxy on a port of its own; it ends when dropped.
pub struct Proxy {
    port: u16,
    line: Arc<AtomicU8>,
    /// Raised to end all connections.
    cut: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy before this port of 127.0.0.1.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("the ports have no end");
        let port = listener.local_addr().expect("it is bound").port();
        let (line, cut) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU64::new(0)));
        let (of_line, of_cut) = (Arc::clone(&line), Arc::clone(&cut));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if of_line.load(Ordering::Relaxed) == Line::Cut as u8 {
                    continue;
                }
                let (line, cut) = (Arc::clone(&of_line), Arc::clone(&of_cut));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                        between(client, server, &line, &cut).await;
                    }
                });
            }
        });
        Self {
            port,
            line,
            cut,
            task,
        }
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the behaviour, also of the connections that there are.
    pub fn set(&self, line: Line) {
        self.line.store(line as u8, Ordering::Relaxed);
        if line == Line::Cut {
            self.cut.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn between(client: TcpStream, server: TcpStream, line: &AtomicU8, cut: &AtomicU64) {
    let begun = cut.load(Ordering::Relaxed);
    let ends = async {
        while cut.load(Ordering::Relaxed) == begun {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, line) => {}
        () = pass(from_server, to_client, line) => {}
        () = ends => {}
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    line: &AtomicU8,
) {
    let mut piece = vec![0; 64 << 10];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            return;
        };
        while line.load(Ordering::Relaxed) == Line::Holds as u8 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if line.load(Ordering::Relaxed) == Line::Slow as u8 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
