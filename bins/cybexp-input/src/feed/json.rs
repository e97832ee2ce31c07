//! The elements of a list in a JSON document, one by one.
//!
//! serde_json would read a whole element, however long it is, before it could be asked whether it is too long; this reader
//! looks for the ends of elements only, keeps one at a time up to a limit, and leaves it to serde_json to check it.

use std::io::BufRead;

use anyhow::{anyhow, bail, ensure};
use serde_json::value::RawValue;

use super::pieces::Gone;
use super::{Piece, body};

/// A longer key is none that anybody asks for.
const KEY_BYTES: usize = 4096;
/// What is told of an element that is left out.
const SHOWN_BYTES: usize = 80;

/// Where a list is in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Where {
    keys: Vec<String>,
    or_top: bool,
}

impl Where {
    /// The list that these keys lead to, with dots between them; the document itself for `` and `.`.
    pub(crate) fn path(path: &str) -> Self {
        let keys = path.split('.').filter(|key| !key.is_empty());
        Self {
            keys: keys.map(str::to_owned).collect(),
            or_top: false,
        }
    }

    /// Or the document itself, where that is a list.
    pub(crate) fn or_top(self) -> Self {
        Self {
            or_top: true,
            ..self
        }
    }

    fn name(&self, keys: usize) -> String {
        match keys {
            0 => "the document".to_owned(),
            keys => self.keys[..keys].join("."),
        }
    }
}

/// Hands out the elements of the list at `place`, with their length; one that has more than `max` bytes, or is no JSON, is
/// left out. The whole document is read, so that one that was cut off is not taken for a shorter one.
///
/// # Errors
/// When the document ends early, is no JSON around the list, or has no list there.
pub(super) fn split(
    input: impl BufRead,
    place: &Where,
    max: usize,
    mut out: impl FnMut(Piece<Box<RawValue>>, usize) -> Result<(), Gone>,
) -> anyhow::Result<()> {
    let mut reader = Reader { input, at: 0 };
    reader.skip_mark()?;
    let depth = reader.enter(place)?;
    let name = place.name(depth);
    let mut number = 0_u64;
    let mut more = reader.next()? != b']';
    while more {
        number += 1;
        let mut kept = Kept::new(max);
        reader.value(&mut kept)?;
        let length = kept.bytes.len();
        out(kept.piece(|| format!("element {number} of {name}")), length)?;
        match reader.next()? {
            b',' => reader.skip(1),
            b']' => more = false,
            byte => bail!(reader.unexpected(byte)),
        }
    }
    reader.skip(1);
    if depth > 0 {
        reader.nested(depth as u64, &mut Kept::new(0))?;
    }
    match reader.peek_after_space()? {
        None => Ok(()),
        Some(byte) => bail!(reader.unexpected(byte)),
    }
}

/// The bytes of a value, as far as they are wanted.
struct Kept {
    bytes: Vec<u8>,
    max: usize,
    length: u64,
}

impl Kept {
    fn new(max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            max,
            length: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = self.max.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.length += bytes.len() as u64;
    }

    fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.length
    }

    fn piece(self, name: impl Fn() -> String) -> Piece<Box<RawValue>> {
        let shown = self.bytes.iter().take(SHOWN_BYTES).copied().collect();
        let left = |reason: String, shown: Vec<u8>| {
            let shown = super::cleaned(&String::from_utf8_lossy(&shown));
            Piece::Left(format!("{}, {shown}…, {reason}", name()))
        };
        if !self.is_whole() {
            let reason = format!("has {} bytes; {} are the most", self.length, self.max);
            return left(reason, shown);
        }
        let text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(_) => return left("is not UTF-8".to_owned(), shown),
        };
        match RawValue::from_string(text) {
            Ok(value) => Piece::Good(value),
            Err(error) => left(format!("is no JSON: {error}"), shown),
        }
    }
}

struct Reader<R> {
    input: R,
    /// Bytes read.
    at: u64,
}

impl<R: BufRead> Reader<R> {
    /// Goes into the list, past its bracket; how many keys lead there.
    fn enter(&mut self, place: &Where) -> anyhow::Result<usize> {
        for (depth, key) in place.keys.iter().enumerate() {
            match self.next()? {
                b'{' => self.skip(1),
                b'[' if place.or_top && depth == 0 => {
                    self.skip(1);
                    return Ok(0);
                }
                byte => {
                    self.could_be_json(byte)?;
                    bail!(
                        "{} is no object, so there is no {}",
                        place.name(depth),
                        place.name(depth + 1)
                    );
                }
            }
            if !self.find(key)? {
                bail!("there is no {} in the answer", place.name(depth + 1));
            }
        }
        let depth = place.keys.len();
        let byte = self.next()?;
        self.could_be_json(byte)?;
        ensure!(byte == b'[', "{} is no list", place.name(depth));
        self.skip(1);
        Ok(depth)
    }

    /// Goes to the value of this key of the object that has just begun; whether it is there.
    fn find(&mut self, wanted: &str) -> anyhow::Result<bool> {
        loop {
            match self.next()? {
                b'}' => return Ok(false),
                b',' => self.skip(1),
                b'"' => {
                    let mut key = Kept::new(KEY_BYTES);
                    self.value(&mut key)?;
                    match self.next()? {
                        b':' => self.skip(1),
                        byte => bail!(self.unexpected(byte)),
                    }
                    let key = key
                        .is_whole()
                        .then(|| serde_json::from_slice::<String>(&key.bytes));
                    if key.is_some_and(|key| key.is_ok_and(|key| key == wanted)) {
                        return Ok(true);
                    }
                    self.value(&mut Kept::new(0))?;
                }
                byte => bail!(self.unexpected(byte)),
            }
        }
    }

    /// Reads one value.
    fn value(&mut self, kept: &mut Kept) -> anyhow::Result<()> {
        let first = self.next()?;
        self.could_be_json(first)?;
        match first {
            b'"' | b'{' | b'[' => self.nested(0, kept),
            _ => self.scalar(kept),
        }
    }

    /// Reads to the end of what begins here, or of the objects and lists of this depth that it is in.
    fn nested(&mut self, mut depth: u64, kept: &mut Kept) -> anyhow::Result<()> {
        let (mut string, mut escaped) = (false, false);
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            ensure!(
                !buffer.is_empty(),
                "the answer ends early, after {} bytes",
                self.at
            );
            let end = buffer.iter().position(|&byte| {
                if escaped {
                    escaped = false;
                    return false;
                }
                match byte {
                    b'\\' if string => escaped = true,
                    b'"' => string = !string,
                    b'{' | b'[' if !string => depth += 1,
                    b'}' | b']' if !string => depth = depth.saturating_sub(1),
                    _ => return false,
                }
                depth == 0 && !string
            });
            let used = end.map_or(buffer.len(), |end| end + 1);
            kept.add(&buffer[..used]);
            self.skip(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// Reads a number, or `true`, `false`, `null`.
    fn scalar(&mut self, kept: &mut Kept) -> anyhow::Result<()> {
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            let ends =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
            let end = buffer.iter().position(ends);
            let used = end.unwrap_or(buffer.len());
            kept.add(&buffer[..used]);
            self.skip(used);
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }

    fn peek(&mut self) -> anyhow::Result<Option<u8>> {
        let buffer = self.input.fill_buf().map_err(body::failed)?;
        Ok(buffer.first().copied())
    }

    fn skip(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.at += bytes as u64;
    }

    /// The next byte that is no white space; it is not read yet.
    fn peek_after_space(&mut self) -> anyhow::Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let Some(at) = buffer.iter().position(|byte| !space(byte)) else {
                let spaces = buffer.len();
                if spaces == 0 {
                    return Ok(None);
                }
                self.skip(spaces);
                continue;
            };
            let byte = buffer[at];
            self.skip(at);
            return Ok(Some(byte));
        }
    }

    fn next(&mut self) -> anyhow::Result<u8> {
        let next = self.peek_after_space()?;
        next.ok_or_else(|| anyhow!("the answer ends early, after {} bytes", self.at))
    }

    /// Skips a byte order mark.
    fn skip_mark(&mut self) -> anyhow::Result<()> {
        if self.peek()? == Some(0xef) {
            let mut mark = [0; 3];
            self.input.read_exact(&mut mark).map_err(body::failed)?;
            ensure!(mark == *b"\xef\xbb\xbf", "the answer is no JSON");
            self.at += 3;
        }
        Ok(())
    }

    fn could_be_json(&self, first: u8) -> anyhow::Result<()> {
        match first {
            b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Ok(()),
            other => Err(self.unexpected(other)),
        }
    }

    fn unexpected(&self, byte: u8) -> anyhow::Error {
        let html = if byte == b'<' && self.at < 100 {
            " (it looks like HTML)"
        } else {
            ""
        };
        anyhow!(
            "the answer is no JSON: '{}' at byte {}{html}",
            byte.escape_ascii(),
            self.at
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(
        text: &[u8],
        place: &Where,
        buffer: usize,
    ) -> anyhow::Result<Vec<Result<String, String>>> {
        let mut all = Vec::new();
        split(
            BufReader::with_capacity(buffer, text),
            place,
            30,
            |piece, _| {
                all.push(match piece {
                    Piece::Good(value) => Ok(value.get().to_owned()),
                    Piece::Left(why) => Err(why),
                });
                Ok(())
            },
        )?;
        Ok(all)
    }

    #[track_caller]
    fn good(text: &str, place: &Where, expected: &[&str]) {
        for buffer in [1, 2, 7, 1000] {
            let all: Result<Vec<String>, String> = all(text.as_bytes(), place, buffer)
                .unwrap()
                .into_iter()
                .collect();
            assert_eq!(all.unwrap(), expected, "{text}");
        }
    }

    #[track_caller]
    fn bad(text: &str, place: &Where, error: &str) {
        for buffer in [1, 1000] {
            let found = all(text.as_bytes(), place, buffer).unwrap_err().to_string();
            assert_eq!(found, error, "{text}");
        }
    }

    #[test]
    fn elements_as_they_were_sent() {
        let top = Where::path(".");
        assert_eq!(top, Where::path(""));
        good("[]", &top, &[]);
        good(" [ ] \n", &top, &[]);
        good("\u{feff}[1]", &top, &["1"]);
        let text = r#"[1 ,-2.5e3,true,null, "a,]\"}\\" , {"b": [1, {"]": 2}]},[ [] ,{}]]"#;
        let expected = [
            "1",
            "-2.5e3",
            "true",
            "null",
            r#""a,]\"}\\""#,
            r#"{"b": [1, {"]": 2}]}"#,
            "[ [] ,{}]",
        ];
        good(text, &top, &expected);
    }

    #[test]
    fn a_list_inside() {
        let place = Where::path("data.list");
        let text = r#"{"list": [0], "x": {"data": 1}, "data": {"a": "}", "l\u0069st": [7, {}], "z": [9]}, "data": 3}"#;
        good(text, &place, &["7", "{}"]);
        bad(
            r#"{"data": {}}"#,
            &place,
            "there is no data.list in the answer",
        );
        bad(
            r#"{"data": [1]}"#,
            &place,
            "data is no object, so there is no data.list",
        );
        bad(r#"{"data": {"list": {}}}"#, &place, "data.list is no list");
        let place = Where::path("response").or_top();
        good(r#"{"response": [1]}"#, &place, &["1"]);
        good("[1]", &place, &["1"]);
        bad(
            "5",
            &place,
            "the document is no object, so there is no response",
        );
    }

    #[test]
    fn a_document_that_is_cut_off_is_an_error_wherever_it_is() {
        let text = r#"{"a": [1, "b"], "data": {"list": [{"c": 1}, 2 ], "d": null}, "e": "f"}"#;
        let place = Where::path("data.list");
        for cut in 0..text.len() {
            let error = all(&text.as_bytes()[..cut], &place, 1000).unwrap_err();
            assert!(error.to_string().contains("ends early"), "{cut}: {error}");
        }
        good(text, &place, &[r#"{"c": 1}"#, "2"]);
    }

    #[test]
    fn what_is_no_json() {
        let top = Where::path("");
        bad(
            "<html>",
            &top,
            "the answer is no JSON: '<' at byte 0 (it looks like HTML)",
        );
        bad("[1 2]", &top, "the answer is no JSON: '2' at byte 3");
        bad("[1,]", &top, "the answer is no JSON: ']' at byte 3");
        bad("[,1]", &top, "the answer is no JSON: ',' at byte 1");
        bad("[1] x", &top, "the answer is no JSON: 'x' at byte 4");
        bad(
            r#"[{"a": ]}]"#,
            &top,
            "the answer is no JSON: '}' at byte 8",
        );
        bad("{}", &top, "the document is no list");
    }

    #[test]
    fn a_bad_element_does_not_take_the_others_with_it() {
        let long = "x".repeat(100);
        let text = [
            br#"[1, {"a": bad}, ""#,
            long.as_bytes(),
            br#"", "a"#,
            b"\xff",
            br#"", tru, 01, 2]"#,
        ];
        let all = all(&text.concat(), &Where::path(""), 7).unwrap();
        let left: Vec<bool> = all.iter().map(Result::is_err).collect();
        assert_eq!(left, [false, true, true, true, true, true, false]);
        assert_eq!(
            all[2].as_ref().unwrap_err(),
            "element 3 of the document, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…, has 102 bytes; 30 are the most"
        );
    }
}
