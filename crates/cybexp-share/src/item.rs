//! The values of a feed, and what is told of the feed itself.

use tahoe_core::Scalar;

use crate::ident::Uuid;
use tahoe_core::Tlp;

/// A value of a feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The type of the attribute.
    pub sub_type: String,
    /// The value of the attribute.
    pub data: Scalar,
    /// When the value came into the feed, in Unix seconds.
    pub added: f64,
    /// When anything told of the value last changed, in Unix seconds.
    pub changed: f64,
    /// The time of the first and the last event, in Unix seconds.
    pub seen: Option<(f64, f64)>,
    /// The number of events.
    pub count: u64,
    /// Why the value is in the feed, for people.
    pub reason: String,
    /// The label of what is told of the value.
    pub tlp: Tlp,
}

/// A feed as its files name it.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedHead {
    /// The feed's name: letters, digits, `-` and `_`, at most [`FeedHead::NAME`] of them.
    pub name: String,
    /// The feed's description, for people.
    pub description: String,
    /// The name of the organisation that shares the feed.
    pub organisation: String,
    /// The number of the feed's last change.
    pub seq: u64,
    /// When the feed was made, in Unix seconds.
    pub created: f64,
    /// When the feed last changed, in Unix seconds.
    pub changed: f64,
    /// The strictest label that the feed may hold.
    pub tlp: Tlp,
    /// Whether formats with comments tell the reason and the date of each value.
    pub comments: bool,
}

impl Item {
    /// Returns the value as text.
    pub fn text(&self) -> String {
        self.data.to_string()
    }
}

impl FeedHead {
    /// The most characters of a feed's name. Longer ones do not fit into the names of sets in firewalls.
    pub const NAME: usize = 24;

    /// Whether a text can be the name of a feed: it stands in URLs, file names, and names of sets.
    pub fn is_name(name: &str) -> bool {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        begins && name.len() <= Self::NAME && name.chars().all(letters)
    }

    /// Returns the id of the organisation, the same in all formats and feeds.
    pub fn organisation_id(&self) -> Uuid {
        Uuid::random_like(&["organisation", &self.organisation])
    }
}
