//! The elements of a list in a JSON document, one by one.
//!
//! serde_json would read a whole element, however long it is, before it could be asked whether it is too long; this reader
//! looks for the ends of elements only, keeps one at a time up to a limit, and leaves it to serde_json to check it.

mod reader;

use std::io::BufRead;

use anyhow::bail;
use serde_json::value::RawValue;

use self::reader::Reader;
use super::Piece;
use super::pieces::Gone;

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
    let mut reader = Reader::new(input);
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
