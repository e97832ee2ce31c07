//! The filters of both stages, and their parts.

use std::hint::black_box;
use std::path::Path;

use cybexp_filters::second::{Networks, derive};
use cybexp_filters::{Filter, RawInput, fuzzing};
use tahoe_core::submission::data_of;
use tahoe_core::{OrgId, Timestamp};

/// Reads a record as the archive does, has the filter make instances of it, and the second stage others of these.
pub(super) fn filter(filter: &dyn Filter, bytes: &[u8]) {
    let Ok(data) = data_of(bytes.to_vec(), filter.dispensable()) else {
        return;
    };
    let (Ok(orgid), Ok(timestamp)) = (OrgId::new("unr"), Timestamp::new(1_588_032_005.5)) else {
        unreachable!("both are good");
    };
    let made = filter.run(&RawInput {
        data: &data.value,
        orgid: &orgid,
        timezone: "America/Los_Angeles",
        timestamp,
    });
    if let Ok(made) = made {
        black_box(derive(&[made], &orgid, &Networks::default()));
    }
}

/// Finds the URLs of a text, and reads the text as one.
pub(super) fn urls(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for spans in [fuzzing::url_spans(&text), fuzzing::shell_url_spans(&text)] {
        let mut end = 0;
        for span in spans {
            assert!(span.start >= end && span.start < span.end, "{span:?}");
            end = span.end;
            black_box(cybexp_filters::url::host_attributes(&text[span]));
        }
    }
    black_box(cybexp_filters::url::host_attributes(&text));
    black_box(cybexp_filters::url::ip_attribute(&text));
}

/// Reads a database of networks, and looks addresses up in it.
pub(super) fn networks(bytes: &[u8]) {
    for name in ["country.csv", "country.mmdb"] {
        if let Ok(networks) = Networks::of(vec![(Path::new(name), bytes.to_vec())]) {
            for address in [
                "203.0.113.9",
                "0.0.0.0",
                "255.255.255.255",
                "2001:db8::9",
                "::",
                "::ffff:1.2.3.4",
            ] {
                black_box(address.parse().map(|address| networks.find(address))).ok();
            }
        }
    }
}
