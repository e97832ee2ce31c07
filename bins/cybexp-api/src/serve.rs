//! Serving HTTP, with limits on what a client may hold.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// The resources that one client holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientLimits {
    /// How long it may take to say a request's headers, and be idle between two requests.
    pub(crate) headers: Duration,
    /// Connections at once, and with them requests in work whose clients have left; more wait to be accepted.
    pub(crate) connections: usize,
}

/// After an error of the listener itself, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// How long requests in work may take once it is time to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop`, then finishes what is in work.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ClientLimits,
    stop: impl Future<Output = ()>,
) {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers);
    let room = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accept = async {
            let permit = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        let (permit, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accept => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let permit = Arc::new(permit);
        let service = service_fn(move |request| {
            let (answer, permit) = (service.call(request), Arc::clone(&permit));
            // in a task of its own: what is under way in the database is not dropped when the client leaves, for that
            // holds up all others (docs/ARCHITECTURE.md)
            let working = tokio::spawn(async move {
                let Ok(answer) = answer.await;
                drop(permit);
                answer
            });
            async move {
                let answer = working
                    .await
                    .map_err(|panic| ApiError::from(anyhow::Error::from(panic)));
                Ok::<_, Infallible>(answer.into_response())
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn half_a_request_is_not_waited_for_and_holds_nobody_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "here"));
        let limits = ClientLimits {
            headers: Duration::from_millis(300),
            connections: 2,
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let server = tokio::spawn(serve(listener, router, limits, stopped));

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
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let router = Router::new().route("/", get(slow));
        let server = tokio::spawn(serve(listener, router, limits, stopped));

        // the second one has to wait until the first one's work is done
        for _ in 0..2 {
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
