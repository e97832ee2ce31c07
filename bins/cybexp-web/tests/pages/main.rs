//! The pages, served by the real daemons on a real MongoDB, and seen through HTTP and in a browser.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod accessible;
mod admin;
mod browser;
mod driver;
mod guard;
mod hostile;
mod judging;
mod look;
mod measure;
mod people;
mod pictures;
mod posting;
mod sign_in;
mod site;
mod suite;
mod tasks;
mod walk;
mod watching;
