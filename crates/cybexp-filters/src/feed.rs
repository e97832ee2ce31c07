//! The forms in which a feed of URLs arrives, from an input plugin or from a person who submits a whole file.
//!
//! Text has one entry a line, a URL or a JSON record, or it is CSV. JSON is a record, or a list of records and URLs.
//! The archive stores text under `data`; lists may stand under `data` or `URLs`.

mod table;

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde_json::Map;
use tahoe_core::{Attribute, Category, Event, Node, Object, SubType, Timestamp, Value, json};

use crate::{RawInput, Refusal, Yield, fields, time, url, vocab};

/// An entry of a feed: a line, or an element of a list.
pub(crate) enum FeedEntry<'a> {
    Url(&'a str),
    Record(Cow<'a, Map<String, Value>>),
}

/// Events of a part of a feed, which are handed on together.
const PART: usize = 500;

/// The longest URL in bytes. Browsers accept longer ones only for `data:`. With the escapes of each level, ten of these
/// fit in a document.
const URL_BYTES: usize = 64 << 10;

/// The longest text of any other field, in bytes: names, numbers and times.
const TEXT_BYTES: usize = 1024;

/// The most lists and objects around the entries: `{"data": {"URLs": […]}}` is the deepest known.
const LEVELS: usize = 4;

/// Makes an event of each entry, and hands the events on in parts. A bad entry is counted and left out, so that the others
/// are kept.
pub(crate) fn read(
    data: &Value,
    take: &mut dyn FnMut(Yield) -> ControlFlow<()>,
    event: impl FnMut(FeedEntry<'_>) -> Result<Event, &'static str>,
) -> Result<(), Refusal> {
    let mut reader = FeedReader {
        event,
        take,
        made: Yield::default(),
        is_empty: true,
    };
    if reader.value(data, LEVELS).is_break() {
        return Ok(());
    }
    if reader.is_empty {
        let markup = data.get("data").and_then(Value::as_str);
        let is_markup = markup.is_some_and(|text| text.trim_start().starts_with('<'));
        return Err(Refusal::new(match is_markup {
            true => {
                "data: there is not one URL in it: it is HTML or XML, where text, JSON or CSV is read"
            }
            false => "data: there is not one URL in it",
        }));
    }
    // the end, whether or not there may be more
    let _ = (reader.take)(reader.made);
    Ok(())
}

struct FeedReader<'t, F> {
    event: F,
    take: &'t mut dyn FnMut(Yield) -> ControlFlow<()>,
    made: Yield,
    is_empty: bool,
}

impl<F: FnMut(FeedEntry<'_>) -> Result<Event, &'static str>> FeedReader<'_, F> {
    fn value(&mut self, value: &Value, levels: usize) -> ControlFlow<()> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) if levels > 0 => items
                .iter()
                .try_for_each(|item| self.value(item, levels - 1)),
            Value::Object(record) => {
                let inner = ["data", "URLs", "urls"].iter().find_map(|f| record.get(*f));
                match inner {
                    Some(inner) if levels > 0 && !record.contains_key("url") => {
                        self.value(inner, levels - 1)
                    }
                    _ => self.entry(Ok(FeedEntry::Record(Cow::Borrowed(record)))),
                }
            }
            _ => self.entry(Err("not_a_record")),
        }
    }

    fn text(&mut self, text: &str) -> ControlFlow<()> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(columns) = table::columns(text) {
            return self.csv(text, &columns);
        }
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.try_for_each(|line| match line.starts_with('{') {
            false => self.entry(Ok(FeedEntry::Url(line))),
            true => self.entry(match json::parse(line) {
                Ok(Value::Object(record)) => Ok(FeedEntry::Record(Cow::Owned(record))),
                _ => Err("not_a_record"),
            }),
        })
    }

    fn csv(&mut self, text: &str, columns: &[String]) -> ControlFlow<()> {
        table::rows(text).try_for_each(|row| {
            self.entry(match row {
                Some(cells) => {
                    let cells = cells.into_iter().map(Value::from);
                    let record = columns.iter().cloned().zip(cells).collect();
                    Ok(FeedEntry::Record(Cow::Owned(record)))
                }
                None => Err("not_a_record"),
            })
        })
    }

    fn entry(&mut self, entry: Result<FeedEntry<'_>, &'static str>) -> ControlFlow<()> {
        match entry.and_then(&mut self.event) {
            Ok(event) => {
                self.is_empty = false;
                self.made.events.push(event);
            }
            Err(why) => self.made.leave_out(why),
        }
        match self.made.events.len() >= PART {
            true => (self.take)(std::mem::take(&mut self.made)),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Makes a malicious event with the URL in malicious context. Its hosts and `more` are in unknown context.
pub(crate) fn event(
    sub_type: SubType,
    raw: &RawInput<'_>,
    at: Timestamp,
    url: &str,
    more: impl IntoIterator<Item = Node>,
) -> Result<Event, &'static str> {
    event_with(sub_type, raw, at, url, more, Vec::new())
}

/// Makes the same event as [`event`], with these nodes in malicious context, too.
pub(crate) fn event_with(
    sub_type: SubType,
    raw: &RawInput<'_>,
    at: Timestamp,
    url: &str,
    more: impl IntoIterator<Item = Node>,
    malicious: Vec<Attribute>,
) -> Result<Event, &'static str> {
    let url = url.trim();
    if url.len() > URL_BYTES {
        return Err("url_too_long");
    }
    if !url::is_url(url) {
        return Err("not_a_url");
    }
    let seen = Attribute::new(vocab::URL, url);
    let hosts = url::host_attributes(url).into_iter().map(Node::from);
    let wanted = std::iter::once(seen).chain(malicious);
    let (malicious, wanted): (Vec<_>, Vec<_>) = wanted.map(|a| (a.hash(), Node::from(a))).unzip();
    let children = wanted.into_iter().chain(hosts).chain(more);
    let event = Event::new(sub_type, raw.orgid.clone(), at, children.collect());
    let event = event
        .map_err(|_| "too_large")?
        .with_category(Category::Malicious);
    event.with_malicious(malicious).map_err(|_| "too_large")
}

/// Returns the URL of a record.
pub(crate) fn url_of(record: &Map<String, Value>) -> Result<&str, &'static str> {
    let url = record.get("url").and_then(Value::as_str);
    url.ok_or("no_url")
}

/// Returns the time in the first of these fields that holds one, else `other`, else the raw's.
pub(crate) fn time_of(
    record: &Map<String, Value>,
    fields: &[&str],
    raw: &RawInput<'_>,
    other: Option<Timestamp>,
) -> Timestamp {
    let mut values = fields.iter().filter_map(|field| record.get(*field));
    values
        .find_map(|value| time::parse(value, raw.timezone).ok())
        .or(other)
        .unwrap_or(raw.timestamp)
}

/// Returns a field's text; `None` if it is empty or longer than [`TEXT_BYTES`].
pub(crate) fn text(record: &Map<String, Value>, field: &str) -> Option<String> {
    fields::text(record.get(field)?).filter(|text| text.len() <= TEXT_BYTES)
}

/// The organisation that a phishing page imitates.
pub(crate) fn target(name: Option<String>) -> Option<Node> {
    let name = Attribute::new(vocab::NAME, name?);
    Some(Object::new(vocab::TARGET, vec![name.into()]).ok()?.into())
}

/// The location of an address; `None` if nothing of it is known.
pub(crate) fn geoip(parts: impl IntoIterator<Item = Option<Attribute>>) -> Option<Node> {
    let parts = parts.into_iter().flatten().map(Node::from).collect();
    Some(Object::new(vocab::GEOIP, parts).ok()?.into())
}
