//! Each plugin against a real counterpart.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod harness;
mod http;
mod openphish;
mod phishtank;
mod server;
mod websocket;
