//! The parts of a mail.
//!
//! The tree is walked here and not by `mail-parser`. That library searches the whole rest of the mail for the boundary
//! of every part, and drops nested messages by recursion, so a mail of a few megabytes takes it many minutes or
//! overflows its stack. Here each level reads each line once, and the number of levels is limited.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use tahoe_core::Node;

use super::header::{self, Headers};
use super::kind::{self, PartKind};
use super::parameters::ContentField;
use super::{attached, decode, uu};
use crate::Yield;

/// The deepest nesting of parts. Mail programs make four levels, and forwarding adds two each time.
const DEPTH: usize = 20;
/// The most parts. Even if all of them are attachments, the event fits in a document.
const PARTS: usize = 5000;
/// The most attached mails whose sender and subject are kept.
const MAILS: usize = 100;

/// The content of a mail's parts.
#[derive(Default)]
pub(super) struct Content {
    /// The mail's own text parts, then the HTML ones, each in order.
    pub(super) plain: Vec<String>,
    pub(super) html: Vec<String>,
    /// Texts in which only indicators are searched: attached files, and the parts of attached mails.
    pub(super) attached: Vec<(PartKind, String)>,
    pub(super) attachments: Vec<Attachment>,
    /// An object for each attached mail, with its sender.
    pub(super) mails: Vec<Node>,
    parts: usize,
}

pub(super) struct Attachment {
    pub(super) filename: Option<String>,
    /// SHA-256 of the decoded content, in hexadecimal.
    pub(super) sha256: String,
    pub(super) mime_type: String,
}

impl Content {
    /// Reads the parts of the mail with this header and body.
    pub(super) fn of(headers: &Headers<'_>, body: &[u8], made: &mut Yield) -> Self {
        let mut content = Self::default();
        content.part(headers, body, (0, false), made);
        content
    }

    /// Reads a part. `within` is its depth, and whether it belongs to an attached mail.
    fn part(
        &mut self,
        headers: &Headers<'_>,
        body: &[u8],
        within: (usize, bool),
        made: &mut Yield,
    ) {
        if self.parts >= PARTS {
            made.leave_out("parts");
            return;
        }
        self.parts += 1;
        let (depth, is_attached) = within;
        let content_type = headers.content("Content-Type").unwrap_or_default();
        let is_multipart = content_type.value.starts_with("multipart");
        if let (true, Some(boundary)) = (is_multipart, content_type.get("boundary")) {
            if depth == DEPTH {
                made.leave_out("nesting");
                return;
            }
            let mut parts = parts(body, boundary).peekable();
            if parts.peek().is_some() {
                for part in parts {
                    let (headers, body) = header::split(part, made);
                    self.part(&headers, body, (depth + 1, is_attached), made);
                }
                return;
            }
        }
        let disposition = headers.content("Content-Disposition").unwrap_or_default();
        let filename = kind::filename(&disposition, &content_type);
        let form = kind::form(&content_type.value, filename.as_deref());
        let is_file = disposition.value == "attachment" || filename.is_some();
        // A multipart without parts is text.
        let is_body = is_multipart || kind::is_body(&content_type.value);
        let leaf = Leaf {
            bytes: decode::content(body, headers.first("Content-Transfer-Encoding")),
            content_type,
            filename,
            form,
        };
        match form {
            PartKind::Plain | PartKind::Html if is_body && !is_file => {
                self.text(&leaf, is_attached, made)
            }
            _ => self.file(leaf, depth, made),
        }
    }

    /// Reads a part that people read. It may hold files, as was usual before MIME.
    fn text(&mut self, leaf: &Leaf<'_>, is_attached: bool, made: &mut Yield) {
        let has_files =
            leaf.form == PartKind::Plain && leaf.bytes.windows(6).any(|six| six == b"begin ");
        let text = if has_files {
            let (files, rest) = uu::extract(&leaf.bytes);
            for file in files {
                self.file_in_text(&file, made);
            }
            leaf.text_of(&rest)
        } else {
            leaf.text_of(&leaf.bytes)
        };
        match (leaf.form, is_attached) {
            (PartKind::Html, false) => self.html.push(text),
            (_, false) => self.plain.push(text),
            (form, true) => self.attached.push((form, text)),
        }
    }

    fn file(&mut self, leaf: Leaf<'_>, depth: usize, made: &mut Yield) {
        match leaf.form {
            PartKind::Plain | PartKind::Html | PartKind::Calendar => {
                self.attached.push((leaf.form, leaf.text_of(&leaf.bytes)))
            }
            PartKind::Mail | PartKind::Other => {}
        }
        self.attachments.push(Attachment {
            filename: leaf.filename,
            sha256: hex::encode(Sha256::digest(&leaf.bytes)),
            mime_type: kind::mime_type(&leaf.content_type.value),
        });
        if leaf.form != PartKind::Mail {
            return;
        }
        if depth == DEPTH {
            made.leave_out("nesting");
            return;
        }
        let (headers, body) = header::split_mail(&leaf.bytes, made);
        if self.mails.len() < MAILS {
            self.mails.extend(attached::mail(&headers, made));
        } else {
            made.leave_out("attached_mails");
        }
        self.part(&headers, body, (depth + 1, true), made);
    }

    fn file_in_text(&mut self, file: &uu::File, made: &mut Yield) {
        if self.parts >= PARTS {
            made.leave_out("parts");
            return;
        }
        self.parts += 1;
        let filename = kind::last_segment(&file.name);
        let form = kind::form("application/octet-stream", filename.as_deref());
        if let PartKind::Plain | PartKind::Html | PartKind::Calendar = form {
            let text = decode::text(&file.bytes, None, true);
            self.attached.push((form, text));
        }
        self.attachments.push(Attachment {
            filename,
            sha256: hex::encode(Sha256::digest(&file.bytes)),
            mime_type: "application/octet-stream".to_owned(),
        });
    }
}

/// A part that has no parts itself.
struct Leaf<'a> {
    content_type: ContentField,
    filename: Option<String>,
    form: PartKind,
    /// The decoded content.
    bytes: Cow<'a, [u8]>,
}

impl Leaf<'_> {
    /// Decodes bytes of this part to text.
    fn text_of(&self, bytes: &[u8]) -> String {
        let was_encoded = matches!(self.bytes, Cow::Owned(_));
        decode::text(bytes, self.content_type.get("charset"), was_encoded)
    }
}

/// Returns the parts between the lines `--boundary`; the last ends at `--boundary--` or at the end of the text.
fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = &'a [u8]> {
    let boundary = boundary.trim_end().as_bytes();
    let mut open: Option<usize> = None;
    let mut at = 0;
    let mut closed = boundary.is_empty();
    std::iter::from_fn(move || {
        while !closed {
            if at >= body.len() {
                closed = true;
                return open.take().map(|start| &body[start..]);
            }
            let end = body[at..].iter().position(|b| *b == b'\n');
            let end = end.map_or(body.len(), |n| at + n + 1);
            let (line, before) = (&body[at..end], at);
            at = end;
            let Some(rest) = line
                .strip_prefix(b"--")
                .and_then(|l| l.strip_prefix(boundary))
            else {
                continue;
            };
            let last = rest.starts_with(b"--") && rest[2..].trim_ascii().is_empty();
            if !last && !rest.trim_ascii().is_empty() {
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

/// Returns the text without its last line end, which belongs to the boundary behind it.
fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(body: &str, boundary: &str) -> Vec<String> {
        let parts = parts(body.as_bytes(), boundary);
        parts
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect()
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
