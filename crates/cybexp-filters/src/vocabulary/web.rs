//! Addresses, hosts, URLs and mail addresses, read as the filters read them.

use tahoe_core::{Attribute, SubType};

use super::{Unfit, fields, url, vocab};

/// The longest text, in bytes, that is read as one of these, except for a URL.
const LONGEST_BYTES: usize = 1024;
/// The longest URL, in bytes, of which several forms are made; a longer one has only the written form.
const URL_BYTES: usize = 16 << 10;

/// Returns a text in lower case with its defanged marks undone.
pub(super) fn meant(text: &str) -> String {
    if text.len() > LONGEST_BYTES {
        return String::new();
    }
    let meant = url::refang(text);
    // an IPv6 address comes with the brackets that a URL needs
    let bare = meant.strip_prefix('[').and_then(|m| m.strip_suffix(']'));
    bare.map(str::to_owned).unwrap_or(meant)
}

/// Returns the address as ipv4 or ipv6, whichever it is. An IPv4 address mapped into IPv6 becomes that IPv4 address.
pub(super) fn address(sub_type: &SubType, text: &str) -> Result<Attribute, Unfit> {
    let meant = meant(text);
    let Some(address) = url::ip_attribute(&meant) else {
        let what = match sub_type.as_str() {
            "ipv4" => "an IPv4 address",
            "ipv6" => "an IPv6 address",
            _ => "an IP address",
        };
        return Err(match fields::cidr(&meant) {
            Some(_) => Unfit::new("is a network: its sub_type is cidr"),
            None => Unfit::new(format!("is not {what}")),
        });
    };
    let mapped = *sub_type == vocab::IPV6 && meant.contains(':');
    match sub_type.as_str() == "ip" || address.sub_type() == sub_type || mapped {
        true => Ok(address),
        false => Err(Unfit::new(format!(
            "is an address whose sub_type is {}",
            address.sub_type()
        ))),
    }
}

/// Returns the name of a host, or a domain, in lower case and ASCII.
pub(super) fn host(sub_type: &SubType, text: &str) -> Result<Attribute, Unfit> {
    let host = match meant(text) {
        meant if meant.is_empty() || meant.contains(char::is_whitespace) => None,
        meant => url::bare_host_attributes(&meant),
    };
    let Some((host, _)) = host else {
        return Err(Unfit::new(match url::host_attributes(text).is_empty() {
            true => "is not the name of a host",
            false => "is a URL, not the name of a host alone",
        }));
    };
    match *host.sub_type() == vocab::HOSTNAME {
        true => Ok(Attribute::new(sub_type.clone(), host.data().clone())),
        false => Err(Unfit::new(format!(
            "is an address: its sub_type is {}",
            host.sub_type()
        ))),
    }
}

/// Returns a mail address in lower case.
pub(super) fn mail(text: &str) -> Result<Attribute, Unfit> {
    let meant = meant(text);
    let address = meant.strip_prefix("mailto:").unwrap_or(&meant);
    match address.rsplit_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() => {
            Ok(fields::email_addr(address))
        }
        _ => Err(Unfit::new("is not a mail address")),
    }
}

/// Returns a URL as it is written, with defanged marks undone, in the URL standard's form, and in that form without the
/// slash behind a bare host. Feeds and mails keep URLs as seen, so the archive may hold any of these.
pub(super) fn urls(text: &str) -> [String; 4] {
    let mut fanged = text.to_owned();
    for (defanged, meant) in [
        ("[.]", "."),
        ("(.)", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[dot]", "."),
    ] {
        fanged = fanged.replace(defanged, meant);
    }
    let scheme = fanged.get(..4).map(str::to_ascii_lowercase);
    if matches!(scheme.as_deref(), Some("hxxp")) {
        fanged.replace_range(..4, "http");
    }
    let normal = match fanged.len() <= URL_BYTES {
        true => ::url::Url::parse(&fanged).ok().filter(::url::Url::has_host),
        false => None,
    };
    let bare = normal.as_ref().map(|normal| {
        let alone = normal.path() == "/" && normal.query().is_none() && normal.fragment().is_none();
        let text = normal.as_str();
        text.strip_suffix('/')
            .filter(|_| alone)
            .unwrap_or(text)
            .to_owned()
    });
    let normal = normal.map(String::from);
    let or_written = |form: Option<String>| form.unwrap_or_else(|| text.to_owned());
    [
        text.to_owned(),
        or_written(normal),
        or_written(bare),
        fanged,
    ]
}
