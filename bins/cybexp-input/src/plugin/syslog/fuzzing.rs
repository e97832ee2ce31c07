//! The readers of a TCP stream, for fuzz targets.

use std::net::{IpAddr, Ipv4Addr};

use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::framing::{Frame, Frames, LONGEST};
use super::message::{MessageFormat, Post};

/// Splits a stream into messages and makes a record of each. How the stream came in pieces changes nothing.
///
/// # Panics
/// If it does, or if a record is no JSON.
pub fn syslog(stream: &[u8]) {
    let whole = frames(stream, stream.len().max(1));
    // a stream that marks no ends is taken apart whenever it is longer than a message may be
    if stream.len() < LONGEST {
        for step in [1, 7] {
            assert_eq!(whole, frames(stream, step), "in pieces of {step}");
        }
    }
    let peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let now = DateTime::from_timestamp(1_600_000_000, 0).expect("a time");
    for frame in &whole {
        assert!(frame.data.len() <= LONGEST);
        for post in [Post::Fields, Post::Message] {
            let format = MessageFormat {
                post,
                zone: Tz::Europe__Berlin,
            };
            let record = format.record(&frame.data, peer, now);
            if let (Post::Fields, Some(record)) = (post, record) {
                let object = serde_json::from_slice::<Map<String, Value>>(&record);
                object.expect("a JSON object");
            }
        }
    }
}

fn frames(stream: &[u8], step: usize) -> Vec<Frame> {
    let (mut frames, mut all) = (Frames::default(), Vec::new());
    for piece in stream.chunks(step) {
        frames.push(piece, &mut all);
    }
    frames.end(&mut all);
    all
}
