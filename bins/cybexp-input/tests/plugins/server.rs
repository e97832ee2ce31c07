//! An HTTP server on loopback that answers as the test says.

use std::sync::{Arc, Mutex};

use async_compression::tokio::write::{BzEncoder, GzipEncoder};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Ends with the test.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        let app = Router::new().fallback(
            async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let request = Request {
                    method,
                    uri,
                    headers,
                    body,
                };
                seen.lock().unwrap().push(request.clone());
                answer(&request)
            },
        );
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            port,
            requests,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers that a test wants of the server, and changes as it goes.
pub(crate) type Script<T> = Arc<Mutex<T>>;

pub(crate) fn script<T>(value: T) -> Script<T> {
    Arc::new(Mutex::new(value))
}

pub(crate) fn ok(body: impl Into<Body>) -> Response {
    Response::new(body.into())
}

pub(crate) fn status(code: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(code).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.to_owned())).unwrap()
}

/// With an ETag, and 304 for whoever has it.
pub(crate) fn tagged(request: &Request, etag: &str, body: &str) -> Response {
    match request.header("if-none-match") {
        Some(known) if known == etag => status(304, &[("etag", etag)], ""),
        _ => status(200, &[("etag", etag)], body),
    }
}

/// The connection breaks after these bytes: with a length that promises more, or inside of chunks.
pub(crate) fn cut(body: &str, length: Option<usize>) -> Response {
    let parts = [Ok(Bytes::from(body.to_owned())), Err("cut")];
    // a pause, so that hyper sends what it has before it sees the error
    let stream = stream::iter(parts).then(async |part| {
        if part.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        part
    });
    let mut response = ok(Body::from_stream(stream));
    if let Some(length) = length {
        response
            .headers_mut()
            .insert("content-length", length.into());
    }
    response
}

/// After these bytes nothing comes any more.
pub(crate) fn hang(body: impl Into<Bytes>) -> Response {
    let first = stream::iter([Ok::<_, std::io::Error>(body.into())]);
    ok(Body::from_stream(first.chain(stream::pending())))
}

pub(crate) async fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(data).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

pub(crate) async fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = BzEncoder::new(Vec::new());
    encoder.write_all(data).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// The folder of the tests' certificates and keys.
pub(crate) fn fixture(name: &str) -> std::path::PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tls");
    std::path::PathBuf::from(root).join(name)
}

/// Accepts TLS with this certificate.
pub(crate) fn acceptor(name: &str) -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let certificate = CertificateDer::from_pem_file(fixture(&format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture(&format!("{name}.key.pem"))).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// A server whose certificate nobody knows, and which answers everything with this; its port.
pub(crate) async fn tls(body: &'static str) -> u16 {
    tls_of("server", body).await
}

/// The same with a certificate of the fixtures.
pub(crate) async fn tls_of(certificate: &str, body: &'static str) -> u16 {
    let acceptor = acceptor(certificate);
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 8192];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&request[..read]).to_lowercase();
            // what must not be shown to whoever does not know it
            let body = match body.strip_prefix("for k3y: ") {
                Some(_) if !head.contains("authorization: bearer k3y") => "[]",
                Some(body) => body,
                None => body,
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

/// A proxy: it makes connections for CONNECT, and answers other requests itself with what it was asked. What it was asked
/// for, line by line. Whatever host it is asked for is looked for on loopback.
pub(crate) async fn proxy(refuses: Option<&'static str>) -> (u16, Script<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = script(Vec::new());
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap();
                seen.lock().unwrap().push(head.clone());
                if let Some(refusal) = refuses {
                    let _ = stream.write_all(refusal.as_bytes()).await;
                    return;
                }
                let target = head.split(' ').nth(1).unwrap();
                if !head.starts_with("CONNECT ") {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n[\"by proxy\"]\n";
                    let _ = stream.write_all(answer.as_bytes()).await;
                    return;
                }
                let port = target.rsplit(':').next().unwrap().parse::<u16>().unwrap();
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .unwrap();
                let made = "HTTP/1.0 200 Connection established\r\n\r\n";
                stream.write_all(made.as_bytes()).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (port, asked)
}
