//! The proof that a client wants before it sends a token: whoever has the port without the secret sees none.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use cybexp_client::{Client, ClientError};
use cybexp_seal::Prover;
use tahoe_core::SubmissionTags;

const SECRET: &str = "a secret of at least thirty-two bytes";
const TOKEN: &str = "the-token-that-must-not-leak";

/// A server on one port that knows this secret, until it is dropped; and all that it was sent.
struct Server {
    sent: Arc<Mutex<String>>,
    stop: Arc<Mutex<bool>>,
    port: u16,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start(port: u16, secret: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sent, stop) = (
            Arc::<Mutex<String>>::default(),
            Arc::<Mutex<bool>>::default(),
        );
        let (all, stopped) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *stopped.lock().unwrap() {
                    return;
                }
                answer(stream.unwrap(), port, secret, &all);
            }
        });
        Self {
            sent,
            stop,
            port,
            thread: Some(thread),
        }
    }

    fn sent(&self) -> String {
        self.sent.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.stop.lock().unwrap() = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().unwrap().join();
    }
}

/// Answers one request: with a proof if it asks for one, and else as the API takes a record.
fn answer(mut stream: TcpStream, port: u16, secret: &str, all: &Mutex<String>) {
    let mut request = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let read = stream.read(&mut piece).unwrap_or_default();
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        let whole = match text.starts_with("GET") {
            true => text.ends_with("\r\n\r\n"),
            false => text.ends_with("--\r\n"),
        };
        if whole || read == 0 {
            break;
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    all.lock().unwrap().push_str(&request);
    let body = match request.strip_prefix("GET /proof/") {
        Some(path) => {
            let challenge = hex::decode(&path[..64]).unwrap();
            let proof = Prover::new(&secret.into()).prove(&challenge, port);
            format!("{{\"proof\": \"{proof}\"}}")
        }
        None => "{\"id\": \"x\", \"records\": 1}".to_owned(),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

fn client(port: u16) -> Client {
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let client = Client::new(url, Some(TOKEN.into())).unwrap();
    client.wants_proof(Some((port, Prover::new(&SECRET.into()))))
}

async fn submit(client: &Client) -> Result<(), ClientError> {
    let tags = SubmissionTags {
        typetag: "cowrie".to_owned(),
        orgid: "o".to_owned(),
        timezone: "UTC".to_owned(),
        tlp: None,
    };
    client.submit(&tags, "a", &[b"{}"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_sent_to_the_api_only_even_if_another_takes_its_port_later() {
    let api = Server::start(0, SECRET);
    let client = client(api.port);
    submit(&client).await.unwrap();
    submit(&client).await.unwrap();
    let sent = api.sent();
    assert!(sent.starts_with("GET /proof/"), "{sent}");
    assert_eq!(sent.matches(TOKEN).count(), 2);
    assert_eq!(
        sent.matches("GET /proof/").count(),
        1,
        "believed for a while"
    );
    let port = api.port;
    drop(api);
    let gone = submit(&client).await.unwrap_err();
    assert!(matches!(gone, ClientError::Unreachable { .. }), "{gone:?}");
    let other = Server::start(port, "another secret of thirty-two bytes!!");
    let error = submit(&client).await.unwrap_err();
    assert!(matches!(error, ClientError::AnotherProcess(_)), "{error:?}");
    assert!(error.is_passing(), "the API may come back");
    client.ping().await.unwrap_err();
    client
        .login("a@b.example", &"the password".into())
        .await
        .unwrap_err();
    let sent = other.sent();
    assert_eq!(sent.matches("GET /proof/").count(), 3, "{sent}");
    assert!(!sent.contains(TOKEN) && !sent.contains("the password"));
    drop(other);
    let api = Server::start(port, SECRET);
    submit(&client).await.unwrap();
    assert_eq!(api.sent().matches(TOKEN).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proof_is_wanted_of_an_api_elsewhere_or_behind_a_proxy() {
    let api = Server::start(0, "another secret of thirty-two bytes!!");
    let url = format!("http://127.0.0.1:{}/", api.port).parse().unwrap();
    let behind = Client::new(url, Some(TOKEN.into())).unwrap();
    let behind = behind.wants_proof(Some((1, Prover::new(&SECRET.into()))));
    submit(&behind).await.unwrap();
    assert_eq!(api.sent().matches("GET /proof/").count(), 0);
}
