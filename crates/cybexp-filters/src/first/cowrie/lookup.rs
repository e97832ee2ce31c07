//! Answers of services that Cowrie asks: VirusTotal, URLhaus, GreyNoise, the DNS.

use tahoe_core::Attribute;

use super::draft::{Draft, object};
use super::record::CowrieRecord;
use crate::{url, vocab};

/// Plausible numbers of engines; VirusTotal asks fewer than a hundred.
const ENGINES: std::ops::RangeInclusive<i64> = 0..=10_000;

/// VirusTotal's verdict on a file or URL. It is malicious if at least one engine says so.
pub(super) fn virustotal(record: &CowrieRecord<'_>) -> Draft {
    let positives = record.int("positives", ENGINES);
    let ratio = positives
        .zip(record.int("total", ENGINES))
        .map(|(positives, total)| {
            Attribute::new(vocab::DETECTION_RATIO, format!("{positives}/{total}"))
        });
    let digest = ["sha256", "shasum"]
        .into_iter()
        .find_map(|field| record.text(field))
        .map(|digest| Attribute::new(vocab::SHA256, digest.trim().to_ascii_lowercase()));
    let file = object(vocab::FILE, [digest.clone()]);
    let draft = Draft::new(vocab::VIRUSTOTAL).with(ratio);
    let seen = record.attribute(vocab::URL, "url");
    let draft = match positives {
        Some(1..) => draft
            .with_malicious(file)
            .with_malicious(seen)
            .marking(&digest),
        _ => draft.with(file).with(seen),
    };
    with_hosts(draft, record)
}

/// A URL that was reported to URLhaus as a source of malware.
pub(super) fn urlhaus(record: &CowrieRecord<'_>) -> Draft {
    let draft = Draft::new(vocab::URLHAUS).with_malicious(record.attribute(vocab::URL, "url"));
    with_hosts(draft, record)
}

/// The DNS name of the attacker's address. With `of_dst`, that of the host a tunnel leads to, in an object `dst`.
pub(super) fn reverse_dns(record: &CowrieRecord<'_>, of_dst: bool) -> Draft {
    let name = record.text("ptr");
    let name = name.as_deref().and_then(url::bare_host_attributes);
    let (host, domain) = name.map_or((None, None), |(host, domain)| (Some(host), domain));
    let draft = Draft::new(vocab::REVERSE_DNS);
    if of_dst {
        let dst = object(vocab::DST, [record.ip("dst_ip"), host]);
        return draft.with(dst).with(domain);
    }
    draft.with(host).with(domain)
}

/// GreyNoise's opinion of the attacker, read from the message: no field holds it.
pub(super) fn greynoise(record: &CowrieRecord<'_>) -> Draft {
    let message = record.message();
    let classification = match message.split_once("classification is ") {
        Some((_, rest)) => rest.split_whitespace().next(),
        None => message
            .contains("belongs to a benign service")
            .then_some("benign"),
    };
    Draft::new(vocab::GREYNOISE)
        .with(classification.map(|text| Attribute::new(vocab::CLASSIFICATION, text)))
}

fn with_hosts(draft: Draft, record: &CowrieRecord<'_>) -> Draft {
    match record.text("url") {
        Some(seen) => draft.with(url::host_attributes(&seen)),
        None => draft,
    }
}
