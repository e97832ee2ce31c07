//! A websocket server that wants to fill the memory: in a process of its own, whose memory is measured.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

#[path = "../plugins/harness.rs"]
mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::harness::Input;

const PINGS: usize = 16 << 20;

fn mib(what: &str) -> u64 {
    cybexp_testkit::status_of(std::process::id(), what).unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_whose_pongs_are_not_read_fill_no_memory() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let frame = [&[0x89, 125][..], &[b'x'; 125]].concat().repeat(1000);
        while socket.get_mut().write_all(&frame).await.is_ok() {
            counted.fetch_add(frame.len(), Ordering::SeqCst);
        }
    });
    let settings = json!({"url": format!("ws://127.0.0.1:{port}/"), "quiet_s": 600});
    let input = Input::new("websocket", settings);
    let before = mib("VmRSS");
    let running = input.start().await;
    let enough = async || sent.load(Ordering::SeqCst) > PINGS;
    cybexp_testkit::eventually("many pings", enough).await;
    let grown = mib("VmRSS").saturating_sub(before);
    eprintln!(
        "{} MiB of pings, {grown} MiB more",
        sent.load(Ordering::SeqCst) >> 20
    );
    assert!(grown < 16, "{grown} MiB");
    running.kill().await;
}
