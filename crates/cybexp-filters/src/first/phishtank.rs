//! PhishTank, a feed of phishing URLs that people report and verify: <https://phishtank.org>.

use std::ops::ControlFlow;

use serde_json::Map;
use tahoe_core::{Attribute, Event, Node, SubType, Value};

use super::filter::whole;
use crate::feed::{self, FeedEntry};
use crate::{Filter, RawInput, Refusal, Yield, fields, url, vocab};

/// Makes one event of each phish in a feed: bare URLs, records of JSON, or CSV.
pub(crate) struct PhishTank;

/// The most rows read of a phish's `details`, the addresses of its host; usually two or three.
const DETAILS: usize = 64;

impl Filter for PhishTank {
    fn name(&self) -> &'static str {
        "phishtank"
    }

    fn version(&self) -> u32 {
        2
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["phishtank_feed"]
    }

    fn reads_feeds(&self) -> bool {
        true
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        whole(|take| self.run_in_parts(raw, take))
    }

    fn run_in_parts(
        &self,
        raw: &RawInput<'_>,
        take: &mut dyn FnMut(Yield) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        feed::read(raw.data, take, |entry| match entry {
            FeedEntry::Url(url) => feed::event(vocab::PHISHTANK_URL, raw, raw.timestamp, url, None),
            FeedEntry::Record(record) => phish(&record, raw),
        })
    }
}

/// Fields that become an attribute of the same name. They become text, so that a phish_id has the same hash whether it
/// came as a number or as text.
const FIELDS: [(&str, SubType); 5] = [
    ("phish_id", vocab::PHISH_ID),
    ("submission_time", vocab::SUBMISSION_TIME),
    ("verified", vocab::VERIFIED),
    ("verification_time", vocab::VERIFICATION_TIME),
    ("online", vocab::ONLINE),
];

fn phish(record: &Map<String, Value>, raw: &RawInput<'_>) -> Result<Event, &'static str> {
    let url = feed::url_of(record)?;
    let fields = FIELDS.into_iter().filter_map(|(field, sub_type)| {
        Some(Attribute::new(sub_type, feed::text(record, field)?).into())
    });
    let more = fields
        .chain(feed::target(feed::text(record, "target")))
        .chain(places(record.get("details")));
    let at = feed::time_of(record, &["verification_time", "submission_time"], raw, None);
    feed::event(vocab::PHISHTANK_URL, raw, at, url, more)
}

/// The locations of the host's addresses, from a list of rows or a single one.
fn places(details: Option<&Value>) -> impl Iterator<Item = Node> {
    let rows = match details {
        Some(Value::Array(rows)) => rows.as_slice(),
        Some(row) => std::slice::from_ref(row),
        None => &[],
    };
    rows.iter()
        .take(DETAILS)
        .filter_map(Value::as_object)
        .filter_map(place)
}

fn place(row: &Map<String, Value>) -> Option<Node> {
    let text = |field| feed::text(row, field);
    feed::geoip([
        text("ip_address").and_then(|ip| url::ip_attribute(&ip)),
        text("cidr_block").and_then(|cidr| fields::cidr(&cidr)),
        text("announcing_network").and_then(|asn| fields::asn(&asn)),
        text("rir").map(|rir| Attribute::new(vocab::RIR, rir.to_ascii_lowercase())),
        text("country").map(|code| fields::country(&code)),
    ])
}
