//! The header of a mail or of one of its parts. The fields are found here, under limits; what stands in one
//! is `mail-parser`'s to read.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{Address, ContentType, HeaderValue};

use crate::Yield;

/// The most fields of a header, as many as mail servers take; the rest is not looked at.
const FIELDS: usize = 1000;
/// The longest field: a thousand recipients. What follows is not looked at.
const FIELD_BYTES: usize = 64 << 10;
/// The longest field about a part's content. Its parser compares each parameter with all others.
const CONTENT_FIELD_BYTES: usize = 4 << 10;

/// The fields of one header, in order.
pub(super) struct Headers<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Headers<'a> {
    /// What stands in the first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// What stands in the fields of this name, in order.
    pub(super) fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        let of_name = move |(known, _): &&(&str, &str)| known.eq_ignore_ascii_case(name);
        self.0.iter().filter(of_name).map(|(_, value)| *value)
    }

    /// Content-Type or Content-Disposition.
    pub(super) fn content(&self, name: &str) -> Option<ContentType<'static>> {
        let value = line(self.first(name)?, CONTENT_FIELD_BYTES);
        let parsed = MessageStream::new(value.as_bytes()).parse_content_type();
        parsed.into_owned().into_content_type()
    }
}

/// The header of a mail or part, and what follows it: behind a blank line, or from the first line on that is no
/// field. An mbox has one line before the header.
pub(super) fn split<'a>(entity: &'a str, made: &mut Yield) -> (Headers<'a>, &'a str) {
    let mut fields: Vec<(&str, &str)> = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    loop {
        let end = entity[at..].find('\n').map_or(entity.len(), |n| at + n + 1);
        let text = &entity[at..end];
        let is_blank = text.trim_end_matches(['\r', '\n']).is_empty();
        let is_folded = open.is_some() && text.starts_with([' ', '\t']);
        if !is_folded {
            if let Some((name, start)) = open.take() {
                let name = name.trim_end_matches(':').trim_end();
                fields.push((name, limited(&entity[start..at], made)));
            }
            if is_blank {
                return (Headers(fields), &entity[end..]);
            }
            if fields.len() == FIELDS {
                made.leave_out("header_fields");
                return (Headers(fields), after_blank_line(&entity[at..]));
            }
            open = field_name(text).map(|name| (name, at + name.len()));
            if open.is_none() && !(at == 0 && text.starts_with("From ")) {
                return (Headers(fields), &entity[at..]);
            }
        }
        at = end;
    }
}

/// With the colon behind it.
fn field_name(line: &str) -> Option<&str> {
    let colon = line.find(':')?;
    let name = line[..colon].trim_end();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    is_name.then_some(&line[..=colon])
}

fn after_blank_line(text: &str) -> &str {
    let ends = ["\n\n", "\n\r\n"].map(|blank| text.find(blank).map(|at| at + blank.len()));
    let end = ends.into_iter().flatten().min();
    &text[end.unwrap_or(text.len())..]
}

fn limited<'a>(value: &'a str, made: &mut Yield) -> &'a str {
    if value.len() > FIELD_BYTES {
        made.leave_out("header_field_bytes");
    }
    &value[..value.floor_char_boundary(FIELD_BYTES)]
}

/// A field's value as `mail-parser` needs it: the line end is what makes it keep the last word.
fn line(value: &str, limit: usize) -> String {
    let value = value[..value.floor_char_boundary(limit)].trim();
    format!("{value}\n")
}

/// Text with its encoded words decoded.
pub(super) fn unstructured(value: &str) -> String {
    let line = line(value, FIELD_BYTES);
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// A name and an address, of which one may be missing; those of groups too.
pub(super) fn addresses(value: &str) -> Vec<(Option<String>, Option<String>)> {
    let line = line(value, FIELD_BYTES);
    let parsed = MessageStream::new(line.as_bytes()).parse_address();
    let said = |text: &Option<Cow<'_, str>>| {
        let text = text.as_deref().unwrap_or_default().trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let list = parsed.as_address().map(Address::iter);
    list.into_iter()
        .flatten()
        .map(|address| (said(&address.name), said(&address.address)))
        .collect()
}
