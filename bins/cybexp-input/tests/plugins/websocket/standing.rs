//! Connections that stand, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cybexp_testkit::eventually;
use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::{input, server, settings, until_closed};
use crate::harness::Input;

#[tokio::test]
async fn a_server_that_always_sends_is_pinged_too() {
    let pings = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&pings);
    let address = server(move |mut socket| {
        let seen = Arc::clone(&seen);
        async move {
            loop {
                if socket.send(Message::text("more")).await.is_err() {
                    return;
                }
                let read = tokio::time::timeout(Duration::from_millis(50), socket.next()).await;
                match read {
                    Ok(Some(Ok(Message::Ping(_)))) => seen.fetch_add(1, Ordering::SeqCst),
                    Ok(None | Some(Err(_))) => return,
                    _ => 0,
                };
            }
        }
    })
    .await;
    let input = input(address);
    let since = Instant::now();
    let running = input.start().await;
    eventually("three pings", async || pings.load(Ordering::SeqCst) >= 3).await;
    assert!(since.elapsed() >= Duration::from_secs(3), "one a second");
    running.stop().await.unwrap();
    assert!(input.taken().await.len() > 20);
}

#[tokio::test]
async fn one_bad_text_is_left_out_and_what_comes_behind_it_is_not() {
    let address = server(|mut socket| async move {
        socket.send(Message::text("before")).await.unwrap();
        for frame in [
            &b"\x81\x02\xff\xff"[..],
            b"\x01\x01a\x80\x01\xff",
            b"\x82\x02\xff\xff",
        ] {
            socket.get_mut().write_all(frame).await.unwrap();
        }
        socket.send(Message::text("behind")).await.unwrap();
        until_closed(&mut socket).await;
    })
    .await;
    let input = input(address);
    let running = input.start().await;
    let taken = input.wait_for(3).await;
    assert_eq!(taken, ["before", "\u{fffd}\u{fffd}", "behind"]);
    running.stop().await.unwrap();
    let told = input.now().last_error.unwrap();
    assert!(
        told.contains("a text that is not UTF-8 is left out (2 up to now)"),
        "{told}"
    );
}

#[tokio::test]
async fn several_records_in_a_message() {
    let address = server(|mut socket| async move {
        for text in [
            "{\"a\":1}\n{\"a\":2}\n",
            "[{\"b\":1},{\"b\":2}]",
            "{\"d\":[3]}",
        ] {
            socket.send(Message::text(text)).await.unwrap();
        }
        until_closed(&mut socket).await;
    })
    .await;
    for (items, expected) in [
        (
            json!(null),
            &[
                "{\"a\":1}",
                "{\"a\":2}",
                "[{\"b\":1},{\"b\":2}]",
                "{\"d\":[3]}",
            ][..],
        ),
        (
            json!("."),
            &["{\"a\":1}", "{\"a\":2}", "{\"b\":1}", "{\"b\":2}", "3"],
        ),
        (json!("d"), &["3"]),
    ] {
        let mut settings = settings(address);
        if !items.is_null() {
            settings["items"] = items;
        }
        let input = Input::new("websocket", settings);
        let running = input.start().await;
        assert_eq!(input.wait_for(expected.len()).await, expected);
        running.stop().await.unwrap();
    }
}

/// One fetch of a server that ends each connection like this; whether it stood well.
async fn stood(code: Option<u16>, after: Duration) -> bool {
    let address = server(move |mut socket| async move {
        tokio::time::sleep(after).await;
        if let Some(code) = code {
            let frame = CloseFrame {
                code: CloseCode::from(code),
                reason: "".into(),
            };
            socket.close(Some(frame)).await.unwrap();
            until_closed(&mut socket).await;
        }
    })
    .await;
    let input = input(address);
    input.fetch_standing().await
}

#[tokio::test]
async fn who_only_goes_is_asked_again_soon() {
    let (soon, late) = (Duration::ZERO, Duration::from_millis(1100));
    for (code, after, expected) in [
        (Some(1001), soon, true),
        (Some(1000), soon, true),
        (Some(1012), soon, true),
        (None, late, true),
        // it does not want this client, or fails
        (Some(1008), late, false),
        (Some(4408), late, false),
        (Some(1011), late, false),
        (None, soon, false),
    ] {
        assert_eq!(
            stood(code, after).await,
            expected,
            "{code:?} after {after:?}"
        );
    }
}

#[tokio::test]
async fn pings_go_out_while_a_full_spool_is_waited_for() {
    let pings = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&pings);
    let address = server(move |socket| {
        let seen = Arc::clone(&seen);
        async move {
            let (mut out, mut back) = socket.split();
            let sending = async {
                for _ in 0..40 {
                    let long = Bytes::from(vec![b'x'; 500_000]);
                    let _ = out.send(Message::Binary(long)).await;
                }
            };
            let reading = async {
                while let Some(Ok(message)) = back.next().await {
                    if message.is_ping() {
                        seen.fetch_add(1, Ordering::SeqCst);
                    }
                }
            };
            tokio::join!(sending, reading);
        }
    })
    .await;
    let input = Input::with("websocket", settings(address), 6 << 20);
    let running = input.start().await;
    eventually("two pings", async || pings.load(Ordering::SeqCst) >= 2).await;
    assert_eq!(input.now().state, cybexp_input::status::InputState::Blocked);
    running.kill().await;
}
