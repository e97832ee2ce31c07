//! A filter for the log of an electronic door, on two lines of it:
//! `cargo run -p cybexp-filters --example door_locks`
//!
//! In the suite it would be a file of `src/first`, with its line in `FILTERS`.

#![allow(clippy::print_stdout, reason = "the documents are what it shows")]

use cybexp_filters::{Filter, RawInput, Refusal, Yield};
use serde_json::json;
use tahoe_core::time::parse_iso8601;
use tahoe_core::{Attribute, Category, Event, OrgId, SubType, Timestamp, Value};

/// The most lines of one record; more are left out.
const LINES: usize = 10_000;
/// The longest name of a door or badge, in bytes; a line with a longer one is left out.
const NAME_BYTES: usize = 64;

/// Makes an event of each badge that was refused: `2026-03-01T10:00:00Z lab refused 4711`.
struct DoorLocks;

impl Filter for DoorLocks {
    fn name(&self) -> &'static str {
        "door_locks"
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["door_lock"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        // the archive keeps a record that is no JSON as the text of `data`
        let text = raw.data.get("data").and_then(Value::as_str);
        let text = text.ok_or_else(|| Refusal::new("data is no text"))?;
        let mut made = Yield::default();
        let mut left_out = |why| *made.left_out.entry(why).or_default() += 1;
        for (number, line) in text.lines().enumerate() {
            if number >= LINES {
                left_out("line beyond 10000");
                continue;
            }
            match refused_badge(line, raw) {
                Some(event) => made.events.push(event),
                None => left_out("line that tells of no refusal"),
            }
        }
        match made.events.is_empty() {
            true => Err(Refusal::new("data tells of no badge that was refused")),
            false => Ok(made),
        }
    }
}

/// Makes the event of a line; `None` if it tells of something else.
fn refused_badge(line: &str, raw: &RawInput<'_>) -> Option<Event> {
    let mut words = line.split(' ');
    let (time, door) = (words.next()?, words.next()?);
    let badge = words
        .next()
        .filter(|word| *word == "refused")
        .and(words.next())?;
    if door.len() > NAME_BYTES || badge.len() > NAME_BYTES {
        return None;
    }
    let zone = raw.timezone.parse().ok()?;
    let at = Timestamp::new(parse_iso8601(time, zone)?).ok()?;
    let attribute = |name, text: &str| Attribute::new(SubType::from_static(name), text);
    let badge = attribute("badge", badge);
    let suspect = badge.hash();
    let children = vec![attribute("door", door).into(), badge.into()];
    let sub_type = SubType::from_static("door_refusal");
    let event = Event::new(sub_type, raw.orgid.clone(), at, children).ok()?;
    event
        .with_category(Category::Malicious)
        .with_malicious([suspect])
        .ok()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = "2026-03-01T10:00:00Z lab opened 12\n2026-03-01T10:00:07Z lab refused 4711\n";
    let made = DoorLocks.run(&RawInput {
        data: &json!({"data": log}),
        orgid: &OrgId::new("unr")?,
        timezone: "UTC",
        timestamp: Timestamp::new(1_772_359_200.0)?,
    })?;
    for event in &made.events {
        println!("{:#}", serde_json::to_value(event)?);
    }
    println!("left out: {:?}", made.left_out);
    Ok(())
}
