//! Mail addresses, with the names that stand before them.

use tahoe_core::Attribute;

use super::reading::Reading;
use super::words;
use crate::{fields, url, vocab};

/// Reads the addresses in a value: `eve@evil.example`, `Eve <eve@evil.example>`, `eve[at]evil[.]example`, or several.
pub(super) fn mailboxes(value: &str) -> Option<Reading> {
    let mut reading = Reading::default();
    for mailbox in separate(words::short(value)?) {
        match address_and_name(mailbox) {
            Some((address, name)) => {
                reading.values.push(fields::email_addr(&address));
                reading
                    .with
                    .extend(name.map(|name| Attribute::new(vocab::NAME, name)));
            }
            None => reading.has_label = true,
        }
    }
    (!reading.values.is_empty()).then_some(reading)
}

/// Splits a list of addresses. A comma may also stand in a name: `Doe, John <jdoe@example.com>`.
fn separate(value: &str) -> Vec<&str> {
    let parts = |marks: &'static [char]| {
        let parts = value
            .split(marks)
            .map(str::trim)
            .filter(|part| !part.is_empty());
        Vec::from_iter(parts)
    };
    let with_commas = parts(&[';', '\n', ',']);
    match with_commas
        .iter()
        .all(|part| address_and_name(part).is_some())
    {
        true => with_commas,
        false => parts(&[';', '\n']),
    }
}

fn address_and_name(mailbox: &str) -> Option<(String, Option<&str>)> {
    let comment = mailbox
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("));
    let (address, name) = match (mailbox.rsplit_once('<'), comment) {
        (Some((name, rest)), _) => (rest.split('>').next()?, name),
        // as in RFC 822, with the name behind the address
        (None, Some((address, name))) => (address, name),
        (None, None) => (mailbox, ""),
    };
    let name = name.trim().trim_matches(['"', '\'']).trim();
    Some((meant(address)?, Some(name).filter(|name| !name.is_empty())))
}

/// Returns the address with defanged marks undone, if it is one.
fn meant(address: &str) -> Option<String> {
    const AT: [&str; 5] = [" at ", "(at)", "{at}", "(@)", " @ "];
    let mut address = url::refang(address);
    for (defanged, meant) in AT.map(|at| (at, "@")).into_iter().chain([(" dot ", ".")]) {
        address = address.replace(defanged, meant);
    }
    let address = address
        .trim()
        .trim_start_matches("mailto:")
        .trim_matches(['"', '\'', '.']);
    let (local, domain) = address.rsplit_once('@')?;
    let is_part = |part: &str| {
        !part.is_empty()
            && !part
                .contains(|c: char| c.is_whitespace() || c.is_control() || "<>(),;:".contains(c))
    };
    (is_part(local) && is_part(domain)).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_with_their_names() {
        for (value, expected) in [
            ("eve@evil.example", &["eve@evil.example"][..]),
            ("Eve@Evil.example", &["eve@evil.example"]),
            ("Eve <eve@evil.example>", &["eve@evil.example", "Eve"]),
            ("\"Bob\" <bob@example.com>", &["bob@example.com", "Bob"]),
            (
                "Doe, John <jdoe@example.com>",
                &["jdoe@example.com", "Doe, John"],
            ),
            ("eve@evil.example (Eve)", &["eve@evil.example", "Eve"]),
            ("<eve@evil.example>", &["eve@evil.example"]),
            ("mailto:eve@evil.example", &["eve@evil.example"]),
            ("eve[at]evil[.]example", &["eve@evil.example"]),
            ("eve (at) evil.example", &["eve@evil.example"]),
            ("eve(at)evil.example", &["eve@evil.example"]),
            ("eve at evil dot example", &["eve@evil.example"]),
            ("a@a.example; b@b.example", &["a@a.example", "b@b.example"]),
            ("a@a.example, b@b.example", &["a@a.example", "b@b.example"]),
            ("evil.example", &[]),
            ("@evil.example", &[]),
            ("see a note", &[]),
        ] {
            let reading = mailboxes(value).unwrap_or_default();
            let found = reading.values.iter().chain(&reading.with);
            let found: Vec<&str> = found.filter_map(|a| a.data().as_str()).collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}
