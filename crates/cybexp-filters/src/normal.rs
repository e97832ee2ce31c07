//! The one form in which sightings are stored, whatever the source.
//!
//! This is not the first of [`crate::vocabulary::forms`]: these are for finding values, so they turn numbers of text
//! sub_types into text, trim commands and refuse what this module stores.

use tahoe_core::{Attribute, Scalar, SubType};

use crate::{fields, url, vocab};

/// The error of a value that does not agree with its sub_type, to stand behind the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is not {expected}")]
pub struct NotOne {
    /// The value, cut to a length that can be shown.
    pub shown: String,
    /// A description of the sub_type's values, with an article.
    pub expected: &'static str,
}

/// Returns the attribute of a value as the filters make it: an address in its usual form, a host, mail address or digest
/// in lower case, a port as a number. Defanged forms (`203[.]0[.]113[.]9`) are read as what they mean. A value of a
/// sub_type that has no such form is taken as it is.
///
/// The sub_type of what is made may be another: an `ipv6` that is an IPv4 address is `ipv4`, and `ip` is either.
///
/// # Errors
/// If the value cannot be of that sub_type: `ipv4` `999.1.1.1`, `port` `http`.
///
/// ```
/// use cybexp_filters::normal;
/// use tahoe_core::SubType;
///
/// let cve = normal(&SubType::from_static("cve_id"), &"cve-2021-44228".into()).unwrap();
/// assert_eq!(cve.data().as_str(), Some("CVE-2021-44228"));
/// assert!(normal(&SubType::from_static("port"), &"70000".into()).is_err());
/// ```
pub fn normal(sub_type: &SubType, value: &Scalar) -> Result<Attribute, NotOne> {
    let name = sub_type.as_str();
    let Some(form) = FORMS.iter().find(|form| form.names.contains(&name)) else {
        return Ok(Attribute::new(sub_type.clone(), value.clone()));
    };
    let text = match value {
        Scalar::Str(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    (form.read)(sub_type, &text).ok_or_else(|| NotOne {
        shown: crate::excerpt(&text),
        expected: form.expected,
    })
}

/// The spelling of the values of some sub_types.
struct Spelling {
    names: &'static [&'static str],
    expected: &'static str,
    read: fn(&SubType, &str) -> Option<Attribute>,
}

const FORMS: &[Spelling] = &[
    Spelling {
        names: &["ip", "ipv4", "ipv6"],
        expected: "an IP address",
        read: |_, text| url::ip_attribute(unbracketed(&url::refang(text))),
    },
    Spelling {
        names: &["cidr"],
        expected: "a network, as 192.0.2.0/24",
        read: |_, text| fields::cidr(text),
    },
    Spelling {
        names: &["hostname"],
        expected: "a host",
        read: |_, text| host(text),
    },
    Spelling {
        names: &["domain"],
        expected: "a domain",
        read: |sub_type, text| {
            let host = host(text)?;
            let is_name = *host.sub_type() == vocab::HOSTNAME;
            is_name.then(|| Attribute::new(sub_type.clone(), host.data().clone()))
        },
    },
    Spelling {
        names: &["email_addr"],
        expected: "a mail address",
        read: |_, text| {
            let meant = url::refang(text);
            let (local, domain) = meant.rsplit_once('@')?;
            let is_one =
                !local.is_empty() && !domain.is_empty() && !meant.contains(char::is_whitespace);
            is_one.then(|| fields::email_addr(&meant))
        },
    },
    Spelling {
        names: &["port"],
        expected: "a port, from 0 to 65535",
        read: |sub_type, text| {
            let port: u16 = text.parse().ok()?;
            Some(Attribute::new(sub_type.clone(), i64::from(port)))
        },
    },
    Spelling {
        names: &["asn"],
        expected: "the number of an autonomous system",
        read: |_, text| fields::asn(text),
    },
    Spelling {
        names: &["cve_id"],
        expected: "an identifier of CVE",
        read: |sub_type, text| {
            let upper = text.to_ascii_uppercase();
            upper
                .starts_with("CVE-")
                .then(|| Attribute::new(sub_type.clone(), upper))
        },
    },
    Spelling {
        names: &["country_code2"],
        expected: "a country's code of two letters",
        read: |_, text| {
            let is_code = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
            is_code.then(|| fields::country(text))
        },
    },
    digest(
        &["md5", "imphash", "hassh", "hasshserver", "ja3"],
        "32 hexadecimal digits",
        |s, t| hex(s, t, 32),
    ),
    digest(&["sha1"], "40 hexadecimal digits", |s, t| hex(s, t, 40)),
    digest(&["sha224"], "56 hexadecimal digits", |s, t| hex(s, t, 56)),
    digest(&["sha256"], "64 hexadecimal digits", |s, t| hex(s, t, 64)),
    digest(&["sha384"], "96 hexadecimal digits", |s, t| hex(s, t, 96)),
    digest(&["sha512"], "128 hexadecimal digits", |s, t| hex(s, t, 128)),
];

const fn digest(
    names: &'static [&'static str],
    expected: &'static str,
    read: fn(&SubType, &str) -> Option<Attribute>,
) -> Spelling {
    Spelling {
        names,
        expected,
        read,
    }
}

fn hex(sub_type: &SubType, text: &str, digits: usize) -> Option<Attribute> {
    let is_hex = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| Attribute::new(sub_type.clone(), text.to_ascii_lowercase()))
}

/// Reads a host. The URL standard would read `443` and `203.0.113` as addresses, but nobody writes addresses so.
fn host(text: &str) -> Option<Attribute> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match is_number {
        true => url::ip_attribute(text),
        false => Some(url::bare_host_attributes(text)?.0),
    }
}

/// Returns an IPv6 address without the brackets that it has in a URL.
fn unbracketed(text: &str) -> &str {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inner.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_filters_write_them() {
        for (sub_type, value, expected) in [
            ("ipv4", "203[.]0[.]113[.]9", "ipv4=203.0.113.9"),
            ("ipv6", "2001:DB8:0::1", "ipv6=2001:db8::1"),
            ("ipv6", "[2001:db8::1]", "ipv6=2001:db8::1"),
            ("ipv6", "::ffff:203.0.113.9", "ipv4=203.0.113.9"),
            ("ip", " 2001:db8::1 ", "ipv6=2001:db8::1"),
            ("hostname", "WWW.Evil.example.", "hostname=www.evil.example"),
            (
                "hostname",
                "b\u{fc}cher.example",
                "hostname=xn--bcher-kva.example",
            ),
            ("domain", "EVIL[.]example", "domain=evil.example"),
            (
                "email_addr",
                "Jdoe@Example.com",
                "email_addr=jdoe@example.com",
            ),
            (
                "email_addr",
                "jdoe[at]example[.]com",
                "email_addr=jdoe@example.com",
            ),
            (
                "md5",
                "D41D8CD98F00B204E9800998ECF8427E",
                "md5=d41d8cd98f00b204e9800998ecf8427e",
            ),
            ("cve_id", "cve-2021-44228", "cve_id=CVE-2021-44228"),
            ("asn", "AS8100", "asn=8100"),
            (
                "url",
                "hxxp://Evil[.]example/X",
                "url=hxxp://Evil[.]example/X",
            ),
            ("shell_command", "uname -A", "shell_command=uname -A"),
        ] {
            let sub_type = SubType::new(sub_type).expect("an identifier");
            let made = normal(&sub_type, &value.into()).expect(value);
            assert_eq!(format!("{}={}", made.sub_type(), made.data()), expected);
        }
        let port = SubType::from_static("port");
        for value in [Scalar::from("443"), Scalar::from(443_i64)] {
            assert_eq!(
                normal(&port, &value).expect("a port").data(),
                &Scalar::Int(443)
            );
        }
    }

    #[test]
    fn what_cannot_be_one_is_told() {
        for (sub_type, value) in [
            ("ipv4", "999.1.1.1"),
            ("ipv4", "203.0.113.9:443"),
            ("hostname", "not a host"),
            ("hostname", "443"),
            ("cidr", "203.0.113.0/64"),
            ("domain", "203.0.113.9"),
            ("email_addr", "evil.example"),
            ("sha256", "e3b0c442"),
            ("port", "70000"),
            ("port", "http"),
            ("asn", "GOOGLE"),
        ] {
            let sub_type = SubType::new(sub_type).expect("an identifier");
            let told = normal(&sub_type, &value.into())
                .expect_err(value)
                .to_string();
            assert!(told.contains(value) && told.contains(" is not "), "{told}");
        }
    }
}
