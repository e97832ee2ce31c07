//! E-mail: RFC 5322 text with MIME in it, as a mail server or a person hands it in.
//!
//! A mail is written by whoever sent it, so every count and length has a limit here, chosen such that an event
//! stays below the 16 MB of a document and its canonical form below what `tahoe-core` makes. What a limit
//! leaves out is counted in [`Yield::left_out`]; the raw keeps it all.

mod address;
mod attached;
mod calendar;
mod date;
mod decode;
mod header;
mod html;
mod indicators;
mod kind;
mod mime;
mod parameters;
mod people;
mod redirect;
mod sender;
mod uu;
mod words;

use std::borrow::Cow;

use tahoe_core::submission::bytes_of;
use tahoe_core::{Attribute, Event, Node, Object, SubType, Timestamp};

use crate::{Filter, RawInput, Refusal, Yield, vocab};
use header::Headers;
use mime::{Attachment, Content};

/// The longest body that is kept. Escaped at each level of an event it is nine times as long.
const BODY_BYTES: usize = 1 << 20;
/// The longest subject that is kept: a header line has 998 characters, and few mail programs show that many.
const SUBJECT_BYTES: usize = 4096;
/// Makes one event of a mail.
///
/// The body is all parts of type text/plain, or if these say nothing those of type text/html as text. A
/// message attached to the mail is an attachment; its own attachments and URLs are the mail's too, for this
/// is how people hand in a phishing mail, but its text is not.
pub(crate) struct Email;

impl Filter for Email {
    fn name(&self) -> &'static str {
        "email"
    }

    fn version(&self) -> u32 {
        2
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["email"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let mail =
            bytes_of(raw.data).ok_or_else(|| Refusal::new("data holds no text of a mail"))?;
        let mail = with_lines(mail);
        let mut made = Yield::default();
        let (headers, body) = header::split_mail(&mail, &mut made);
        if headers.is_empty() {
            return Err(Refusal::new("data is no mail: it has no header field"));
        }
        let at = timestamp(&headers, raw, &mut made);
        let content = Content::of(&headers, body, &mut made);
        let subject = headers
            .first("Subject")
            .map(words::decoded)
            .unwrap_or_default();
        let body = body_text(&content);

        let mut children = people::senders(&headers, &mut made);
        children.extend(people::recipients(&headers, &mut made));
        children.extend(text_attribute(
            vocab::SUBJECT,
            &subject,
            (SUBJECT_BYTES, "subject_bytes"),
            &mut made,
        ));
        children.extend(text_attribute(
            vocab::BODY,
            &body,
            (BODY_BYTES, "body_bytes"),
            &mut made,
        ));
        children.extend(content.attachments.iter().filter_map(attachment));
        children.extend(indicators::nodes(&subject, &content, &mut made));
        children.extend(content.mails);

        let event = Event::new(vocab::EMAIL, raw.orgid.clone(), at, children)
            .map_err(|error| Refusal::new(format!("no event can be made: {error}")))?;
        made.events.push(event);
        Ok(made)
    }
}

/// Old programs ended lines with a carriage return alone.
fn with_lines(mail: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if mail.contains(&b'\n') || !mail.contains(&b'\r') {
        return mail;
    }
    let lines = mail.iter().map(|b| if *b == b'\r' { b'\n' } else { *b });
    Cow::Owned(lines.collect())
}

/// When the mail was written, else when the last server got it, else when it was submitted.
fn timestamp(headers: &Headers<'_>, raw: &RawInput<'_>, made: &mut Yield) -> Timestamp {
    let received = headers
        .all("Received")
        .filter_map(|field| field.rsplit_once(';'))
        .find_map(|(_, text)| date::read(text, raw.timezone, None))
        .filter(|date| !date.is_zone_unknown);
    let near = received.map(|date| date.at.get());
    let said = headers.first("Date");
    let written = said.and_then(|text| date::read(text, raw.timezone, near));
    match written {
        Some(date) if date.is_zone_unknown => made.leave_out("date_zone"),
        None if said.is_some() => made.leave_out("date"),
        _ => {}
    }
    written.or(received).map_or(raw.timestamp, |date| date.at)
}

/// The text parts, else the HTML parts as text.
fn body_text(content: &Content) -> String {
    let plain = content.plain.join("\n");
    if !plain.trim().is_empty() {
        return plain;
    }
    let texts: Vec<String> = content.html.iter().map(|part| html::text(part)).collect();
    texts.join("\n")
}

/// Text that says something, up to so many bytes; what it is called when more is left out.
fn text_attribute(
    sub_type: SubType,
    text: &str,
    (limit, beyond): (usize, &'static str),
    made: &mut Yield,
) -> Option<Node> {
    let text = text.trim();
    if text.len() > limit {
        made.leave_out(beyond);
    }
    let text = text[..text.floor_char_boundary(limit)].trim_end();
    (!text.is_empty()).then(|| Attribute::new(sub_type, text).into())
}

fn attachment(attachment: &Attachment) -> Option<Node> {
    let name = attachment.filename.as_deref();
    let children = [
        name.map(|name| Attribute::new(vocab::FILENAME, name)),
        Some(Attribute::new(vocab::SHA256, attachment.sha256.as_str())),
        Some(Attribute::new(
            vocab::MIME_TYPE,
            attachment.mime_type.as_str(),
        )),
    ];
    object(vocab::ATTACHMENT, children).map(Node::from)
}

/// An object of those children that are there; none when none is.
fn object(
    sub_type: SubType,
    children: impl IntoIterator<Item = Option<Attribute>>,
) -> Option<Object> {
    let children = children.into_iter().flatten().map(Node::from).collect();
    // Being empty is its only error here: a header's texts are too short to make it too large.
    Object::new(sub_type, children).ok()
}
