//! Content-Type and Content-Disposition: a value and its parameters (RFC 2045, 2183, 2231). Senders write them without
//! semicolons, without quotes, or with Windows paths in quotes.

use std::collections::BTreeMap;

use super::{decode, words};

/// The longest part of a field that is read, in bytes.
const FIELD_BYTES: usize = 16 << 10;
/// The most parameters; each piece of a continued one counts.
const PARAMETERS: usize = 500;
/// Parameters recognised without a semicolon before them.
const KNOWN: [&str; 6] = ["boundary", "charset", "filename", "format", "name", "type"];

/// A field that describes the content of a part.
#[derive(Debug, Default)]
pub(super) struct ContentField {
    /// The value in lower case: `text/plain`, `attachment`.
    pub(super) value: String,
    parameters: BTreeMap<String, String>,
}

impl ContentField {
    pub(super) fn parse(field: &str) -> Self {
        let field = field[..field.floor_char_boundary(FIELD_BYTES)].trim();
        let end = field.find(';').unwrap_or(field.len());
        // `text/html charset=utf-8`
        let end = next_known(&field[..end]).unwrap_or(end);
        let (value, rest) = field.split_at(end);
        let value: String = value.split_whitespace().collect();
        Self {
            value: value.to_ascii_lowercase(),
            parameters: joined(pieces(rest)),
        }
    }

    /// Returns the decoded value of a parameter, if it is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.parameters.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }
}

/// A parameter or a part of one.
struct Parameter {
    /// The name in lower case, without asterisks.
    name: String,
    /// The number of a piece of a continued parameter.
    number: Option<u32>,
    /// Whether the value is percent-encoded; the first piece then begins with its character set.
    is_encoded: bool,
    value: String,
}

fn pieces(mut rest: &str) -> Vec<Parameter> {
    let mut pieces = Vec::new();
    while pieces.len() < PARAMETERS {
        rest = rest.trim_start_matches(|c: char| c == ';' || c == ',' || c.is_whitespace());
        let Some(end) = rest.find(['=', ';']) else {
            break;
        };
        let (name, after) = rest.split_at(end);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = value(after.trim_start());
        rest = after;
        let name = name.trim().to_ascii_lowercase();
        let mut stars = name.split('*');
        let base = stars.next().unwrap_or_default().to_owned();
        let number = stars.next().and_then(|number| number.parse().ok());
        let is_encoded = name.ends_with('*');
        pieces.push(Parameter {
            name: base,
            number,
            is_encoded,
            value,
        });
    }
    pieces
}

/// Reads the value at the start of a text, and returns it with the rest.
fn value(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_value(quoted);
    }
    let end = text.find(';').unwrap_or(text.len());
    let end = next_known(&text[..end]).unwrap_or(end);
    let (value, rest) = text.split_at(end);
    let value = value.trim();
    let bare = value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''));
    (bare.unwrap_or(value).to_owned(), rest)
}

/// Reads a value in quotes. Only quotes and backslashes are unescaped: `"C:\TEMP\a.png"` is a path.
fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.peek() {
                Some((_, next @ ('"' | '\\'))) => {
                    value.push(*next);
                    chars.next();
                }
                _ => value.push('\\'),
            },
            _ => value.push(c),
        }
    }
    (value, "")
}

/// Returns where a known parameter begins behind a blank.
fn next_known(text: &str) -> Option<usize> {
    text.match_indices('=').find_map(|(equals, _)| {
        let before = text[..equals].trim_end();
        let start = before.rfind(char::is_whitespace)?;
        let name = before[start..].trim_start().split('*').next()?;
        let is_known = KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known));
        is_known.then_some(start)
    })
}

/// Joins pieces to parameters. One in the extended form wins over a plain one, and the first one over later ones.
fn joined(pieces: Vec<Parameter>) -> BTreeMap<String, String> {
    let mut plain: BTreeMap<String, String> = BTreeMap::new();
    let mut extended: BTreeMap<String, BTreeMap<u32, Parameter>> = BTreeMap::new();
    for piece in pieces {
        if piece.number.is_none() && !piece.is_encoded {
            plain.entry(piece.name).or_insert(piece.value);
        } else {
            let numbered = extended.entry(piece.name.clone()).or_default();
            numbered
                .entry(piece.number.unwrap_or_default())
                .or_insert(piece);
        }
    }
    let plain = plain
        .into_iter()
        .map(|(name, value)| (name, words::decoded(&value)));
    let mut parameters: BTreeMap<String, String> = plain.collect();
    for (name, pieces) in extended {
        parameters.insert(name, continued(pieces.into_values()));
    }
    parameters
}

fn continued(pieces: impl Iterator<Item = Parameter>) -> String {
    let mut bytes = Vec::new();
    let mut charset = None;
    for (at, piece) in pieces.enumerate() {
        if !piece.is_encoded {
            bytes.extend_from_slice(piece.value.as_bytes());
            continue;
        }
        let mut value = piece.value.as_str();
        if at == 0
            && let Some((set, rest)) = value.split_once('\'')
            && let Some((_, rest)) = rest.split_once('\'')
        {
            charset = Some(set.to_owned());
            value = rest;
        }
        bytes.extend(decode::percent(value));
    }
    decode::text(&bytes, charset.as_deref(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_parameters() {
        for (field, value, name, expected) in [
            (
                "text/plain; charset=utf-8",
                "text/plain",
                "charset",
                Some("utf-8"),
            ),
            (
                "Text / HTML;\r\n CHARSET = \"UTF-8\" ; x",
                "text/html",
                "charset",
                Some("UTF-8"),
            ),
            (
                "text/html charset=windows-1252",
                "text/html",
                "charset",
                Some("windows-1252"),
            ),
            (
                "multipart/mixed; charset=a boundary=\"b 1\"",
                "multipart/mixed",
                "boundary",
                Some("b 1"),
            ),
            (
                "multipart/mixed; charset=\"a\"boundary=b1",
                "multipart/mixed",
                "boundary",
                Some("b1"),
            ),
            (
                "a/b; name=\"C:\\TEMP\\n.png\"",
                "a/b",
                "name",
                Some("C:\\TEMP\\n.png"),
            ),
            (
                "a/b; name=\"a \\\"b\\\" \\\\c\"",
                "a/b",
                "name",
                Some("a \"b\" \\c"),
            ),
            (
                "a/b; name=my own file.pdf; x=y",
                "a/b",
                "name",
                Some("my own file.pdf"),
            ),
            ("a/b; name='x.pdf'", "a/b", "name", Some("x.pdf")),
            ("a/b; name=\"x.pdf", "a/b", "name", Some("x.pdf")),
            (
                "a/b; name=\"=?utf-8?q?caf=C3=A9?=\"",
                "a/b",
                "name",
                Some("café"),
            ),
            (
                "attachment; filename*=utf-8''caf%C3%A9; filename=x",
                "attachment",
                "filename",
                Some("café"),
            ),
            (
                "attachment; filename*1=\"b.\"; filename*0*=iso-8859-1'en'%E9; filename*2=zip",
                "attachment",
                "filename",
                Some("éb.zip"),
            ),
            (
                "attachment; filename*0=a; filename*1=b",
                "attachment",
                "filename",
                Some("ab"),
            ),
            ("a/b; name=\"\"", "a/b", "name", None),
            ("a/b; name", "a/b", "name", None),
            ("", "", "name", None),
        ] {
            let found = ContentField::parse(field);
            assert_eq!(
                (found.value.as_str(), found.get(name)),
                (value, expected),
                "{field}"
            );
        }
    }
}
