//! OpenPhish, a feed of phishing URLs: <https://openphish.com>.
//!
//! The community feed is one URL a line. The premium feed is a JSON record a line, which also holds the time of
//! discovery, the imitated organisation, the location, and the mail addresses to which the page sends the data that
//! people enter.

use std::ops::ControlFlow;

use serde_json::Map;
use tahoe_core::{Attribute, Event, Timestamp, Value};

use super::filter::whole;
use crate::feed::{self, FeedEntry};
use crate::{Filter, RawInput, Refusal, Yield, fields, time, url, vocab};

/// The most addresses of one record; kits have up to ten.
const DROPS: usize = 100;

/// The longest address in bytes (RFC 5321).
const ADDRESS_BYTES: usize = 254;

/// Makes one event of each URL in a feed.
pub(crate) struct OpenPhish;

impl Filter for OpenPhish {
    fn name(&self) -> &'static str {
        "openphish"
    }

    fn version(&self) -> u32 {
        2
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["openphish_feed"]
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
            FeedEntry::Url(url) => feed::event(vocab::SIGHTING, raw, raw.timestamp, url, None),
            FeedEntry::Record(record) => premium(&record, raw),
        })
    }
}

fn premium(record: &Map<String, Value>, raw: &RawInput<'_>) -> Result<Event, &'static str> {
    let url = feed::url_of(record)?;
    let text = |field| feed::text(record, field);
    let place = feed::geoip([
        text("ip").and_then(|ip| url::ip_attribute(&ip)),
        text("asn").and_then(|asn| fields::asn(&asn)),
        text("asn_name").map(|name| Attribute::new(vocab::ASN_NAME, name)),
        text("country_code").map(|code| fields::country(&code)),
    ]);
    let more = feed::target(text("brand")).into_iter().chain(place);
    let at = feed::time_of(record, &["isotime"], raw, discovered(record));
    feed::event_with(vocab::SIGHTING, raw, at, url, more, drops(record))
}

/// Returns the addresses to which the phishing kit sends stolen data.
fn drops(record: &Map<String, Value>) -> Vec<Attribute> {
    let given = match record.get("emails") {
        Some(Value::Array(given)) => given.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let texts = given.iter().take(DROPS).filter_map(fields::text);
    texts
        .flat_map(|text| {
            let parts = text.split([',', ';', ' ']).map(str::trim);
            Vec::from_iter(
                parts
                    .filter(|part| is_address(part))
                    .map(fields::email_addr),
            )
        })
        .take(DROPS)
        .collect()
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    text.len() <= ADDRESS_BYTES
        && parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

/// Returns the time of a record without `isotime`: `14-06-2018 11:21:24 UTC`.
fn discovered(record: &Map<String, Value>) -> Option<Timestamp> {
    let text = feed::text(record, "discover_time")?;
    let mut words = text.split_whitespace();
    let (date, time) = (words.next()?, words.next().unwrap_or("00:00:00"));
    let iso = match Vec::from_iter(date.split('-'))[..] {
        [day, month, year] if year.len() == 4 => format!("{year}-{month}-{day}T{time}Z"),
        _ => return time::parse(&text.as_str().into(), "UTC").ok(),
    };
    time::parse(&iso.into(), "UTC").ok()
}
