//! The handshake: requests and answers before messages come, proxies and TLS.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{accept_async, accept_hdr_async};

use super::until_closed;
use crate::harness::Input;
use crate::server::{Script, acceptor, fixture, proxy, script};

/// A server that names a subprotocol, whatever it is asked for, and sends back what it is told at first; what it was asked for.
async fn echo(subprotocol: &'static str) -> (u16, Script<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = script(Vec::new());
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            #[allow(clippy::result_large_err, reason = "tungstenite's signature")]
            let look = |request: &Request, mut response: Response| {
                let wanted = request.headers().get("sec-websocket-protocol");
                let wanted = wanted.map(|wanted| wanted.to_str().unwrap().to_owned());
                seen.lock().unwrap().push(wanted.unwrap_or_default());
                let named = subprotocol.parse().unwrap();
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", named);
                Ok(response)
            };
            let Ok(mut socket) = accept_hdr_async(stream, look).await else {
                continue;
            };
            tokio::spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    if let Message::Text(text) = message {
                        socket.send(Message::Text(text)).await.unwrap();
                    }
                }
            });
        }
    });
    (port, asked)
}

async fn taken(settings: Value, records: usize) -> Vec<String> {
    let input = Input::new("websocket", settings);
    let running = input.start().await;
    let taken = input.wait_for(records).await;
    running.stop().await.unwrap();
    taken
}

#[tokio::test]
async fn first_messages_and_subprotocols() {
    let (port, asked) = echo("v2.events").await;
    let url = format!("ws://127.0.0.1:{port}/");
    let one = json!({"url": url, "subscribe": {"type": "subscribe", "to": ["all"]}});
    assert_eq!(
        taken(one, 1).await,
        [r#"{"type":"subscribe","to":["all"]}"#]
    );
    let several = json!({"url": url, "subscribe": ["login me", {"a": 1}, "[1]"], "subprotocol": ["v1.events", "v2.events"]});
    assert_eq!(taken(several, 3).await, ["login me", r#"{"a":1}"#, "[1]"]);
    assert_eq!(*asked.lock().unwrap(), ["", "v1.events, v2.events"]);
    for wrong in [
        json!({"subprotocol": "a b"}),
        json!({"subprotocol": []}),
        json!({"subscribe": 5}),
    ] {
        let (name, value) = wrong.as_object().unwrap().iter().next().unwrap();
        let told = Input::refused("websocket", json!({"url": url, name.as_str(): value}), 0);
        assert!(told.contains(&format!("settings.{name}")), "{told}");
    }
}

#[tokio::test]
async fn a_proxy_makes_the_connection() {
    let acceptor = acceptor("server");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // TLS begins with 22, HTTP with a letter
            let mut first = [0];
            stream.peek(&mut first).await.unwrap();
            if first == [22] {
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut socket = accept_async(stream).await.unwrap();
                socket.send(Message::text("encrypted")).await.unwrap();
                while socket.next().await.is_some_and(|message| message.is_ok()) {}
            } else {
                let mut socket = accept_async(stream).await.unwrap();
                socket.send(Message::text("plain")).await.unwrap();
                until_closed(&mut socket).await;
            }
        }
    });
    let (at, asked) = proxy(None).await;
    let through = format!("http://me:s3cret@127.0.0.1:{at}");
    let plain = json!({"url": format!("ws://feed.invalid:{port}/"), "proxy": through});
    assert_eq!(taken(plain, 1).await, ["plain"]);
    let head = asked.lock().unwrap().pop().unwrap();
    assert!(
        head.starts_with(&format!("CONNECT feed.invalid:{port} HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(
        head.contains("Proxy-Authorization: Basic bWU6czNjcmV0\r\n"),
        "{head}"
    );
    // to a name that the certificate is not for
    let other = json!({"url": format!("wss://feed.invalid:{port}/"), "proxy": through, "ca": fixture("ca.pem")});
    let told = format!(
        "{:#}",
        Input::new("websocket", other).fetch().await.unwrap_err()
    );
    assert!(
        told.contains("must name the host as the certificate does"),
        "{told}"
    );
    assert_eq!(asked.lock().unwrap().drain(..).count(), 1);
    // loopback is not asked for through it
    let itself = json!({"url": format!("wss://127.0.0.1:{port}/"), "proxy": through, "ca": fixture("ca.pem")});
    assert_eq!(taken(itself, 1).await, ["encrypted"]);
    assert!(asked.lock().unwrap().is_empty());

    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 16\r\n\r\nnot in our house";
    let (at, _) = proxy(Some(refusal)).await;
    let refused = json!({"url": "ws://feed.invalid/", "proxy": format!("http://127.0.0.1:{at}")});
    let told = format!(
        "{:#}",
        Input::new("websocket", refused).fetch().await.unwrap_err()
    );
    let expected = format!(
        "through the proxy http://127.0.0.1:{at}: it answers 403 Forbidden: not in our house"
    );
    assert!(told.ends_with(&expected), "{told}");
}

#[tokio::test]
async fn a_server_that_is_its_own_authority() {
    let acceptor = acceptor("self-signed");
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut socket = accept_async(stream).await.unwrap();
            socket.send(Message::text("one")).await.unwrap();
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    });
    let url = format!("wss://localhost:{port}/");
    let trusted = json!({"url": url, "ca": fixture("self-signed.pem")});
    assert_eq!(taken(trusted, 1).await, ["one"]);
    let told = format!(
        "{:#}",
        Input::new("websocket", json!({"url": url}))
            .fetch()
            .await
            .unwrap_err()
    );
    assert!(
        told.contains("settings.ca may name a PEM file with it"),
        "{told}"
    );
}
