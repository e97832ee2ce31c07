//! Notices that are told together, as JSON and as the text of a mail. No input, no output.

use std::fmt::Write as _;

use cybexp_share::time;
use cybexp_store::{NoticeId, Subscription};
use serde_json::{Value, json};
use tahoe_core::Hash;

/// The most characters of a value in a mail.
const CHARS: usize = 200;

/// A notice as it is told.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) id: NoticeId,
    pub(super) subscription: &'a Subscription,
    /// When it was written, in Unix seconds.
    pub(super) at: f64,
    /// The content of the notice.
    pub(super) told: Value,
}

/// Notices that are told together.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    /// The identity of the delivery. That of the same notices is the same.
    pub(super) id: String,
    items: Vec<Item<'a>>,
    sent: f64,
}

impl<'a> Parcel<'a> {
    /// Makes the parcel of these notices, sent at this time in Unix seconds.
    pub(super) fn new(items: Vec<Item<'a>>, sent: f64) -> Self {
        let ids: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let id = Hash::of(&ids).to_string()[..32].to_owned();
        Self { id, items, sent }
    }

    /// Returns when it is sent, in whole Unix seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.sent as u64
    }

    /// Returns the body of a webhook.
    pub(super) fn json(&self) -> String {
        let notices = self.items.iter().map(|item| {
            let id = item.id.subscription().to_string();
            let mut notice = json!({
                "id": item.id.to_string(),
                "subscription": {"id": id, "name": item.subscription.name},
                "at": item.at,
            });
            for field in ["event", "value"] {
                if let Some(told) = item.told.get(field) {
                    notice[field] = told.clone();
                }
            }
            if let Some(name) = item.told["feed"].get("name") {
                notice["feed"] = name.clone();
            }
            notice
        });
        let notices: Vec<Value> = notices.collect();
        json!({"delivery": self.id, "sent": self.sent, "notices": notices}).to_string()
    }

    /// Returns the subject of a mail.
    pub(super) fn subject(&self) -> String {
        let count = match self.items.len() {
            1 => "1 notice".to_owned(),
            n => format!("{n} notices"),
        };
        let name = self.items.first().map(|item| item.subscription.name.trim());
        match name.filter(|name| !name.is_empty()) {
            Some(name) => format!("[CYBEX-P] {count}: {}", clean(name)),
            None => format!("[CYBEX-P] {count}"),
        }
    }

    /// Returns the text of a mail.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for item in &self.items {
            // writing to a text does not fail
            let _ = write_item(&mut text, item);
        }
        text.push_str("-- \nYou subscribe to this: `cybexp watch list` shows to what, `cybexp watch remove` ends it.\n");
        text
    }
}

fn write_item(text: &mut String, item: &Item<'_>) -> std::fmt::Result {
    let told = &item.told;
    if let Some(name) = told["feed"]["name"].as_str() {
        writeln!(
            text,
            "{}  a value came into the feed {}",
            time::millis(item.at),
            clean(name)
        )?;
        write_value(text, &told["value"])?;
    } else {
        let event = &told["event"];
        let field = |name: &str| clean(event[name].as_str().unwrap_or_default());
        let at = event["timestamp"].as_f64().unwrap_or_default();
        writeln!(
            text,
            "{}  {}  {}",
            time::millis(at),
            field("sub_type"),
            field("category")
        )?;
        for value in event["values"].as_array().into_iter().flatten() {
            write_value(text, value)?;
        }
        writeln!(text, "    event {}", field("_hash"))?;
    }
    if !item.subscription.name.is_empty() {
        writeln!(text, "    subscription {}", clean(&item.subscription.name))?;
    }
    writeln!(text, "    notice {}\n", item.id)
}

fn write_value(text: &mut String, value: &Value) -> std::fmt::Result {
    let data = match &value["data"] {
        Value::String(data) => clean(data),
        other => other.to_string(),
    };
    let sub_type = clean(value["sub_type"].as_str().unwrap_or_default());
    writeln!(text, "    {sub_type} {data}")
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
    use cybexp_store::{Channel, SubscriptionId, Wanted};

    use super::*;

    #[test]
    fn a_parcel_tells_each_notice_with_its_id() {
        let subscription = Subscription {
            user: "u".to_owned(),
            name: "scanner\nBcc: all@example.com".to_owned(),
            wanted: Wanted::Feed {
                name: "f".to_owned(),
            },
            channel: Channel::Mail,
            tlp: "green".to_owned(),
            made: 0.0,
        };
        let id = NoticeId::of(SubscriptionId::new(), Hash::of(&["x"]));
        let value = json!({"sub_type": "shell_command", "data": "a\r\n\u{1b}[2Jb"});
        let event = json!({
            "_hash": "e", "sub_type": "ssh", "orgid": "o", "timestamp": 5.0, "category": "malicious",
            "values": [value],
        });
        let item = |told: Value| Item {
            id,
            subscription: &subscription,
            at: 6.0,
            told,
        };
        let feed = json!({"feed": {"name": "f", "orgs": ["o"], "tlp": "green"}, "value": value});
        let items = vec![item(json!({"event": event})), item(feed.clone())];
        let parcel = Parcel::new(items, 7.5);
        let body: Value = serde_json::from_str(&parcel.json()).unwrap();
        assert_eq!(body["notices"][0]["event"], event);
        assert_eq!(body["notices"][0]["id"], id.to_string());
        assert_eq!(body["notices"][1]["feed"], "f");
        assert_eq!(body["notices"][1]["value"], value);
        assert_eq!((parcel.seconds(), body["sent"].as_f64()), (7, Some(7.5)));
        let again = vec![item(json!({})), item(json!({}))];
        assert_eq!(Parcel::new(again, 9.0).id, parcel.id);
        for text in [parcel.subject(), parcel.text()] {
            assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text}");
        }
        assert!(!parcel.subject().contains('\n'));
        assert!(
            parcel.text().contains("1970-01-01T00:00:05"),
            "{}",
            parcel.text()
        );
    }
}
