//! When two JSON values are the same: whatever the order of their keys, and the white space in them.

use sha2::{Digest, Sha256};

use cybexp_spool::ItemKey;

/// The key of a JSON value, by its content. Strings are compared by their meaning, numbers by how they are written.
///
/// `json` must be valid; else the key is only that of some text. Linear in time but for the sorting of keys, and as deep as
/// memory is: what attackers nest costs no stack.
pub fn key(json: &str) -> ItemKey {
    let mut open: Vec<OpenValue> = Vec::new();
    let mut rest = json.as_bytes();
    let mut whole = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        let value = match byte {
            b'{' | b'[' => {
                open.push(OpenValue::new(byte));
                rest = after;
                continue;
            }
            b'}' | b']' => {
                rest = after;
                let Some(closed) = open.pop() else { continue };
                closed.hash()
            }
            b'"' => {
                let (text, end) = string(rest);
                rest = end;
                if let Some(OpenValue {
                    name, is_object, ..
                }) = open.last_mut()
                    && *is_object
                    && name.is_none()
                {
                    *name = Some(text);
                    continue;
                }
                text
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {
                rest = after;
                continue;
            }
            _ => {
                let ends = |byte: &u8| b",:]} \t\r\n\"{[".contains(byte);
                let end = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
                let (scalar, end) = rest.split_at(end);
                rest = end;
                scalar.to_vec()
            }
        };
        match open.last_mut() {
            Some(open) => open.members.push((open.name.take(), value)),
            None => whole.extend(value),
        }
    }
    ItemKey::of(whole)
}

/// An object or a list that has begun.
struct OpenValue {
    is_object: bool,
    /// The key of the member that comes.
    name: Option<Vec<u8>>,
    members: Vec<(Option<Vec<u8>>, Vec<u8>)>,
}

impl OpenValue {
    fn new(bracket: u8) -> Self {
        Self {
            is_object: bracket == b'{',
            name: None,
            members: Vec::new(),
        }
    }

    /// The hash that stands for this value in the object or list around it.
    fn hash(mut self) -> Vec<u8> {
        if self.is_object {
            self.members.sort();
        }
        let mut hash = Sha256::new();
        for part in self
            .members
            .iter()
            .flat_map(|(name, value)| [name.as_deref().unwrap_or_default(), value])
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let bracket = if self.is_object { b'{' } else { b'[' };
        [&[bracket][..], hash.finalize().as_slice()].concat()
    }
}

/// The string that `rest` begins with, as it is meant and with a mark before it, and what comes after it.
fn string(rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut escaped = false;
    let end = rest.iter().skip(1).position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let (text, rest) = rest.split_at(end.map_or(rest.len(), |end| end + 2));
    // one with a lone surrogate means nothing, and is compared as it is written
    let meant: Option<String> = serde_json::from_slice(text).ok();
    let mut value = vec![b'"'];
    value.extend(meant.as_deref().map_or(text, str::as_bytes));
    (value, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_other_words() {
        for (one, other) in [
            (r#"{"id":1,"a":2}"#, r#"{ "a" : 2,"id":1 }"#),
            (
                r#"{"a":{"x":[1,{"b":1,"c":2}],"y":null}}"#,
                "{\"a\":\n{\"y\":null,\"x\":[1,{\"c\":2,\"b\":1}]}}",
            ),
            (r#""caf\u00e9\/""#, "\"café/\""),
            ("[ ]", "[]"),
            (" 5 ", "5"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
        ] {
            assert_eq!(key(one), key(other), "{one}");
        }
    }

    #[test]
    fn not_the_same() {
        let different = [
            "1",
            "1.0",
            "\"1\"",
            "true",
            "\"true\"",
            "null",
            "[]",
            "{}",
            "[1]",
            "[[1]]",
            "[1,2]",
            "[2,1]",
            "[12]",
            "[\"1\",\"2\"]",
            r#"["12"]"#,
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"b":1}"#,
            r#"["a",1]"#,
            r#"{"a":[1]}"#,
            r#"{"a":1,"b":1}"#,
            r#"{"a":{"b":1}}"#,
            r#""a\"b""#,
            r#""a\\""#,
            "18446744073709551617",
            "18446744073709551618",
            r#"{"a":"","b":1}"#,
            r#"{"a":"b"}"#,
            "\"\"",
        ];
        for (at, one) in different.iter().enumerate() {
            for other in &different[..at] {
                assert_ne!(key(one), key(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn whatever_attackers_nest_or_break() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_ne!(key(&deep), key("[]"));
        for broken in ["", "]", "{\"a\"", "\"", "\"\\", "{{{", "a:b", "{\"a\":}"] {
            key(broken);
        }
    }
}
