//! Notices that are told together, and their JSON. No input, no output.

use cybexp_store::{NoticeId, Subscription};
use serde_json::{Value, json};
use tahoe_core::Hash;

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

    /// Returns the notices.
    pub(super) fn items(&self) -> &[Item<'a>] {
        &self.items
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
                // notices of older versions are all of values that came in
                notice["change"] = item.told.get("change").cloned().unwrap_or("came".into());
            }
            notice
        });
        let notices: Vec<Value> = notices.collect();
        json!({"delivery": self.id, "sent": self.sent, "notices": notices}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use cybexp_store::{Channel, SubscriptionId, Wanted};

    use super::*;

    #[test]
    fn a_parcel_tells_each_notice_with_its_id() {
        let subscription = Subscription {
            user: "u".to_owned(),
            name: "scanner".to_owned(),
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
        assert_eq!(body["notices"][1]["change"], "came");
        assert_eq!(body["notices"][1]["value"], value);
        assert_eq!((parcel.seconds(), body["sent"].as_f64()), (7, Some(7.5)));
        let again = vec![item(json!({})), item(json!({}))];
        assert_eq!(Parcel::new(again, 9.0).id, parcel.id);
    }
}
