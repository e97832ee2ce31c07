//! The ways to read a response: as elements of a list, as lines, as a whole.

use reqwest::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt;

use crate::json::plan::{Beside, ListPlan};
use crate::limits::{BODY_BYTES, RECORD_BYTES};
use crate::markup::cleaned;
use crate::piece::FeedPiece;
use crate::pieces::Pieces;
use crate::{body, json, lines as text_lines, markup};

/// The text of a value, as it was sent.
pub fn text(json: Box<RawValue>) -> String {
    Box::<str>::from(json).into()
}

/// Reads an object. serde would take a list for a struct, too.
///
/// # Errors
/// Says in a few words why it cannot be read as `T`.
pub fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, String> {
    if !json.get().starts_with('{') {
        return Err("it is no object".to_owned());
    }
    serde_json::from_str(json.get()).map_err(|error| cleaned(&error.to_string()))
}

/// The elements of the list in a JSON document, as they were sent.
pub async fn items(response: Response, plan: ListPlan) -> anyhow::Result<Pieces<Box<RawValue>>> {
    let body = body::open(response, BODY_BYTES).await?;
    Ok(Pieces::of(body, move |input, out| {
        json::split(input, &plan, plan.most, |piece, bytes| {
            out.push(piece, bytes)
        })
    }))
}

/// The elements of the list in a JSON text that is in memory already, and why others are left out.
///
/// # Errors
/// When it is no JSON, or has no list there.
pub fn split(text: &[u8], plan: &ListPlan) -> anyhow::Result<(Vec<Box<RawValue>>, Option<String>)> {
    let (mut elements, mut left) = (Vec::new(), None);
    json::split(text, plan, plan.most, |piece, _| {
        match piece {
            FeedPiece::Good(element) => elements.push(element),
            FeedPiece::Left(why) => left = left.take().or(Some(why)),
        }
        Ok(())
    })?;
    Ok((elements, left))
}

/// The text of a page for people that came in place of a feed.
pub async fn says(response: Response) -> Option<String> {
    let head = body::head(response).await;
    let says = cleaned(&markup::markup(&String::from_utf8_lossy(&head)));
    (!says.is_empty()).then_some(says)
}

/// The lines of a text, without white space around them, and without those that are empty.
pub async fn lines(response: Response) -> anyhow::Result<Pieces<String>> {
    let body = body::open(response, BODY_BYTES).await?;
    Ok(Pieces::of(body, |input, out| {
        text_lines::split(input, |piece, bytes| out.push(piece, bytes))?;
        Ok(Beside::default())
    }))
}

/// The whole body, where it fits into a record, without a byte order mark.
///
/// # Errors
/// When it is longer, or ends early.
pub async fn whole(response: Response) -> anyhow::Result<Vec<u8>> {
    let body = body::open(response, BODY_BYTES).await?;
    let mut bytes = Vec::new();
    let mut body = body.take(RECORD_BYTES as u64 + 1);
    body.read_to_end(&mut bytes).await.map_err(body::failed)?;
    anyhow::ensure!(
        bytes.len() <= RECORD_BYTES,
        "the answer is longer than {RECORD_BYTES} bytes, which is the most that one record can hold"
    );
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(bytes)
}
