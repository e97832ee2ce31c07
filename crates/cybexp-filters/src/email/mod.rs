//! E-mail: RFC 5322 text with MIME in it, as a mail server or a person hands it in.
//!
//! A mail is written by whoever sent it, so every count and length has a limit here, chosen such that an event
//! stays below the 16 MB of a document and its canonical form below what `tahoe-core` makes. What a limit
//! leaves out is counted in [`Yield::left_out`]; the raw keeps it all.

mod date;
mod decode;
mod header;
mod html;
mod mime;
mod people;
mod sender;

use std::collections::HashSet;

use tahoe_core::{Attribute, Event, Node, Object, SubType, Value};

use crate::{Filter, RawInput, Refusal, Yield, url, vocab};
use header::Headers;
use mime::{Attachment, Content};

/// The longest body that is kept. Escaped at each level of an event it is nine times as long.
const BODY_BYTES: usize = 1 << 20;
/// The longest subject that is kept: a header line has 998 characters, and few mail programs show that many.
const SUBJECT_BYTES: usize = 4096;
/// The most URLs of a mail, by the design.
const URLS: usize = 500;
/// The longest URL that is kept; servers take no longer ones. Of a longer one the host is kept.
const URL_BYTES: usize = 8192;

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
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["email"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let text = raw.data.get("data").and_then(Value::as_str);
        let text = text.ok_or_else(|| Refusal::new("data holds no text of a mail"))?;
        // A blank line would end the header.
        let text = text.trim_start_matches(['\r', '\n']);
        let mut made = Yield::default();
        let (headers, _) = header::split(text, &mut made);
        let from = required(&headers, "From")?;
        required(&headers, "To")?;
        let subject = header::unstructured(required(&headers, "Subject")?);
        let at = date::timestamp(required(&headers, "Date")?, raw.timezone)?;
        let content = Content::of(text, &mut made);

        let mut children = people::sender(from, sender::address(&headers));
        children.extend(people::reply_to(&headers));
        children.extend(people::recipients(headers.all("To"), &mut made));
        children.extend(text_attribute(
            vocab::SUBJECT,
            &subject,
            (SUBJECT_BYTES, "subject_bytes"),
            &mut made,
        ));
        children.extend(text_attribute(
            vocab::BODY,
            &content.body(),
            (BODY_BYTES, "body_bytes"),
            &mut made,
        ));
        children.extend(content.attachments.iter().filter_map(attachment));
        children.extend(urls(&content, &mut made));

        let event = Event::new(vocab::EMAIL, raw.orgid.clone(), at, children)
            .map_err(|error| Refusal::new(format!("no event can be made: {error}")))?;
        made.events.push(event);
        Ok(made)
    }
}

fn required<'a>(headers: &Headers<'a>, name: &str) -> Result<&'a str, Refusal> {
    headers
        .first(name)
        .ok_or_else(|| Refusal::new(format!("{name} is missing")))
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

/// Each distinct URL with what it tells about its host, in the order they were found.
fn urls(content: &Content, made: &mut Yield) -> Vec<Node> {
    let mut seen = HashSet::new();
    let mut nodes: Vec<Node> = Vec::new();
    for found in content.urls() {
        if seen.contains(found.as_str()) {
            continue;
        }
        if seen.len() == URLS {
            made.leave_out("urls");
            break;
        }
        if found.len() <= URL_BYTES {
            nodes.push(Attribute::new(vocab::URL, found.as_str()).into());
        } else {
            made.leave_out("url_bytes");
        }
        nodes.extend(url::host_attributes(&found).into_iter().map(Node::from));
        seen.insert(found);
    }
    nodes
}
