//! Pages in gzip format, part by part, so that a browser shows the first ones while others are made.
//!
//! The length of a compressed response tells whether what was searched stands elsewhere in it (BREACH). So the token of
//! forms is another text in each response (`Session::form_token`), and the length varies at random.

use std::io::{self, Write as _};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use futures::{StreamExt, stream};

/// The most bytes that a response is longer than it need be.
const PADDING: usize = 100;

/// Compresses pages for browsers that take them so.
pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let takes = takes_gzip(request.headers());
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !takes || !is_page {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let (gzip, varies) = ("gzip", "accept-encoding");
    head.headers.remove(CONTENT_LENGTH);
    head.headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static(gzip));
    head.headers.insert(VARY, HeaderValue::from_static(varies));
    let parts = Parts {
        parts: body.into_data_stream(),
        encoder: Some(encoder()),
    };
    let pieces = stream::unfold(parts, async |mut parts| Some((parts.next().await?, parts)));
    Response::from_parts(head, Body::from_stream(pieces))
}

/// A page on its way.
struct Parts {
    parts: BodyDataStream,
    /// `None` once all was sent.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Parts {
    /// Returns the next piece: a part of the page, or the end of the file.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let encoder = self.encoder.as_mut()?;
        match self.parts.next().await {
            Some(Ok(part)) => {
                let written = encoder.write_all(&part).and_then(|()| encoder.flush());
                Some(written.map(|()| std::mem::take(encoder.get_mut()).into()))
            }
            Some(Err(error)) => {
                self.encoder = None;
                Some(Err(io::Error::other(error)))
            }
            None => Some(self.encoder.take()?.finish().map(Bytes::from)),
        }
    }
}

/// Makes an encoder that begins with a name of random length, which browsers skip.
fn encoder() -> GzEncoder<Vec<u8>> {
    let padding = vec![b'x'; rand::random_range(1..=PADDING)];
    let file = GzBuilder::new().filename(padding);
    file.write(Vec::new(), Compression::fast())
}

/// Whether the browser takes files in gzip format (RFC 9110, section 12.5.3).
pub(crate) fn takes_gzip(asked: &HeaderMap) -> bool {
    let lists = asked.get_all(ACCEPT_ENCODING).iter();
    let mut codings = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = |weight: &str| {
            let number = weight.trim_start_matches(['q', 'Q', '=', ' ']);
            number.parse::<f32>().is_ok_and(|weight| weight <= 0.0)
        };
        named && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (list, takes) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("identity", false),
            ("xgzip", false),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(ACCEPT_ENCODING, HeaderValue::from_static(list));
            assert_eq!(takes_gzip(&asked), takes, "{list}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn each_part_can_be_read_as_it_comes() {
        let sent: Vec<Result<&str, io::Error>> = vec![Ok("first"), Ok(" and last")];
        let mut parts = Parts {
            parts: Body::from_stream(stream::iter(sent)).into_data_stream(),
            encoder: Some(encoder()),
        };
        let mut all = Vec::new();
        all.extend(parts.next().await.unwrap().unwrap());
        let mut begun = [0; 5];
        GzDecoder::new(&all[..]).read_exact(&mut begun).unwrap();
        assert_eq!(&begun, b"first");
        while let Some(piece) = parts.next().await {
            all.extend(piece.unwrap());
        }
        let mut text = String::new();
        GzDecoder::new(&all[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "first and last");
    }
}
