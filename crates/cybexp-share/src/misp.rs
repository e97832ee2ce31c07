//! A MISP feed: a folder of `manifest.json`, `hashes.csv` and a file for each event, as PyMISP's feed generator writes it.
//!
//! An event holds the values that came into the feed on one day, or a part of them: its id follows from the feed, the day
//! and the part, so a MISP that reads the feed again updates its events.

use md5::Md5;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use crate::ident::Uuid;
use crate::item::{FeedHead, Item};
use crate::kind::{Digest, Kind};
use crate::text;
use crate::time;
use tahoe_core::Tlp;

/// The values of an event, above which the day is cut into 16 events, or 256.
const VALUES: u64 = 5000;

/// An event of the feed: a day's values, or a part of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MispEvent {
    /// The day, in days since 1970.
    pub day: i64,
    /// The number of parts of the day: 1, 16 or 256.
    pub parts: u16,
    /// The part, from 0 on.
    pub part: u16,
}

/// Returns the day of a time, in days since 1970.
pub fn day(unix: f64) -> i64 {
    time::unix(unix) / 86_400
}

/// The number of places of a day.
const PLACES: i64 = 256;

/// Returns the place of a value that came into a feed at this time: its day times 256, and a byte of its digest. An event
/// holds the values of a range of places.
pub fn place(sub_type: &str, text: &str, added: f64) -> i64 {
    let digest = Md5::digest(format!("{sub_type}|{text}"));
    day(added) * PLACES + i64::from(digest[0])
}

/// Returns how many events a day of so many values has.
pub fn parts(values: u64) -> u16 {
    match values {
        0..=VALUES => 1,
        n if n <= 16 * VALUES => 16,
        _ => 256,
    }
}

impl MispEvent {
    /// Returns the event of a value, on a day that has so many parts.
    pub fn of(item: &Item, parts: u16) -> Self {
        let place = place(&item.sub_type, &item.text(), item.added);
        Self {
            day: day(item.added),
            parts,
            part: (place.rem_euclid(PLACES) * i64::from(parts) / PLACES) as u16,
        }
    }

    /// Returns the events of a day that has so many parts.
    pub fn of_day(day: i64, parts: u16) -> impl Iterator<Item = Self> {
        (0..parts).map(move |part| Self { day, parts, part })
    }

    /// Returns the first and the last place of the event's values.
    pub fn places(&self) -> (i64, i64) {
        let each = PLACES / i64::from(self.parts.max(1));
        let first = self.day * PLACES + i64::from(self.part) * each;
        (first, first + each - 1)
    }

    /// Returns the event's id.
    pub fn uuid(&self, head: &FeedHead) -> Uuid {
        let numbers = format!("{} {} {}", self.day, self.parts, self.part);
        Uuid::random_like(&["misp event", &head.organisation, &head.name, &numbers])
    }

    fn date(&self) -> String {
        time::day(self.day as f64 * 86_400.0)
    }

    fn info(&self, head: &FeedHead) -> String {
        let part = match self.parts {
            1 => String::new(),
            parts => format!(" (part {} of {parts})", self.part + 1),
        };
        let about = text::comment(&head.description);
        let about = if about.is_empty() { &head.name } else { &about };
        format!("{about}, {}{part}", self.date())
    }

    /// Returns the fields that the manifest and the event share.
    fn told(&self, head: &FeedHead, changed: f64) -> Map<String, Value> {
        let tag = json!({"name": head.tlp.misp_tag(), "colour": colour(head.tlp)});
        let told = json!({
            "info": self.info(head), "date": self.date(), "analysis": "2", "threat_level_id": "3",
            "timestamp": time::unix(changed).to_string(), "Tag": [tag],
            "Orgc": {"name": text::comment(&head.organisation), "uuid": head.organisation_id().to_string()},
        });
        match told {
            Value::Object(told) => told,
            _ => Map::new(),
        }
    }

    /// Returns the manifest's entry of the event: its id, and what it says.
    pub fn manifest(&self, head: &FeedHead, changed: f64) -> (String, Value) {
        (
            self.uuid(head).to_string(),
            Value::Object(self.told(head, changed)),
        )
    }

    /// Returns the event's file. Values of other events are left out.
    pub fn file<'a>(
        &self,
        head: &FeedHead,
        changed: f64,
        items: impl IntoIterator<Item = &'a Item>,
    ) -> Value {
        let attributes: Vec<Attribute> = items
            .into_iter()
            .filter(|item| Self::of(item, self.parts) == *self)
            .filter_map(|item| Attribute::of(item, head))
            .collect();
        let mut event = self.told(head, changed);
        event.insert("uuid".to_owned(), self.uuid(head).to_string().into());
        event.insert("published".to_owned(), true.into());
        event.insert(
            "publish_timestamp".to_owned(),
            time::unix(changed).to_string().into(),
        );
        event.insert("Attribute".to_owned(), json!(attributes));
        json!({"Event": event})
    }
}

/// An attribute of MISP.
#[derive(Debug, Serialize)]
struct Attribute {
    uuid: String,
    #[serde(rename = "type")]
    kind: &'static str,
    category: &'static str,
    value: String,
    to_ids: bool,
    comment: String,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    disable_correlation: bool,
}

const NETWORK: &str = "Network activity";
const PAYLOAD: &str = "Payload delivery";

/// Returns MISP's type and category of a value, and the value as MISP has it.
fn typed(item: &Item) -> Option<(&'static str, &'static str, String)> {
    Some(match Kind::of(&item.sub_type, &item.data) {
        Kind::Address(address) => ("ip-src", NETWORK, address.to_string()),
        Kind::Network(network) => ("ip-src", NETWORK, network.to_string()),
        Kind::Host(host) if item.sub_type == "domain" => ("domain", NETWORK, host),
        Kind::Host(host) => ("hostname", NETWORK, host),
        Kind::Url(url) => ("url", NETWORK, url),
        Kind::Mail(mail) => ("email", PAYLOAD, mail),
        Kind::Digest(digest, text) => {
            let kind = match digest {
                Digest::Md5 => "md5",
                Digest::Sha1 => "sha1",
                Digest::Sha256 => "sha256",
                Digest::Sha512 => "sha512",
            };
            (kind, PAYLOAD, text)
        }
        Kind::Other => {
            let text = item.text();
            if text.trim().is_empty() || text.len() > 60_000 || text.contains('\0') {
                return None;
            }
            match item.sub_type.as_str() {
                "asn" => ("AS", NETWORK, text),
                "filename" => ("filename", PAYLOAD, text),
                "mutex" => ("mutex", "Artifacts dropped", text),
                "hassh" => ("hassh-md5", NETWORK, text),
                "ja3" => ("ja3-fingerprint-md5", NETWORK, text),
                // an address or host that is none
                "ipv4" | "ipv6" | "cidr" | "hostname" | "domain" | "url" | "email_addr" => {
                    return None;
                }
                _ => ("text", "Other", text),
            }
        }
    })
}

impl Attribute {
    fn of(item: &Item, head: &FeedHead) -> Option<Self> {
        let (kind, category, value) = typed(item)?;
        let uuid = Uuid::random_like(&[
            "misp attribute",
            &head.organisation,
            &head.name,
            &item.sub_type,
            &value,
        ]);
        Some(Self {
            uuid: uuid.to_string(),
            to_ids: kind != "text",
            kind,
            category,
            value,
            comment: text::comment(&item.reason),
            timestamp: time::unix(item.changed).to_string(),
            first_seen: item.seen.map(|(first, _)| time::millis(first)),
            last_seen: item.seen.map(|(_, last)| time::millis(last)),
            disable_correlation: false,
        })
    }
}

/// Returns the text by which a MISP finds a value in `hashes.csv`; `None` if the feed leaves the value out.
pub(crate) fn hashed(item: &Item) -> Option<String> {
    let (_, _, value) = typed(item)?;
    Some(hex::encode(Md5::digest(value)))
}

/// Returns the colour that MISP's taxonomy has for a label.
fn colour(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "#ffffff",
        Tlp::Green => "#339900",
        Tlp::Amber => "#FFC000",
        Tlp::AmberStrict => "#FFC000",
        Tlp::Red => "#CC0033",
    }
}
