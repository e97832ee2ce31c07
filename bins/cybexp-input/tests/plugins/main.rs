//! Each plugin against a real counterpart.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

#[cfg(feature = "database")]
mod database;
mod file;
mod harness;
mod http;
mod misp_api;
mod misp_file;
mod openphish;
mod phishtank;
mod server;
mod syslog;
mod taxii;
mod websocket;
