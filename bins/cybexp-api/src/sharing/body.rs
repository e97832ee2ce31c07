//! The bytes of a feed, written while the database is read: memory for one piece, however long the feed is.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cybexp_share::{FeedWriter, Tlp};
use cybexp_store::{FeedRows, StoreError};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::convert::item;

/// The time that a client may take for a piece.
const SLOW: Duration = Duration::from_secs(60);

/// Writer of a feed's file, and the rows that are still to be written.
struct Writing {
    rows: FeedRows,
    tlp: Tlp,
    writer: Option<FeedWriter>,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl Writing {
    /// Returns the next piece of the body; `None` at its end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        while self.writer.is_some() {
            let piece = match self.rows.next().await? {
                Some(row) => {
                    let item = item(&row, self.tlp);
                    let writer = self.writer.as_mut();
                    writer
                        .zip(item)
                        .and_then(|(writer, item)| writer.push(&item))
                }
                None => self.writer.take().map(|writer| writer.end().0),
            };
            let Some(piece) = piece else {
                continue;
            };
            let piece = self.packed(piece);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Compresses a piece, if the client takes that. A piece may be held back.
    fn packed(&mut self, piece: Vec<u8>) -> Vec<u8> {
        let Some(gzip) = &mut self.gzip else {
            return piece;
        };
        // writing to memory does not fail
        let _ = gzip.write_all(&piece);
        match self.writer.is_some() {
            true => std::mem::take(gzip.get_mut()),
            false => self
                .gzip
                .take()
                .and_then(|gzip| gzip.finish().ok())
                .unwrap_or_default(),
        }
    }
}

/// The name of the state of a feed's file, as of a change of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    /// Returns the tag of a file of a feed.
    pub(crate) fn of(key: &str, seq: i64, file: &str) -> Self {
        Self(format!("\"{key}-{seq}-{file}\""))
    }

    /// Whether the client has this state.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(IF_NONE_MATCH).iter();
        let known = known.filter_map(|value| value.to_str().ok());
        known
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == self.0 || tag == "*")
    }

    fn headers(&self) -> [(HeaderName, HeaderValue); 3] {
        let tag = HeaderValue::from_str(&format!("W/{}", self.0));
        [
            (
                header::ETAG,
                tag.unwrap_or(HeaderValue::from_static("W/\"\"")),
            ),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("private, no-cache"),
            ),
            (
                header::VARY,
                HeaderValue::from_static("Accept-Encoding, Authorization"),
            ),
        ]
    }

    /// Returns the response to a client that has this state.
    pub(crate) fn not_modified(&self) -> Response {
        (StatusCode::NOT_MODIFIED, self.headers()).into_response()
    }

    /// Returns the response with a whole file.
    pub(crate) fn whole(
        &self,
        media_type: &'static str,
        file: Vec<u8>,
        headers: &HeaderMap,
    ) -> Response {
        let kind = [(header::CONTENT_TYPE, media_type)];
        if !takes_gzip(headers) || file.len() < 1024 {
            return (self.headers(), kind, file).into_response();
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = gzip.write_all(&file).and_then(|()| gzip.finish());
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        (self.headers(), kind, encoding, packed.unwrap_or_default()).into_response()
    }

    /// Returns the response with a file that is written while it is sent.
    pub(crate) fn stream(
        &self,
        media_type: &'static str,
        (writer, rows, tlp, turn): (FeedWriter, FeedRows, Tlp, OwnedSemaphorePermit),
        headers: &HeaderMap,
    ) -> Response {
        let packs = takes_gzip(headers);
        let mut writing = Writing {
            rows,
            tlp,
            writer: Some(writer),
            gzip: packs.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
        };
        // in a task of its own: a client that leaves must not cut an operation of the database short
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let _turn = turn;
            loop {
                let piece = match writing.next().await {
                    Ok(Some(piece)) => Ok(Bytes::from(piece)),
                    Ok(None) => return,
                    Err(error) => {
                        tracing::error!(%error, "a feed was cut off");
                        Err(error)
                    }
                };
                let ends = piece.is_err();
                if sender.send_timeout(piece, SLOW).await.is_err() || ends {
                    return;
                }
            }
        });
        let pieces = stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        });
        let kind = [(header::CONTENT_TYPE, media_type)];
        let mut response = (self.headers(), kind, Body::from_stream(pieces)).into_response();
        if packs {
            let encoding = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, encoding);
        }
        response
    }
}

/// Whether the client takes gzip.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = matches!(parts.next(), Some("gzip" | "*"));
        let refused = |weight: &str| {
            let weight = weight
                .strip_prefix("q=")
                .and_then(|q| q.parse::<f32>().ok());
            weight == Some(0.0)
        };
        is_gzip && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_whole() {
        let tag = Tag::of("abc", 7, "txt");
        let with = |value: &str| HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]);
        assert!(tag.is_known(&with("W/\"abc-7-txt\"")));
        assert!(tag.is_known(&with("\"x\", \"abc-7-txt\"")));
        assert!(!tag.is_known(&with("\"abc-6-txt\"")));
        assert!(!tag.is_known(&HeaderMap::new()));
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes = |value: &str| {
            takes_gzip(&HeaderMap::from_iter([(
                ACCEPT_ENCODING,
                value.parse().unwrap(),
            )]))
        };
        assert!(takes("gzip, deflate") && takes("br;q=1, gzip;q=0.5") && takes("*"));
        assert!(!takes("gzip;q=0") && !takes("br") && !takes("gzip; q=0.0"));
    }
}
