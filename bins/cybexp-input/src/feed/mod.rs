//! What the plugins that ask over HTTP have in common.
//!
//! ```text
//! request (client, conditional GET, refusals) ─► body (decompressed, bounded) ─► json | lines ─► pieces ─► plugin
//! ```
//! A body is never held whole: it is taken apart on a thread of its own, and handed on in small groups.

mod body;
mod json;
mod lines;
mod pieces;
mod request;
mod seen;
mod url;
mod validators;

use std::time::Duration;

use reqwest::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt;

pub(crate) use json::Where;
pub(crate) use pieces::Pieces;
pub(crate) use request::{Answer, Http, Options, Redirects, Refused, cleaned};
pub(crate) use seen::Seen;
pub(crate) use url::{origin, web_url};
pub(crate) use validators::Validators;

/// A part of a feed.
#[derive(Debug)]
pub(crate) enum Piece<T> {
    /// An element, a line.
    Good(T),
    /// What has no place in a record, and why.
    Left(String),
}

/// The text of a value, as it was sent.
pub(crate) fn text(json: Box<RawValue>) -> String {
    Box::<str>::from(json).into()
}

/// Reads an object. serde would take a list for a struct, too.
///
/// # Errors
/// Says in a few words why it cannot be read as `T`.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, String> {
    if !json.get().starts_with('{') {
        return Err("it is no object".to_owned());
    }
    serde_json::from_str(json.get()).map_err(|error| cleaned(&error.to_string()))
}

/// The longest record: a raw document ends at 15 MiB.
pub(crate) const RECORD_BYTES: usize = 15 << 20;
/// The longest body, decompressed.
pub(crate) const BODY_BYTES: u64 = 1 << 30;
/// How long a source may be silent while it is listened to.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// The elements of the list at this place of a JSON document, as they were sent.
pub(crate) async fn items(
    response: Response,
    place: Where,
) -> anyhow::Result<Pieces<Box<RawValue>>> {
    let body = body::open(response, BODY_BYTES).await?;
    Ok(Pieces::of(body, move |input, out| {
        json::split(input, &place, RECORD_BYTES, |piece, bytes| {
            out.push(piece, bytes)
        })
    }))
}

/// The lines of a text, without white space around them, and without those that are empty.
pub(crate) async fn lines(response: Response) -> anyhow::Result<Pieces<String>> {
    let body = body::open(response, BODY_BYTES).await?;
    Ok(Pieces::of(body, |input, out| {
        lines::split(input, |piece, bytes| out.push(piece, bytes))
    }))
}

/// The whole body, where it fits into a record.
///
/// # Errors
/// When it is longer, or ends early.
pub(crate) async fn whole(response: Response) -> anyhow::Result<Vec<u8>> {
    let body = body::open(response, BODY_BYTES).await?;
    let mut bytes = Vec::new();
    let mut body = body.take(RECORD_BYTES as u64 + 1);
    body.read_to_end(&mut bytes).await.map_err(body::failed)?;
    anyhow::ensure!(
        bytes.len() <= RECORD_BYTES,
        "the answer is longer than {RECORD_BYTES} bytes, which is the most that one record can hold"
    );
    Ok(bytes)
}
