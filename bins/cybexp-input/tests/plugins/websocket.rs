//! `websocket` against real servers on loopback.

mod handshake;
mod standing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cybexp_feed::Later;
use cybexp_input::plugin::Next;
use cybexp_input::status::InputState;
use cybexp_testkit::eventually;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

use crate::harness::Input;
use crate::server::{acceptor, fixture};

type Socket = WebSocketStream<TcpStream>;

/// A server that does this with each connection, one after the other.
async fn server<F, S>(mut serve: S) -> SocketAddr
where
    F: Future<Output = ()> + Send,
    S: FnMut(Socket) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // whoever was killed on the way is no concern of the server
            if let Ok(socket) = accept_async(stream).await {
                serve(socket).await;
            }
        }
    });
    address
}

fn input(address: SocketAddr) -> Input {
    Input::new("websocket", settings(address))
}

fn settings(address: SocketAddr) -> Value {
    json!({"url": format!("ws://{address}/events?key=hush"), "quiet_s": 1})
}

/// Reads until the input closes; returns its close frame.
async fn until_closed(socket: &mut Socket) -> Option<CloseFrame> {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(frame) = message {
            return frame;
        }
    }
    None
}

#[tokio::test]
async fn messages_are_taken_as_they_are() {
    let address = server(|mut socket| async move {
        for text in [r#"{"a": 1.0}"#, "", "line\n", "  ", "ä"] {
            socket.send(Message::text(text)).await.unwrap();
        }
        let bytes = Bytes::from_static(b"\xff\x00binary");
        socket.send(Message::Binary(bytes)).await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let input = input(address);
    let running = input.start().await;
    let taken = input.wait_for(4).await;
    assert_eq!(taken, [r#"{"a": 1.0}"#, "line\n", "ä", "\u{fffd}\0binary"]);
    assert_eq!(running.stop().await.unwrap(), Next::Period);
    assert_eq!(input.taken().await.len(), 4);
}

#[tokio::test]
async fn headers_are_sent_and_the_answer_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut asked = None;
        #[allow(clippy::result_large_err, reason = "tungstenite's signature")]
        let look = |request: &Request, response: Response| {
            asked = Some((request.uri().to_string(), request.headers().clone()));
            Ok(response)
        };
        let mut socket = accept_hdr_async(stream, look).await.unwrap();
        until_closed(&mut socket).await;
        asked.unwrap()
    });
    let settings = json!({
        "url": format!("ws://{address}/events?key=hush"),
        "headers": {"Authorization": "Bearer x"},
    });
    let input = Input::new("websocket", settings);
    let found = input.source().check().await.unwrap();
    assert_eq!(
        found,
        format!("ws://{address}/events answers 101 Switching Protocols")
    );
    let (uri, headers) = asked.await.unwrap();
    assert_eq!(uri, "/events?key=hush");
    assert_eq!(headers["authorization"], "Bearer x");
    assert!(
        headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("cybexp-input/")
    );
}

/// Sends records from the first that was not answered on, with a ping after every tenth; remembers how far pongs came.
async fn send_from(
    socket: Socket,
    all: usize,
    safe: &AtomicUsize,
    sent: &mut BTreeMap<usize, u32>,
) {
    let (mut out, mut back) = socket.split();
    let sending = async {
        for record in safe.load(Ordering::SeqCst)..all {
            out.feed(Message::text(format!("{record}"))).await?;
            *sent.entry(record).or_default() += 1;
            if record % 10 == 9 {
                out.send(Message::Ping(format!("{}", record + 1).into()))
                    .await?;
            }
        }
        std::future::pending::<Result<(), tokio_tungstenite::tungstenite::Error>>().await
    };
    let reading = async {
        while let Some(Ok(message)) = back.next().await {
            if let Message::Pong(until) = message {
                let until = std::str::from_utf8(&until).unwrap().parse().unwrap();
                safe.store(until, Ordering::SeqCst);
            }
        }
    };
    tokio::select! {
        _ = sending => {}
        () = reading => {}
    }
}

#[tokio::test]
async fn killed_at_many_points_nothing_is_missing() {
    const ALL: usize = 3000;
    let safe = Arc::new(AtomicUsize::new(0));
    let sent = Arc::new(tokio::sync::Mutex::new(BTreeMap::new()));
    let (at, times) = (Arc::clone(&safe), Arc::clone(&sent));
    let address = server(move |socket| {
        let (at, times) = (Arc::clone(&at), Arc::clone(&times));
        async move { send_from(socket, ALL, &at, &mut *times.lock().await).await }
    })
    .await;
    let input = input(address);
    for round in 0..25 {
        let running = input.start().await;
        // every kill is somewhere else: while it connects, reads, waits for the disk
        tokio::time::sleep(Duration::from_millis(round * 2)).await;
        running.kill().await;
        // what was answered is there, whatever happened since
        let answered = safe.load(Ordering::SeqCst);
        let taken = input.taken().await;
        assert!((0..answered).all(|record| taken.contains(&record.to_string())));
    }
    let running = input.start().await;
    eventually("all is answered", async || {
        safe.load(Ordering::SeqCst) == ALL
    })
    .await;
    running.stop().await.unwrap();
    let mut taken: BTreeMap<usize, u32> = BTreeMap::new();
    for record in input.taken().await {
        *taken.entry(record.parse().unwrap()).or_default() += 1;
    }
    assert_eq!(taken.len(), ALL);
    let sent = sent.lock().await;
    let twice = taken.values().filter(|times| **times > 1).count();
    eprintln!("{ALL} records, 25 kills, {twice} taken again because the server sent them again");
    assert!(taken.iter().all(|(record, times)| *times <= sent[record]));
}

#[tokio::test]
async fn a_full_spool_lets_the_server_wait() {
    let safe = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&safe);
    let address = server(move |mut socket| {
        let at = Arc::clone(&at);
        async move {
            let (mut out, mut back) = {
                for record in 0..20 {
                    let text = format!("{record}{}", " ".repeat(500_000));
                    socket.send(Message::text(text)).await.unwrap();
                }
                socket.split()
            };
            out.send(Message::Ping("all".into())).await.unwrap();
            while let Some(Ok(message)) = back.next().await {
                if message.is_pong() {
                    at.store(20, Ordering::SeqCst);
                }
            }
        }
    })
    .await;
    let input = Input::with("websocket", settings(address), 6 << 20);
    let running = input.start().await;
    eventually("the spool is full", async || {
        input.now().state == InputState::Blocked
    })
    .await;
    assert_eq!(safe.load(Ordering::SeqCst), 0);
    let id = input.known().await.id;
    let queued = input.spool.queued(id);
    let mut posted = Vec::new();
    while posted.len() < 20 {
        let next = input.spool.next(id, 0, 1, 1).await.unwrap();
        let Some(record) = next.first() else {
            queued.notified().await;
            continue;
        };
        posted.push(String::from_utf8_lossy(&record.data).trim().to_owned());
        input.spool.posted(id, record.id);
    }
    let expected: Vec<String> = (0..20).map(|record: u32| record.to_string()).collect();
    assert_eq!(posted, expected);
    eventually("the ping is answered", async || {
        safe.load(Ordering::SeqCst) == 20
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_came_before_an_end_is_taken() {
    let mut nth = 0;
    let address = server(move |mut socket| {
        nth += 1;
        async move {
            let text = format!("before end {nth}");
            socket.send(Message::text(text)).await.unwrap();
            match nth {
                1 => {
                    let (code, reason) = (CloseCode::Away, "maintenance".into());
                    socket
                        .close(Some(CloseFrame { code, reason }))
                        .await
                        .unwrap();
                    assert!(until_closed(&mut socket).await.is_some());
                }
                2 => drop(socket),
                // a frame of a kind that there is none of
                3 => {
                    let raw = socket.get_mut();
                    raw.write_all(b"\x83\x00").await.unwrap();
                    until_closed(&mut socket).await;
                }
                // half a frame
                _ => {
                    let raw = socket.get_mut();
                    raw.write_all(b"\x81\x0ahalf").await.unwrap();
                    raw.shutdown().await.unwrap();
                }
            }
        }
    })
    .await;
    let input = input(address);
    for (nth, expected) in [
        "the server closed: code 1001, maintenance",
        "without closing handshake",
        "invalid opcode",
        "without closing handshake",
    ]
    .into_iter()
    .enumerate()
    {
        let error = format!("{:#}", input.fetch().await.unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert!(
            error.contains("/events:") && !error.contains("hush"),
            "{error}"
        );
        assert_eq!(input.taken().await.len(), nth + 1);
    }
}

#[tokio::test]
async fn what_is_too_long_is_left_out_and_told() {
    let codes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&codes);
    let address = server(move |mut socket| {
        let seen = Arc::clone(&seen);
        async move {
            socket.send(Message::text("before")).await.unwrap();
            // the header of a frame of 16 MiB
            let raw = socket.get_mut();
            let header = [&[0x82, 127][..], &(16_u64 << 20).to_be_bytes()].concat();
            raw.write_all(&header).await.unwrap();
            let closed = until_closed(&mut socket).await;
            seen.lock().unwrap().push(closed.map(|frame| frame.code));
        }
    })
    .await;
    let input = input(address);
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(error.ends_with("a message of more than 15 MiB"), "{error}");
    assert_eq!(input.taken().await, ["before"]);
    let complaint = input.now().last_error.unwrap();
    assert!(complaint.contains("more than 15 MiB"), "{complaint}");
    eventually("it is closed", async || !codes.lock().unwrap().is_empty()).await;
    assert_eq!(*codes.lock().unwrap(), [Some(CloseCode::Size)]);
}

#[tokio::test]
async fn a_silent_server_is_pinged_and_given_up() {
    // one that answers pings is well
    let address = server(|mut socket| async move {
        until_closed(&mut socket).await;
    })
    .await;
    let well = input(address);
    let listening = well.start().await;
    // one that is only there is not
    let address = server(|socket| async move {
        let _open = socket;
        std::future::pending().await
    })
    .await;
    let error = format!("{:#}", input(address).fetch().await.unwrap_err());
    assert!(
        error.ends_with("nothing came for 2s, not even a pong"),
        "{error}"
    );
    assert_eq!(listening.stop().await.unwrap(), Next::Period);
}

#[tokio::test]
async fn a_stop_takes_what_is_in_hand_and_closes() {
    let closed = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&closed);
    let address = server(move |mut socket| {
        let at = Arc::clone(&at);
        async move {
            for record in 0..5 {
                socket
                    .send(Message::text(format!("{record}")))
                    .await
                    .unwrap();
            }
            until_closed(&mut socket).await;
            at.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let input = input(address);
    let running = input.start().await;
    input.wait_for(5).await;
    assert_eq!(running.stop().await.unwrap(), Next::Period);
    eventually("the server is told", async || {
        closed.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_understood() {
    async fn answer(text: &'static str) -> anyhow::Error {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
        });
        input(address).fetch().await.unwrap_err()
    }
    let error = answer("HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n").await;
    let later: &Later = error.downcast_ref().unwrap();
    assert_eq!(later.wait, Duration::from_secs(120));
    assert!(
        error
            .to_string()
            .ends_with("/events answers 503 Service Unavailable"),
        "{error}"
    );
    for (text, expected) in [
        (
            "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n",
            "/events answers 401 Unauthorized",
        ),
        (
            "HTTP/1.1 401 No\r\ncontent-length: 45\r\n\r\n{\"message\":\"the token hush expired on 5 Nov\"}",
            "/events answers 401 Unauthorized: the token *** expired on 5 Nov",
        ),
        (
            "HTTP/1.1 301 Moved\r\nlocation: https://other.example/hush\r\ncontent-length: 0\r\n\r\n",
            "/events answers 301 Moved Permanently, and redirects to wss://other.example, which is not followed: if that \
             is right, set url to it",
        ),
    ] {
        let error = answer(text).await;
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    let error = answer("hello\r\n\r\n").await;
    assert!(error.to_string().ends_with("/events"), "{error:#}");
}

#[tokio::test]
#[should_panic(expected = "settings.headers.upgrade")]
async fn a_header_of_the_handshake_is_refused() {
    let settings = json!({"url": "ws://localhost/", "headers": {"upgrade": "x"}});
    Input::new("websocket", settings).source();
}

#[tokio::test]
#[should_panic(expected = "give them as the header authorization")]
async fn a_password_in_the_url_is_refused() {
    Input::new("websocket", json!({"url": "wss://me:hush@localhost/"})).source();
}

/// The roots that are trusted come from the environment, so another process connects.
#[tokio::test]
async fn tls_with_the_roots_of_the_machine() {
    let acceptor = acceptor("server");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut socket = accept_async(stream).await.unwrap();
            while socket.next().await.is_some() {}
        }
    });
    let connect = |roots: PathBuf| {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "--ignored", "websocket::tls_client"])
            .env("SSL_CERT_FILE", roots)
            .env("CYBEXP_TEST_URL", format!("wss://localhost:{port}/"));
        tokio::task::spawn_blocking(move || test.output().unwrap())
    };
    let trusted = connect(fixture("ca.pem")).await.unwrap();
    assert!(trusted.status.success(), "{trusted:?}");
    // and not whoever comes along
    let other = connect(fixture("self-signed.pem")).await.unwrap();
    let said = String::from_utf8_lossy(&other.stdout).into_owned();
    assert!(
        !other.status.success() && said.contains("certificate"),
        "{said}"
    );
}

#[tokio::test]
#[ignore = "started by tls_with_the_roots_of_the_machine"]
async fn tls_client() {
    // as every daemon does
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    let url = std::env::var("CYBEXP_TEST_URL").unwrap();
    let input = Input::new("websocket", json!({"url": url}));
    input
        .source()
        .check()
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
}
