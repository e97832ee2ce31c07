//! OpenPhish, a feed of phishing URLs: <https://openphish.com>.
//!
//! The community's feed is one URL a line; the premium one a JSON record a line, which also tells when the page
//! was found, whom it imitates and where it is.

use serde_json::Map;
use tahoe_core::{Attribute, Event, Timestamp, Value};

use crate::feed::{self, Entry};
use crate::{Filter, RawInput, Refusal, Yield, fields, time, url, vocab};

/// Makes one event of each URL in a feed.
pub(crate) struct OpenPhish;

impl Filter for OpenPhish {
    fn name(&self) -> &'static str {
        "openphish"
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["openphish_feed"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        feed::read(raw.data, |entry| match entry {
            Entry::Url(url) => feed::event(vocab::SIGHTING, raw, raw.timestamp, url, None),
            Entry::Record(record) => premium(&record, raw),
        })
    }
}

fn premium(record: &Map<String, Value>, raw: &RawInput<'_>) -> Result<Event, &'static str> {
    let url = record.get("url").and_then(Value::as_str);
    let url = url.ok_or("no_url")?;
    let text = |field| feed::text(record, field);
    let place = feed::geoip([
        text("ip").and_then(|ip| url::ip_attribute(&ip)),
        text("asn").and_then(|asn| fields::asn(&asn)),
        text("country_code")
            .map(|code| Attribute::new(vocab::COUNTRY_CODE2, code.to_ascii_uppercase())),
    ]);
    let more = feed::target(text("brand")).into_iter().chain(place);
    feed::event(vocab::SIGHTING, raw, found_at(record, raw), url, more)
}

/// `isotime`, else `discover_time` (`14-06-2018 11:21:24 UTC`) where that is ISO 8601, too; else the raw's.
fn found_at(record: &Map<String, Value>, raw: &RawInput<'_>) -> Timestamp {
    ["isotime", "discover_time"]
        .iter()
        .find_map(|field| time::parse(record.get(*field)?, raw.timezone).ok())
        .unwrap_or(raw.timestamp)
}
