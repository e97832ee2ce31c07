//! Suricata rules, one or more for each value. For long feeds there are datasets, which cost a sensor much less.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use crate::formats::{WriteFeed, about, numbers};
use crate::item::{FeedHead, Item};
use crate::kind::Kind;
use crate::text::plain_comment;
use crate::time;
use crate::writer::Written;

/// The most values of which there are rules. A sensor looks at each rule of an address for each flow.
const VALUES: u64 = 50_000;
/// The longest path of a URL, in bytes: Suricata reads rules of up to 8 KiB, and a byte may take three.
const PATH: usize = 2000;
/// The first rule number, far from those of other rule sets, and how many there are.
const FIRST_SID: u32 = 2_200_000_000;
const SIDS: u32 = 2_000_000_000;

struct Suricata {
    head: FeedHead,
    sids: HashSet<u32>,
    values: u64,
}

pub(super) fn new(head: &FeedHead) -> Box<dyn WriteFeed + Send> {
    Box::new(Suricata {
        head: head.clone(),
        sids: HashSet::new(),
        values: 0,
    })
}

impl Suricata {
    /// Returns the number of a rule: it follows from the feed and the value, so that a sensor keeps it.
    fn sid(&mut self, header: &str, value: &str) -> u32 {
        let digest = Sha256::digest(format!("{}|{header}|{value}", self.head.name));
        let mut first = [0; 4];
        first.copy_from_slice(&digest[..4]);
        let mut offset = u32::from_be_bytes(first) % SIDS;
        while !self.sids.insert(offset) {
            offset = (offset + 1) % SIDS;
        }
        FIRST_SID + offset
    }
}

/// Returns a text as the content of a rule: what has a meaning there, and what is no ASCII, in hexadecimal digits.
pub(super) fn content(text: &str) -> String {
    let mut content = String::with_capacity(text.len() + 8);
    let mut in_hex = false;
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._/~?&=%+,@!*()[]'#".contains(&byte);
        if is_plain == in_hex {
            content.push('|');
            in_hex = !in_hex;
        } else if in_hex {
            content.push(' ');
        }
        match is_plain {
            true => content.push(char::from(byte)),
            false => content.push_str(&format!("{byte:02X}")),
        }
    }
    if in_hex {
        content.push('|');
    }
    content
}

/// The host and the path of a URL, if its scheme is one that Suricata reads.
pub(super) fn host_and_path(url: &str) -> Option<(String, String)> {
    let url = url::Url::parse(url).ok()?;
    let is_http = matches!(url.scheme(), "http");
    let query = url.query().map(|query| format!("?{query}"));
    let path = format!("{}{}", url.path(), query.unwrap_or_default());
    is_http.then_some((url.host_str()?.to_owned(), path))
}

impl WriteFeed for Suricata {
    fn begin(&mut self, out: &mut Vec<u8>) {
        about(&self.head, "#", out);
    }

    fn item(&mut self, item: &Item, out: &mut Vec<u8>) -> bool {
        if self.values >= VALUES {
            return false;
        }
        let host = |host: &str| {
            let dotted = content(&format!(".{host}"));
            let host = content(host);
            vec![
                (
                    "dns any any -> any any".to_owned(),
                    format!("dns.query; dotprefix; content:\"{dotted}\"; nocase; endswith;"),
                ),
                (
                    "tls any any -> any any".to_owned(),
                    format!("tls.sni; dotprefix; content:\"{dotted}\"; nocase; endswith;"),
                ),
                (
                    "http any any -> any any".to_owned(),
                    format!("http.host; content:\"{host}\"; bsize:{};", host.len()),
                ),
            ]
        };
        let (value, rules) = match Kind::of(&item.sub_type, &item.data) {
            Kind::Address(address) => {
                let header = |text: &str| format!("ip [{text}] any <> any any");
                let text = address.to_string();
                (text.clone(), vec![(header(&text), String::new())])
            }
            Kind::Network(network) => {
                let text = network.to_string();
                (
                    text.clone(),
                    vec![(format!("ip [{text}] any <> any any"), String::new())],
                )
            }
            Kind::Host(name) => (name.clone(), host(&name)),
            Kind::Url(url) => match host_and_path(&url) {
                Some((host, path)) if path.len() <= PATH => {
                    let (size, host, path) = (host.len(), content(&host), content(&path));
                    let options = format!(
                        "http.host; content:\"{host}\"; bsize:{size}; http.uri.raw; content:\"{path}\"; startswith; endswith;"
                    );
                    (url, vec![("http any any -> any any".to_owned(), options)])
                }
                _ => return false,
            },
            _ => return false,
        };
        self.values += 1;
        let short: String = plain_comment(&value).chars().take(80).collect();
        let (name, reason) = (self.head.name.clone(), plain_comment(&item.reason));
        let day = time::day(item.added).replace('-', "_");
        for (header, options) in rules {
            let sid = self.sid(&header, &value);
            let space = if options.is_empty() { "" } else { " " };
            let rule = format!(
                "alert {header} (msg:\"CYBEX-P {name} {short} {reason}\";{space}{options} \
                 classtype:bad-unknown; metadata:created_at {day}; sid:{sid}; rev:1;)\n"
            );
            out.extend(rule.bytes());
        }
        true
    }

    fn end(&mut self, written: &Written, out: &mut Vec<u8>) {
        numbers(written, "#", out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_cannot_end_its_quotes() {
        assert_eq!(content("evil.example"), "evil.example");
        assert_eq!(content("a\";sid:1|"), "a|22 3B|sid|3A|1|7C|");
        assert_eq!(content(";"), "|3B|");
        assert_eq!(content("é"), "|C3 A9|");
    }
}
