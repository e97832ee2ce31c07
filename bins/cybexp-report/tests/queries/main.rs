//! Queries put into the queue of a running report daemon, and what comes of them.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod access;
mod budgets;
mod count;
mod forms;
mod forms_of_values;
mod graph;
mod known_good;
mod life;
mod others;
mod pages;
mod seen;
mod sessions;
mod stories;
mod threatrank;
mod timelines;
mod values;
mod world;
mod wrong;
