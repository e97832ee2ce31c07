//! The header of a mail or of one of its parts.

use std::borrow::Cow;

use super::decode;
use super::parameters::ContentField;
use crate::Yield;

/// The most fields read of a header, as many as mail servers accept.
const FIELDS: usize = 1000;
/// The longest part of a field that is read, in bytes: enough for a thousand recipients.
pub(super) const FIELD_BYTES: usize = 64 << 10;
/// The longest name of a field in bytes, with the white space behind it.
const NAME_BYTES: usize = 128;
/// The most stray lines, before a header or behind a line that is no field, within which further fields are searched.
const STRAY_LINES: usize = 20;

/// The fields of one header, in order.
pub(super) struct Headers<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Headers<'a> {
    /// The value of the first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of the fields of this name, in order.
    pub(super) fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &str> {
        let of_name = move |(known, _): &&(&str, Cow<'a, str>)| known.eq_ignore_ascii_case(name);
        self.0
            .iter()
            .filter(of_name)
            .map(|(_, value)| value.as_ref())
    }

    /// Whether there is no field at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the parsed field Content-Type or Content-Disposition.
    pub(super) fn content(&self, name: &str) -> Option<ContentField> {
        self.first(name).map(ContentField::parse)
    }
}

/// Splits a mail into header and body. A byte order mark, blank lines, the line of an mbox, or the banner of a gateway
/// may stand before the header.
pub(super) fn split_mail<'a>(mail: &'a [u8], made: &mut Yield) -> (Headers<'a>, &'a [u8]) {
    split(&mail[preface(mail)..], made)
}

/// Returns where the header of a mail begins, in bytes.
fn preface(mail: &[u8]) -> usize {
    let mut first_field = None;
    let mut at = if mail.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let mut lines = 0;
    while at < mail.len() && lines < STRAY_LINES {
        let line = line_at(mail, at);
        if !line.trim_ascii().is_empty() {
            lines += 1;
            let name = field_name(line);
            if name.is_some_and(is_of_mail) {
                return first_field.unwrap_or(at);
            }
            match name {
                Some(_) => first_field = first_field.or(Some(at)),
                // A folded line goes on with the field.
                None if line.starts_with(b" ") || line.starts_with(b"\t") => {}
                None => first_field = None,
            }
        } else if first_field.is_some() {
            // Lines that look like fields, none of them a field of mails: a banner, if a header follows.
            let rest = &mail[at..];
            let next = preface_of_rest(rest, STRAY_LINES - lines);
            return next.map_or(first_field.unwrap_or(at), |next| at + next);
        }
        at += line.len();
    }
    first_field.unwrap_or(if mail.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    })
}

/// Returns where the first field of a mail stands in the next lines.
fn preface_of_rest(rest: &[u8], lines: usize) -> Option<usize> {
    let mut at = 0;
    for _ in 0..lines {
        let line = line_at(rest, at);
        if field_name(line).is_some_and(is_of_mail) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// Splits a part into its header and the rest. The header ends at a blank line, or before the first line that is no
/// field and has no fields behind it.
pub(super) fn split<'a>(entity: &'a [u8], made: &mut Yield) -> (Headers<'a>, &'a [u8]) {
    let mut fields: Vec<(&str, &[u8])> = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    let rest = loop {
        let line = line_at(entity, at);
        let end = at + line.len();
        let is_blank = line.iter().all(|b| matches!(b, b'\r' | b'\n'));
        let is_folded = open.is_some() && matches!(line.first(), Some(b' ' | b'\t'));
        if is_blank || !is_folded {
            if let Some((name, start)) = open.take() {
                fields.push((name, limited(&entity[start..at], made)));
            }
            if is_blank {
                break &entity[end..];
            }
            if fields.len() == FIELDS {
                made.leave_out("header_fields");
                break after_blank_line(&entity[at..]);
            }
            // the colon stands behind the name and any blanks
            open = field_name(line).map(|name| {
                let colon = line.iter().position(|b| *b == b':').unwrap_or_default();
                (name, at + colon + 1)
            });
            if open.is_none() && !goes_on(&entity[end..], fields.is_empty()) {
                break &entity[at..];
            }
        }
        at = end;
    };
    (decoded(fields, rest), rest)
}

/// Returns the line at this position, with its line end.
fn line_at(text: &[u8], at: usize) -> &[u8] {
    let rest = &text[at..];
    let end = rest.iter().position(|b| *b == b'\n');
    &rest[..end.map_or(rest.len(), |n| n + 1)]
}

/// Returns the name of the field that a line begins.
fn field_name(line: &[u8]) -> Option<&str> {
    let colon = line.iter().take(NAME_BYTES).position(|b| *b == b':')?;
    let name = line[..colon].trim_ascii_end();
    // `http://…` begins no field
    let is_name = !name.is_empty()
        && name.iter().all(u8::is_ascii_graphic)
        && !line[colon + 1..].starts_with(b"//");
    std::str::from_utf8(name).ok().filter(|_| is_name)
}

/// Whether this is the name of a field of mails. Lines of prose may look like other fields.
fn is_of_mail(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "Return-Path",
        "Received",
        "Delivered-To",
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Bcc",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Authentication-Results",
        "Received-SPF",
        "DKIM-Signature",
        "Importance",
        "Thread-Topic",
        "Thread-Index",
        "User-Agent",
        "Envelope-To",
        "Accept-Language",
    ];
    const STARTS: [&str; 6] = ["X-", "Content-", "ARC-", "List-", "Resent-", "DomainKey-"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
        || STARTS.iter().any(|start| {
            let begin = name.get(..start.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start))
        })
}

/// Whether fields follow a line that is no field, before the header ends. A part may have no header at all, so the
/// first line of a part must be a field.
fn goes_on(rest: &[u8], is_first: bool) -> bool {
    let mut at = 0;
    for _ in 0..STRAY_LINES {
        let line = line_at(rest, at);
        if is_first || line.trim_ascii().is_empty() {
            return false;
        }
        if field_name(line).is_some_and(is_of_mail) {
            return true;
        }
        at += line.len();
    }
    false
}

fn after_blank_line(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while at < text.len() {
        let line = line_at(text, at);
        at += line.len();
        if line.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            break;
        }
    }
    &text[at..]
}

fn limited<'a>(value: &'a [u8], made: &mut Yield) -> &'a [u8] {
    if value.len() > FIELD_BYTES {
        made.leave_out("header_field_bytes");
    }
    &value[..value.len().min(FIELD_BYTES)]
}

/// Decodes values: as UTF-8, else in the first character set named in the header or behind it, else as windows-1252.
fn decoded<'a>(fields: Vec<(&'a str, &'a [u8])>, rest: &[u8]) -> Headers<'a> {
    let is_utf8 = fields
        .iter()
        .all(|(_, value)| std::str::from_utf8(value).is_ok());
    let charset = if is_utf8 {
        None
    } else {
        let mut values = fields.iter().map(|(_, value)| *value);
        values.find_map(charset).or_else(|| charset(rest))
    };
    let decoded = fields.into_iter().map(|(name, value)| {
        let text = match std::str::from_utf8(value) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(decode::text(value, charset.as_deref(), false)),
        };
        (name, text)
    });
    Headers(decoded.collect())
}

/// Returns the character set behind the first `charset=` of a text.
fn charset(text: &[u8]) -> Option<String> {
    const LABEL: &[u8] = b"charset=";
    let text = &text[..text.len().min(FIELD_BYTES)];
    let at = text
        .windows(LABEL.len())
        .position(|word| word.eq_ignore_ascii_case(LABEL))?;
    let name = text[at + LABEL.len()..]
        .iter()
        .skip_while(|b| matches!(b, b'"' | b'\''));
    let name = name.take_while(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b));
    Some(name.map(|b| char::from(*b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mail: &[u8]) -> (Vec<(String, String)>, String) {
        let (headers, body) = split_mail(mail, &mut Yield::default());
        let fields = headers
            .0
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.trim().to_owned()));
        (fields.collect(), String::from_utf8_lossy(body).into_owned())
    }

    #[test]
    fn finds_the_header() {
        let expected = vec![
            ("From".to_owned(), "a".to_owned()),
            ("X".to_owned(), "b\n c".to_owned()),
        ];
        for mail in [
            "From: a\nX: b\n c\n\nbody: x\n",
            "\u{feff}From: a\nX: b\n c\n\nbody: x\n",
            "\r\n\n \nFrom: a\nX: b\n c\n\nbody: x\n",
            "From a@a.example Fri Mar  1 10:00:00 2024\nFrom: a\nX: b\n c\n\nbody: x\n",
            ">From a@a.example Fri Mar  1 10:00:00 2024\nFrom: a\nX: b\n c\n\nbody: x\n",
            "*** external mail ***\nbe careful\n\nFrom: a\nX: b\n c\n\nbody: x\n",
            "Warning: external\nhttps://a.example\nFrom: a\nX: b\n c\n\nbody: x\n",
            "Warning: external\n\nFrom: a\nX: b\n c\n\nbody: x\n",
            "From: a\nno field\n at all\nX: b\n c\n\nbody: x\n",
        ] {
            // In the mail with the odd line the last field must be of mail, or it would be prose.
            let mail = mail.replace("at all\nX: b", "at all\nTo: t\nX: b");
            let (mut fields, body) = shown(mail.as_bytes());
            fields.retain(|(name, _)| name != "To");
            assert_eq!(
                (fields, body.as_str()),
                (expected.clone(), "body: x\n"),
                "{mail}"
            );
        }
    }

    #[test]
    fn ends_where_the_body_begins() {
        for (mail, fields, body) in [
            ("From: a\nHello,\nsee: you\n", 1, "Hello,\nsee: you\n"),
            ("From: a\r\n\r\nTo: b\r\n", 1, "To: b\r\n"),
            ("From: a", 1, ""),
            ("hello", 0, "hello"),
            ("see: this\n\nhello\n", 1, "hello\n"),
            ("", 0, ""),
        ] {
            let (found, rest) = shown(mail.as_bytes());
            assert_eq!((found.len(), rest.as_str()), (fields, body), "{mail}");
        }
        let (part, body) = split(b"no header\nContent-Type: a\n\nx", &mut Yield::default());
        assert!(part.is_empty() && body.starts_with(b"no header"));
    }

    #[test]
    fn reads_what_is_not_utf_8() {
        let (fields, _) =
            shown(b"Subject: \xcf\xf0\nContent-Type: text/plain; charset=windows-1251\n\n");
        assert_eq!(fields[0].1, "Пр");
        let (fields, _) = shown(b"Subject: caf\xe9\n\n");
        assert_eq!(fields[0].1, "café");
    }
}
