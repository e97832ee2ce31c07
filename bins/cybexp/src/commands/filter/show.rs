//! Draws events and sessions as trees.

use chrono::{DateTime, SecondsFormat};
use cybexp_filters::Yield;
use tahoe_core::{Category, Event, Hash, Node, Session, Timestamp};

use crate::tree::stem;
use cybexp_term::{BOLD, DIM, GREEN, RED, short};

/// Returns the lines of one tree for each event and session.
pub(super) fn lines(made: &Yield) -> Vec<String> {
    let mut lines = Vec::new();
    for event in &made.events {
        lines.extend(self::event(event));
    }
    for session in &made.sessions {
        lines.push(format!(
            "{BOLD}session {}{BOLD:#}{} {DIM}{}{DIM:#}",
            session.sub_type(),
            span(session),
            session.hash()
        ));
        Marks(None).draw(&Vec::from_iter(session.children().iter()), "", &mut lines);
    }
    lines
}

/// Returns the lines of the tree of an event.
pub(super) fn event(event: &Event) -> Vec<String> {
    let mut lines = vec![format!(
        "{BOLD}event {}{BOLD:#} {} {DIM}{} {}{DIM:#}",
        event.sub_type(),
        category(event.category()),
        time(event.timestamp()),
        event.hash()
    )];
    let children = Vec::from_iter(event.children().iter());
    Marks(Some(event)).draw(&children, "", &mut lines);
    lines
}

/// Marks for the context (malicious or benign) in which an event has its descendants.
struct Marks<'a>(Option<&'a Event>);

impl Marks<'_> {
    fn draw(&self, nodes: &[&Node], indent: &str, lines: &mut Vec<String>) {
        for (at, node) in nodes.iter().enumerate() {
            let (branch, below) = stem(at + 1 == nodes.len());
            let start = format!("{indent}{branch} {}", node.sub_type());
            let mark = self.mark(node.hash());
            match node {
                Node::Attribute(attribute) => {
                    lines.push(format!(
                        "{start} {}{mark}",
                        short(&attribute.data().to_string())
                    ));
                }
                Node::Object(object) => {
                    lines.push(format!("{start}{mark}"));
                    let children = Vec::from_iter(object.children().iter());
                    self.draw(&children, &format!("{indent}{below}"), lines);
                }
            }
        }
    }

    /// Returns the mark of a descendant; nothing for the unknown context, which is the most frequent.
    fn mark(&self, hash: Hash) -> String {
        let is_in = |hashes: &[Hash]| hashes.binary_search(&hash).is_ok();
        match self.0 {
            Some(event) if is_in(event.malicious()) => {
                format!(" {}", category(Category::Malicious))
            }
            Some(event) if is_in(event.benign()) => format!(" {}", category(Category::Benign)),
            _ => String::new(),
        }
    }
}

fn category(category: Category) -> String {
    let name = category.as_str();
    match category {
        Category::Malicious => format!("{RED}{name}{RED:#}"),
        Category::Benign => format!("{GREEN}{name}{GREEN:#}"),
        Category::Unknown => name.to_owned(),
    }
}

/// Returns a session's begin and end as far as they are known.
fn span(session: &Session) -> String {
    let mut span = String::new();
    if let Some(start) = session.start_time() {
        span += &format!(" from {}", time(start));
    }
    if let Some(end) = session.end_time() {
        span += &format!(" to {}", time(end));
    }
    if let Some(seconds) = session.duration() {
        span += &format!(" lasting {} s", seconds.get());
    }
    span
}

/// Returns a time as a date, for people, or as Unix seconds if it is beyond the calendar.
fn time(at: Timestamp) -> String {
    let micros = (at.get() * 1e6).round() as i64;
    DateTime::from_timestamp_micros(micros).map_or_else(
        || at.get().to_string(),
        |date| date.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    )
}
