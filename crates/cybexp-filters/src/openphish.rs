//! OpenPhish, a feed of phishing URLs: <https://openphish.com>.
//!
//! The community's feed is one URL a line; the premium one a JSON record a line, which also tells when the page
//! was found, whom it imitates and where it is.

use serde_json::Map;
use tahoe_core::{Event, Value};

use crate::feed::{self, Entry};
use crate::{Filter, RawInput, Refusal, Yield, fields, url, vocab};

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
    let url = feed::url_of(record)?;
    let text = |field| feed::text(record, field);
    let place = feed::geoip([
        text("ip").and_then(|ip| url::ip_attribute(&ip)),
        text("asn").and_then(|asn| fields::asn(&asn)),
        text("country_code").map(|code| fields::country(&code)),
    ]);
    let more = feed::target(text("brand")).into_iter().chain(place);
    // `discover_time` is `14-06-2018 11:21:24 UTC`, and read only where it is ISO 8601, too
    let at = feed::time_of(record, &["isotime", "discover_time"], raw);
    feed::event(vocab::SIGHTING, raw, at, url, more)
}
