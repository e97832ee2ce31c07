//! Serving HTTP, with limits on what a client may hold.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::crowd::Crowd;

/// The resources that one client holds.
#[derive(Debug, Clone)]
pub struct ClientLimits {
    /// How long it may take to say a request's headers, and be idle between two requests.
    pub headers: Duration,
    /// Connections at once, and with them requests in work whose clients have left; more wait to be accepted.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Addresses of proxies, which may have any number of them.
    pub trusted_proxies: Vec<IpAddr>,
}

/// The most bytes of a request's headers, and of its body that are read before they are wanted.
const BUFFER_BYTES: usize = 64 << 10;

/// After an error of the listener itself, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections at once that are told why they are refused; others are closed.
const REFUSALS: usize = 512;
/// How long a connection that is refused may take to read why.
const REFUSAL: Duration = Duration::from_millis(500);
/// The answer to a client that has too many connections in work.
const TOO_MANY: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: application/json\r\nContent-Length: 71\r\n\r\n\
    {\"message\": \"too many connections from this address: try again in 1 s\"}";
/// How long requests in work may take once it is time to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop`, then finishes what is in work. A handler finds the client in an extension of the request, an
/// `Arc<`[`Peer`](crate::Peer)`>`; `panicked` makes the response to a request whose handler panicked.
pub async fn serve_clients(
    listener: TcpListener,
    router: Router,
    limits: ClientLimits,
    panicked: fn(anyhow::Error) -> Response,
    stop: impl Future<Output = ()>,
) {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(BUFFER_BYTES);
    let crowd = Crowd::default();
    let room = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok((stream, address)) => (stream, address.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let most = match limits.trusted_proxies.contains(&address) {
            true => usize::MAX,
            false => limits.connections_per_address,
        };
        let Some(place) = crowd.enter(address, most, Instant::now()) else {
            tracing::debug!(%address, "a connection was refused: the client has too many in work");
            if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                tokio::spawn(async move {
                    refuse(stream).await;
                    drop(permit);
                });
            }
            continue;
        };
        if room.available_permits() == 0 {
            crowd.make_room(&place);
        }
        let permit = tokio::select! {
            () = &mut stop => break,
            permit = Arc::clone(&room).acquire_owned() => match permit {
                Ok(permit) => Arc::new(permit),
                Err(_) => break,
            },
        };
        let service = TowerToHyperService::new(router.clone());
        let peer = Arc::clone(&place.peer);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&peer));
            let (answer, permit) = (service.call(request), Arc::clone(&permit));
            // in a task of its own: what is under way in the database is not dropped when the client leaves, for that
            // holds up all others (docs/ARCHITECTURE.md)
            let working = tokio::spawn(async move {
                let Ok(answer) = answer.await;
                drop(permit);
                answer
            });
            async move {
                let answer = working.await;
                Ok::<_, Infallible>(answer.unwrap_or_else(|panic| panicked(panic.into())))
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                done = connection => if let Err(error) = done {
                    tracing::debug!(%error, "a connection broke");
                },
                () = place.peer.closed() => {
                    tracing::debug!(%address, "a connection was closed to make room");
                }
            }
        });
    }
    drop(listener);
    let all = async {
        graceful.shutdown().await;
        // and those whose clients have left
        let _ = room.acquire_many(limits.connections as u32).await;
    };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("requests in work were not done in time");
    }
}

/// Tells a client that it has too many connections, once it said something: many clients take an answer before their request
/// for an error. What else it sent is read, or it might not come to read the answer.
async fn refuse(mut stream: TcpStream) {
    let answer = async {
        let mut sent = [0; 4096];
        if stream.read(&mut sent).await? == 0 {
            return Ok(());
        }
        stream.write_all(TOO_MANY.as_bytes()).await?;
        stream.shutdown().await?;
        while stream.read(&mut sent).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // whoever does not read it is closed
    let _ = tokio::time::timeout(REFUSAL, answer).await;
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse;
    use axum::routing::get;

    use super::*;
    use crate::crowd::TIME_TO_SPEAK;

    fn panicked(_: anyhow::Error) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }

    #[test]
    fn the_refusal_tells_its_length() {
        let (head, body) = TOO_MANY.split_once("\r\n\r\n").unwrap();
        let length = format!("\r\nContent-Length: {}", body.len());
        assert!(head.ends_with(&length), "{TOO_MANY}");
    }

    #[tokio::test]
    async fn half_a_request_is_not_waited_for_and_holds_nobody_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "here"));
        let limits = ClientLimits {
            headers: Duration::from_millis(300),
            connections: 2,
            connections_per_address: 2,
            trusted_proxies: vec![],
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let server = tokio::spawn(serve_clients(listener, router, limits, panicked, stopped));

        // more than there is room for, none of which ever ends its headers
        let mut slow = Vec::new();
        for _ in 0..6 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a")
                .await
                .unwrap();
            slow.push(stream);
        }
        tokio::time::sleep(TIME_TO_SPEAK).await;
        let mut quick = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        quick.write_all(request).await.unwrap();
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"),
            "{answer}"
        );
        for mut stream in slow {
            // closed by the server; hyper may say 408 first
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        stop.send(()).unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_with_too_many_connections_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = ClientLimits {
            headers: Duration::from_secs(30),
            connections: 9,
            connections_per_address: 1,
            trusted_proxies: vec![],
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let router = Router::new();
        let server = tokio::spawn(serve_clients(listener, router, limits, panicked, stopped));
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        second.write_all(request).await.unwrap();
        let mut answer = String::new();
        second.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, TOO_MANY);
        drop(first);
        stop.send(()).unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_in_work_for_a_client_that_left_is_finished() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (done, mut dones) = tokio::sync::mpsc::unbounded_channel();
        let slow = async move || {
            begun.send(()).unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            done.send(()).unwrap();
        };
        let limits = ClientLimits {
            headers: Duration::from_secs(30),
            connections: 1,
            connections_per_address: 1,
            trusted_proxies: vec![],
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let router = Router::new().route("/", get(slow));
        let server = tokio::spawn(serve_clients(listener, router, limits, panicked, stopped));

        // the second one has to wait until the first one's work is done
        for _ in 0..2 {
            tokio::time::sleep(TIME_TO_SPEAK).await;
            let mut leaves = TcpStream::connect(address).await.unwrap();
            let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
            leaves.write_all(request).await.unwrap();
            begins.recv().await.unwrap();
        }
        assert!(dones.try_recv().is_ok());
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!(dones.try_recv().is_ok());
    }
}
