//! Clients that leave before their answer.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::time::Duration;

use common::start;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Many more than there are connections to the database.
const CLIENTS: usize = 800;

/// Work in the database that was begun for clients who leave is not dropped: MongoDB's driver would then serve no more than
/// two other requests a second, until it came to the end of its queue.
#[tokio::test]
async fn who_leaves_holds_up_nobody() {
    let (site, api) = start("gone", json!({})).await;
    let token = site.token(&site.user().await);
    let request = format!(
        "GET /user/info/self HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        api.address
    );
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(TcpStream::connect(&api.address).await.unwrap());
    }
    for client in &mut clients {
        client.write_all(request.as_bytes()).await.unwrap();
    }
    drop(clients);
    let stays = api.get("/user/info/self", Some(&token));
    let stays = tokio::time::timeout(Duration::from_secs(20), stays);
    assert_eq!(stays.await.expect("an answer").status, 200);
}
