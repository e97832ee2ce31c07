//! E-mail: RFC 5322 text with MIME, as a mail server or a person submits it.
//!
//! Senders may be hostile, so every count and length has a limit here. The limits keep an event below the 16 MB of a
//! document, and its canonical form below the limit of `tahoe-core`. Content beyond a limit is counted in
//! [`Yield::left_out`], and the raw keeps it.

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
use html::Page;
use mime::{Attachment, Content};

/// The longest body that is kept, in bytes. The escapes of each level make it nine times as long in an event.
const BODY_BYTES: usize = 1 << 20;
/// The longest subject that is kept, in bytes: a header line has 998 characters, and few mail programs show that many.
const SUBJECT_BYTES: usize = 4096;
/// Makes one event of a mail.
///
/// The body is all parts of type text/plain. If these are empty, it is those of type text/html, converted to text. A
/// mail attached to the mail is an attachment. Its own attachments and URLs count as the mail's, because people submit
/// phishing mails so, but its text does not.
pub(crate) struct Email;

impl Filter for Email {
    fn name(&self) -> &'static str {
        "email"
    }

    fn version(&self) -> u32 {
        4
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
        let pages: Vec<Page> = content.html.iter().map(|part| html::read(part)).collect();
        let body = body_text(&content, &pages);

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
        children.extend(indicators::nodes(&subject, &content, &pages, &mut made));
        children.extend(content.mails);

        let event = Event::new(vocab::EMAIL, raw.orgid.clone(), at, children)
            .map_err(|error| Refusal::new(format!("no event can be made: {error}")))?;
        made.events.push(event);
        Ok(made)
    }
}

/// Ends each line with `\n`, in a mail of an old program that ended them with `\r` alone.
fn with_lines(mail: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if mail.contains(&b'\n') || !mail.contains(&b'\r') {
        return mail;
    }
    let lines = mail.iter().map(|b| if *b == b'\r' { b'\n' } else { *b });
    Cow::Owned(lines.collect())
}

/// Returns the time at which the mail was written, else that at which the last server got it, else that of the
/// submission.
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
fn body_text(content: &Content, pages: &[Page]) -> String {
    let plain = content.plain.join("\n");
    if !plain.trim().is_empty() {
        return plain;
    }
    let texts: Vec<String> = pages.iter().map(Page::text).collect();
    texts.join("\n")
}

/// Makes an attribute of a text that is not empty, cut to `limit` bytes. The name `beyond` is counted if it was cut.
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

/// Makes an object of the children that are present; `None` if there are none.
fn object(
    sub_type: SubType,
    children: impl IntoIterator<Item = Option<Attribute>>,
) -> Option<Object> {
    let children = children.into_iter().flatten().map(Node::from).collect();
    // An object's only possible error here is to be empty: a header's texts are too short to make it too large.
    Object::new(sub_type, children).ok()
}
