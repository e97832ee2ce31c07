//! The parts of a mail.
//!
//! The tree is walked here and not by `mail-parser`: that looks for the boundary of every part through the
//! whole rest of the mail, and drops messages within messages by recursion, so a mail of a few megabytes holds
//! it up for many minutes or overflows its stack. Here each level reads each line once, and there are few levels.

use mail_parser::ContentType;
use sha2::{Digest, Sha256};

use super::{decode, header, html};
use crate::{Yield, url};

/// Parts within parts within parts. Mail programs make four levels, forwarding adds two each time.
const DEPTH: usize = 20;
/// The most parts: with all of them attachments, an event is still smaller than a document may be.
const PARTS: usize = 5000;
/// The longest file name, as file systems have it.
const FILENAME_BYTES: usize = 255;
/// The longest type: 127 bytes on either side of the slash (RFC 6838).
const MIME_TYPE_BYTES: usize = 255;

/// What the parts of a mail hold.
#[derive(Default)]
pub(super) struct Content {
    plain: Vec<String>,
    html: Vec<String>,
    /// Of attached messages: good for the URLs in it.
    attached_plain: Vec<String>,
    attached_html: Vec<String>,
    pub(super) attachments: Vec<Attachment>,
    parts: usize,
}

pub(super) struct Attachment {
    pub(super) filename: Option<String>,
    /// In hex, of the content decoded.
    pub(super) sha256: String,
    pub(super) mime_type: String,
}

impl Content {
    pub(super) fn of(mail: &str, made: &mut Yield) -> Self {
        let mut content = Self::default();
        content.walk(mail, 0, false, made);
        content
    }

    /// The text parts, else the HTML parts as text.
    pub(super) fn body(&self) -> String {
        let plain = self.plain.join("\n");
        if !plain.trim().is_empty() {
            return plain;
        }
        let texts: Vec<String> = self.html.iter().map(|part| html::text(part)).collect();
        texts.join("\n")
    }

    /// The URLs in all text, and in the links of HTML, in order, with repetitions.
    pub(super) fn urls(&self) -> impl Iterator<Item = String> {
        let in_text = |texts| {
            let texts: &Vec<String> = texts;
            texts
                .iter()
                .flat_map(|text| url::find(text))
                .map(str::to_owned)
        };
        in_text(&self.plain)
            .chain(self.html.iter().flat_map(|text| html::urls(text)))
            .chain(in_text(&self.attached_plain))
            .chain(self.attached_html.iter().flat_map(|text| html::urls(text)))
    }

    fn walk(&mut self, entity: &str, depth: usize, attached: bool, made: &mut Yield) {
        if self.parts == PARTS {
            made.leave_out("parts");
            return;
        }
        self.parts += 1;
        let (headers, body) = header::split(entity, made);
        let content_type = headers.content("Content-Type");
        let kind = Kind::of(content_type.as_ref());
        let boundary = content_type
            .as_ref()
            .and_then(|ct| ct.attribute("boundary"));
        if let (Kind::Multipart, Some(boundary)) = (&kind, boundary) {
            if depth == DEPTH {
                made.leave_out("nesting");
                return;
            }
            let mut parts = parts(body, boundary).peekable();
            if parts.peek().is_some() {
                parts.for_each(|part| self.walk(part, depth + 1, attached, made));
                return;
            }
        }
        let encoding = headers.first("Content-Transfer-Encoding");
        let bytes = decode::content(body, encoding);
        let disposition = headers.content("Content-Disposition");
        let filename = filename(disposition.as_ref(), content_type.as_ref());
        let is_attachment = disposition.is_some_and(|d| d.is_attachment()) || filename.is_some();
        match kind {
            Kind::Plain | Kind::Html | Kind::Multipart if !is_attachment => {
                let charset = content_type.as_ref().and_then(|ct| ct.attribute("charset"));
                let was_encoded = matches!(bytes, std::borrow::Cow::Owned(_));
                let text = decode::text(&bytes, charset, was_encoded);
                self.texts(&kind, attached).push(text);
            }
            _ => {
                self.attachments.push(Attachment {
                    filename,
                    sha256: hex::encode(Sha256::digest(&bytes)),
                    mime_type: mime_type(content_type.as_ref()),
                });
                if let Kind::Message = kind {
                    if depth == DEPTH {
                        made.leave_out("nesting");
                    } else {
                        let message = String::from_utf8_lossy(&bytes);
                        self.walk(&message, depth + 1, true, made);
                    }
                }
            }
        }
    }

    fn texts(&mut self, kind: &Kind, attached: bool) -> &mut Vec<String> {
        match (kind, attached) {
            (Kind::Html, false) => &mut self.html,
            (Kind::Html, true) => &mut self.attached_html,
            (_, false) => &mut self.plain,
            (_, true) => &mut self.attached_plain,
        }
    }
}

/// What a part is read as. A multipart without parts is text.
enum Kind {
    Plain,
    Html,
    Multipart,
    Message,
    Other,
}

impl Kind {
    fn of(content_type: Option<&ContentType<'_>>) -> Self {
        let Some(content_type) = content_type else {
            return Self::Plain;
        };
        match (content_type.ctype(), content_type.subtype()) {
            ("multipart", _) => Self::Multipart,
            ("message", Some("rfc822" | "global")) => Self::Message,
            ("text", Some("html")) => Self::Html,
            ("text", Some("plain") | None) => Self::Plain,
            _ => Self::Other,
        }
    }
}

fn mime_type(content_type: Option<&ContentType<'_>>) -> String {
    let Some(content_type) = content_type else {
        return "text/plain".to_owned();
    };
    let name = format!(
        "{}/{}",
        content_type.ctype(),
        content_type.subtype().unwrap_or_default()
    );
    let is_whole = content_type.subtype().is_some() && name.len() <= MIME_TYPE_BYTES;
    if is_whole {
        name
    } else {
        "application/octet-stream".to_owned()
    }
}

/// The last segment of the name that the sender gave: a path in it is nobody's business.
fn filename(
    disposition: Option<&ContentType<'_>>,
    content_type: Option<&ContentType<'_>>,
) -> Option<String> {
    let given = disposition
        .and_then(|d| d.attribute("filename"))
        .or_else(|| content_type.and_then(|ct| ct.attribute("name")))?;
    let decoded = header::unstructured(given);
    let name = decoded.rsplit(['/', '\\']).next()?.trim();
    let name = name[..name.floor_char_boundary(FILENAME_BYTES)].trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The parts between the lines `--boundary`; the last ends with `--boundary--`, or with the text.
fn parts<'a>(body: &'a str, boundary: &str) -> impl Iterator<Item = &'a str> {
    let boundary = boundary.trim_end();
    let mut open: Option<usize> = None;
    let mut at = 0;
    let mut closed = boundary.is_empty();
    std::iter::from_fn(move || {
        while !closed {
            if at >= body.len() {
                closed = true;
                return open.take().map(|start| &body[start..]);
            }
            let end = body[at..].find('\n').map_or(body.len(), |n| at + n + 1);
            let (line, before) = (&body[at..end], at);
            at = end;
            let Some(rest) = line
                .strip_prefix("--")
                .and_then(|l| l.strip_prefix(boundary))
            else {
                continue;
            };
            let last = rest.starts_with("--") && rest[2..].trim().is_empty();
            if !last && !rest.trim().is_empty() {
                continue;
            }
            let part = open.map(|start| without_line_end(&body[start..before]));
            open = Some(at);
            closed = last;
            if part.is_some() {
                return part;
            }
        }
        None
    })
}

/// The line end before a boundary belongs to the boundary.
fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(body: &str, boundary: &str) -> Vec<String> {
        parts(body, boundary).map(str::to_owned).collect()
    }

    #[test]
    fn finds_parts() {
        let body =
            "preamble\r\n--b\r\n\r\none\r\n--bc\r\n--b \r\n\r\ntwo\r\n--b--\r\nepilogue\r\n--b\r\n";
        assert_eq!(split(body, "b"), ["\r\none\r\n--bc", "\r\ntwo"]);
        assert_eq!(split("--b\n\nnot closed", "b"), ["\nnot closed"]);
        assert_eq!(split("--b--\n", "b"), [""; 0]);
        assert_eq!(split("--b", "b"), [""]);
        assert_eq!(split("none", "b"), [""; 0]);
        assert_eq!(split("--\n--\n", ""), [""; 0]);
    }
}
