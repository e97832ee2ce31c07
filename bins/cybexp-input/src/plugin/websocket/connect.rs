//! The way to a websocket server: TCP, a proxy, TLS, the handshake.

use std::time::SystemTime;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::generate_request;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, HeaderMap, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, UPGRADE,
};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::{Host, Url};

use super::frames::Lenient;
use super::head::ResponseHead;
use cybexp_feed::Later;
use cybexp_feed::wire::Wire;
use cybexp_feed::wire::proxy::Proxy;
use cybexp_feed::{self as feed, Secrets, because};

/// A connection that bytes are read from and written to: TCP, or TLS over it.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

pub(super) type WebsocketConnection = WebSocketStream<Lenient<Box<dyn ByteStream>>>;

/// Connects to a server and shakes hands.
///
/// # Errors
/// Says who refuses and what they say of it; [`Later`] where they say when to come again.
pub(super) async fn connect(
    url: &Url,
    headers: &HeaderMap,
    wire: &Wire,
    config: WebSocketConfig,
    secrets: &Secrets,
) -> anyhow::Result<WebsocketConnection> {
    let mut request = url.as_str().into_client_request()?;
    request.headers_mut().extend(headers.clone());
    let (request, key) = generate_request(request)?;
    let mut stream = open(url, wire, secrets).await?;
    stream.write_all(&request).await.map_err(told)?;
    stream.flush().await.map_err(told)?;
    let head = ResponseHead::read(&mut stream).await?;
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(head, &mut stream, url, secrets).await);
    }
    let right = head.has(UPGRADE, "websocket")
        && head.has(CONNECTION, "upgrade")
        && head.has(SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes()));
    if !right {
        bail!("the handshake is none of a websocket server's");
    }
    if head.headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        bail!("the server uses extensions that were not asked for");
    }
    // a subprotocol that was not asked for only names what comes
    let stream = Lenient::new(stream, head.rest);
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

async fn refused(
    head: ResponseHead,
    stream: &mut (impl AsyncRead + Unpin),
    url: &Url,
    secrets: &Secrets,
) -> anyhow::Error {
    let wait = feed::retry_after(&head.headers, SystemTime::now());
    let location = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| url.join(to).ok());
    let mut what = format!("answers {}", head.status);
    if let Some(to) = to.filter(|_| head.status.is_redirection()) {
        let scheme = match to.scheme() {
            "https" => "wss",
            "http" => "ws",
            other => other,
        };
        what = match to.host_str() {
            Some(host) if to.origin() != url.origin() => {
                let port = to.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!(
                    "{what}, and redirects to {scheme}://{host}{port}, which is not followed: if that is right, set url to it"
                )
            }
            _ => format!(
                "{what}, and redirects to another of its own paths: does url name the right one?"
            ),
        };
    }
    let reason = feed::reason(&head.body(stream).await, secrets);
    let reason = because(what, reason);
    match wait {
        Some(wait) => Later { reason, wait }.into(),
        None => anyhow!(reason),
    }
}

/// The stream to a server.
async fn open(url: &Url, wire: &Wire, secrets: &Secrets) -> anyhow::Result<Box<dyn ByteStream>> {
    let proxy = wire.proxies.of(url).map_err(|reason| anyhow!(reason))?;
    let stream = match proxy {
        None => tcp(url).await?,
        Some(proxy) => {
            let through = format!("through the proxy {}", proxy.origin());
            tunnel(url, &proxy, wire, secrets).await.context(through)?
        }
    };
    match url.scheme() {
        "wss" => tls(stream, url, wire).await,
        _ => Ok(stream),
    }
}

async fn tcp(url: &Url) -> anyhow::Result<Box<dyn ByteStream>> {
    let port = url.port_or_known_default().context("url has no port")?;
    let connected = match url.host().context("url has no host")? {
        Host::Domain(name) => TcpStream::connect((name, port)).await,
        Host::Ipv4(ip) => TcpStream::connect((ip, port)).await,
        Host::Ipv6(ip) => TcpStream::connect((ip, port)).await,
    };
    let stream = connected.map_err(told)?;
    stream.set_nodelay(true).map_err(told)?;
    Ok(Box::new(stream))
}

async fn tls(
    stream: Box<dyn ByteStream>,
    url: &Url,
    wire: &Wire,
) -> anyhow::Result<Box<dyn ByteStream>> {
    let host = url.host_str().unwrap_or_default();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let connector = TlsConnector::from(wire.tls.clone());
    let stream = connector.connect(name, stream).await.map_err(told)?;
    Ok(Box::new(stream))
}

/// A connection to the server that a proxy makes (RFC 9110, 9.3.6): encrypted or not, for a proxy would take a websocket's
/// handshake apart.
async fn tunnel(
    url: &Url,
    proxy: &Proxy,
    wire: &Wire,
    secrets: &Secrets,
) -> anyhow::Result<Box<dyn ByteStream>> {
    let at = proxy.url();
    let mut stream = tcp(&at).await?;
    if at.scheme() == "https" {
        stream = tls(stream, &at, wire).await?;
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let agent = feed::agent();
    let mut request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {agent}\r\n");
    if !at.username().is_empty() || at.password().is_some() {
        let meant = |text: &str| percent_decoded(text);
        let (user, password) = (
            meant(at.username()),
            meant(at.password().unwrap_or_default()),
        );
        let basic = BASE64_STANDARD.encode([&user[..], b":", &password].concat());
        request.push_str(&format!("Proxy-Authorization: Basic {basic}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(told)?;
    stream.flush().await.map_err(told)?;
    let head = ResponseHead::read(&mut stream).await?;
    if !head.status.is_success() {
        let what = format!("it answers {}", head.status);
        let reason = feed::reason(&head.body(&mut stream).await, secrets);
        bail!(because(what, reason));
    }
    Ok(stream)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (rest, _) = match code.filter(|_| byte == b'%') {
            Some(code) => (&after[2..], decoded.push(code)),
            None => (after, decoded.push(byte)),
        };
    }
    decoded
}

fn told(error: std::io::Error) -> anyhow::Error {
    anyhow!(feed::cause(&error))
}
