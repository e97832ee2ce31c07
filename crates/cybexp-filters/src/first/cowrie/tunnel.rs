//! Connections that the attacker makes through the honeypot, and the data sent on them.

use tahoe_core::Attribute;

use super::draft::{Draft, object};
use super::record::CowrieRecord;
use super::{http, repr, text, tls};
use crate::{url, vocab};

/// The request for a connection. The host stands in `dst` beside the `url`. Its registered domain stands on the event,
/// as for any URL.
pub(super) fn request(record: &CowrieRecord<'_>) -> Draft {
    let port = |field| Some(Attribute::new(vocab::PORT, record.int(field, 0..=65535)?));
    let given = record.text("dst_ip");
    let (host, domain) = match given.as_deref().and_then(url::bare_host_attributes) {
        Some((host, domain)) => (Some(host), domain),
        None => (None, None),
    };
    let dst_url = given.map(|text| Attribute::new(vocab::URL, text));
    let dst = object(vocab::DST, [dst_url, host, port("dst_port")]);
    let src = object(
        vocab::SRC,
        [
            record.attribute(vocab::HOSTNAME, "sensor"),
            record.ip("orig_ip"),
            port("orig_port"),
        ],
    );
    Draft::new(vocab::NETWORK_TRAFFIC)
        .with(dst)
        .with(src)
        .with([Attribute::new(vocab::PROTOCOL, "TCP")])
        .with(domain)
}

/// Data sent on the connection, which Cowrie writes as Python prints bytes. The request in the data names the host and
/// URL.
pub(super) fn data(record: &CowrieRecord<'_>) -> Draft {
    let draft = request(record).with(record.attribute(vocab::DATA, "data"));
    let Some(printed) = record.text("data") else {
        return draft;
    };
    let bytes = repr::bytes(&printed);
    if let Some(name) = tls::server_name(&bytes) {
        let (host, domain) = url::bare_host_attributes(name).unzip();
        return draft.with(host).with(domain.flatten());
    }
    let sent = String::from_utf8_lossy(&bytes);
    let dst = record.text("dst_ip");
    let port = record.int("dst_port", 1..=65535);
    let draft = match http::target(&sent, dst.as_deref().zip(port)) {
        Some(target) => {
            let hosts = url::host_attributes(&target);
            let seen = target.contains("://");
            let target = seen.then(|| Attribute::new(vocab::URL, target));
            draft.with(target).with(hosts)
        }
        None => draft,
    };
    text::of_data(draft, &sent)
}

/// The fingerprint of the TLS (ja4) or HTTP (ja4h) client on the connection.
pub(super) fn fingerprint(record: &CowrieRecord<'_>) -> Draft {
    request(record)
        .with_malicious(record.attribute(vocab::JA4, "ja4"))
        .with_malicious(record.attribute(vocab::JA4H, "ja4h"))
}
