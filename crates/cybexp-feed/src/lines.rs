//! Text, line by line.

use std::io::{BufRead, Read};

use crate::body;
use crate::piece::FeedPiece;
use crate::pieces::Gone;

/// A longer line is no URL, and no record of a feed.
const LINE_BYTES: u64 = 64 << 10;

/// Hands out the lines of `input`, with their length, without white space around them, and without empty ones.
pub(crate) fn split(
    mut input: impl BufRead,
    mut out: impl FnMut(FeedPiece<String>, usize) -> Result<(), Gone>,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        number += 1;
        let mut bounded = (&mut input).take(LINE_BYTES);
        if bounded.read_until(b'\n', &mut line).map_err(body::failed)? == 0 {
            return Ok(());
        }
        let whole = line.ends_with(b"\n") || (line.len() as u64) < LINE_BYTES;
        if !whole {
            input.skip_until(b'\n').map_err(body::failed)?;
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        let piece = match std::str::from_utf8(text).map(str::trim) {
            _ if !whole => {
                FeedPiece::Left(format!("line {number} is longer than {LINE_BYTES} bytes"))
            }
            Err(_) => FeedPiece::Left(format!("line {number} is not UTF-8")),
            Ok("") => continue,
            Ok(text) => FeedPiece::Good(text.to_owned()),
        };
        out(piece, line.len())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Result<String, String>> {
        let mut all = Vec::new();
        split(text, |piece, _| {
            all.push(match piece {
                FeedPiece::Good(line) => Ok(line),
                FeedPiece::Left(why) => Err(why),
            });
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn trimmed_and_without_empty_ones() {
        let good = |text: &str| Ok(text.to_owned());
        let text = b"\xef\xbb\xbfhttp://a/\r\n\n  \n\thttp://b/ \nhttp://c/";
        let expected = [good("http://a/"), good("http://b/"), good("http://c/")];
        assert_eq!(lines(text), expected);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn what_is_too_long_or_no_text_is_left_out() {
        let (full, long) = ("x".repeat(65_535), "x".repeat(200_000));
        let text = [full.as_bytes(), b"\n", long.as_bytes(), b"\na\xffb\nc\n"].concat();
        let expected = [
            Ok(full),
            Err("line 2 is longer than 65536 bytes".to_owned()),
            Err("line 3 is not UTF-8".to_owned()),
            Ok("c".to_owned()),
        ];
        assert_eq!(lines(&text), expected);
    }
}
