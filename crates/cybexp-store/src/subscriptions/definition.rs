//! Subscriptions: the events that a user wants to be told of, and where.

use std::fmt;
use std::str::FromStr;

use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use tahoe_core::{Category, Hash, Value};

/// The identity of a subscription. As text it is 24 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubscriptionId(pub(super) ObjectId);

impl SubscriptionId {
    /// Makes a new one.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(ObjectId::new())
    }

    /// Returns its bytes.
    pub fn bytes(&self) -> [u8; 12] {
        self.0.bytes()
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

/// A text that is no identity of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a subscription")]
pub struct InvalidSubscriptionId;

impl FromStr for SubscriptionId {
    type Err = InvalidSubscriptionId;

    fn from_str(text: &str) -> Result<Self, InvalidSubscriptionId> {
        let id = ObjectId::parse_str(text).map_err(|_| InvalidSubscriptionId)?;
        Ok(Self(id))
    }
}

/// A user's wish to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The hash of the user.
    pub user: String,
    /// The name, for people.
    pub name: String,
    /// The events that the user is told of.
    pub wanted: Wanted,
    /// Where the user is told.
    pub channel: Channel,
    /// The strictest TLP label of what may leave by this channel.
    pub tlp: String,
    /// When it was made, in Unix seconds.
    pub made: f64,
}

/// Selection of what a user is told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Wanted {
    /// New events that hold a value.
    Value {
        /// The type of the value, as it was given.
        sub_type: String,
        /// The value, as it was given.
        data: Value,
        /// The hashes of the forms in which the archive may hold it, and their types.
        forms: Vec<(String, Hash)>,
    },
    /// Values that come into a feed.
    Feed {
        /// The feed's name.
        name: String,
    },
    /// New events that meet all conditions that are given.
    Events {
        /// The type of the event.
        sub_type: Option<String>,
        /// The category of the event.
        category: Option<Category>,
        /// The sensor that identifies a session of the event, or that the event holds.
        sensor: Option<String>,
    },
}

/// Way by which a user is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Channel {
    /// A POST to this URL.
    Webhook {
        /// The URL.
        url: String,
    },
    /// A mail to the user's own address.
    Mail,
    /// The list of notices, which the pages show.
    Page,
}

impl Channel {
    /// Returns the channel's name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Mail => "mail",
            Self::Page => "page",
        }
    }
}

impl Subscription {
    /// Returns the name of whoever receives what is told: several subscriptions of a user may have the same one, and are told
    /// together.
    pub fn receiver(&self) -> String {
        let url = match &self.channel {
            Channel::Webhook { url } => url.as_str(),
            Channel::Mail | Channel::Page => "",
        };
        let hash = Hash::of(&[&self.user, "\n", self.channel.as_str(), "\n", url]);
        hash.to_string()[..32].to_owned()
    }

    /// Returns the forms of the value that is watched; none of other subscriptions.
    pub fn forms(&self) -> &[(String, Hash)] {
        match &self.wanted {
            Wanted::Value { forms, .. } => forms,
            Wanted::Feed { .. } | Wanted::Events { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subscriptions_are_read_as_they_are_written() {
        let hash = Hash::of(&["one"]);
        let one = Subscription {
            user: "u".to_owned(),
            name: "the scanner".to_owned(),
            wanted: Wanted::Value {
                sub_type: "ipv4".to_owned(),
                data: json!("203.0.113.9"),
                forms: vec![("ipv4".to_owned(), hash)],
            },
            channel: Channel::Mail,
            tlp: "green".to_owned(),
            made: 5.0,
        };
        let events = Subscription {
            wanted: Wanted::Events {
                sub_type: Some("ssh".to_owned()),
                category: Some(Category::Malicious),
                sensor: None,
            },
            channel: Channel::Webhook {
                url: "https://soc.example/".to_owned(),
            },
            ..one.clone()
        };
        for subscription in [&one, &events] {
            let text = serde_json::to_string(subscription).unwrap();
            let read: Subscription = serde_json::from_str(&text).unwrap();
            assert_eq!(read, *subscription, "{text}");
        }
        assert_ne!(one.receiver(), events.receiver());
        assert_eq!(one.forms(), [("ipv4".to_owned(), hash)]);
        let id = SubscriptionId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
