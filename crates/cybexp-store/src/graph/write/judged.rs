//! What analysts set in an event, as it stands in the event's document. Without input or output.
//!
//! Each thing that is set, the category or the context of one instance, keeps the time of its judgement. The latest wins,
//! so judgements give the same result in whatever order they come, and however often.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tahoe_core::{Category, Event, Hash, NotReferenced};

/// The order of a judgement among others of its event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// The time at which the API accepted it, in Unix seconds.
    pub(super) at: f64,
    /// The hash of its raw, which orders judgements of the same time.
    pub(super) raw: Hash,
}

/// A category or context that was set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Setting {
    to: Category,
    #[serde(flatten)]
    moment: Moment,
}

/// Who judged last, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Author {
    pub(super) by: String,
    pub(super) reason: String,
    #[serde(flatten)]
    pub(super) moment: Moment,
}

/// All that was set in one event: the field `_judged` of its document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<Setting>,
    /// Contexts, by the hash of the instance in hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<String, Setting>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Author>,
}

impl Moment {
    fn is_after(&self, other: &Self) -> bool {
        let order = self.at.total_cmp(&other.at).then(self.raw.cmp(&other.raw));
        order == Ordering::Greater
    }
}

impl Judged {
    /// Makes what one judgement sets.
    pub(super) fn once(
        category: Option<Category>,
        context: impl IntoIterator<Item = (Hash, Category)>,
        author: Author,
    ) -> Self {
        let moment = author.moment;
        let setting = |to| Setting { to, moment };
        let context = context.into_iter();
        Self {
            category: category.map(setting),
            context: context
                .map(|(hash, to)| (hash.to_string(), setting(to)))
                .collect(),
            last: Some(author),
        }
    }

    /// Takes over what is later in `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        let later = |new: &Setting, old: Option<&Setting>| {
            old.is_none_or(|old| new.moment.is_after(&old.moment))
        };
        if let Some(new) = other.category
            && later(&new, self.category.as_ref())
        {
            self.category = Some(new);
        }
        for (hash, new) in &other.context {
            if later(new, self.context.get(hash)) {
                self.context.insert(hash.clone(), *new);
            }
        }
        if let Some(new) = &other.last {
            let old = self.last.as_ref();
            if old.is_none_or(|old| new.moment.is_after(&old.moment)) {
                self.last = Some(new.clone());
            }
        }
    }

    /// Returns the event with what was set. Contexts of instances to which it does not refer have no effect.
    pub(super) fn apply(&self, mut event: Event) -> Result<Event, NotReferenced> {
        if let Some(category) = self.category {
            event = event.with_category(category.to);
        }
        let with = |now: &[Hash], context: Category| {
            let refs = event.children().refs().iter().copied();
            let has = |hash: &Hash| match self.context.get(&hash.to_string()) {
                Some(set) => set.to == context,
                None => now.binary_search(hash).is_ok(),
            };
            refs.filter(has).collect::<Vec<Hash>>()
        };
        let malicious = with(event.malicious(), Category::Malicious);
        let benign = with(event.benign(), Category::Benign);
        event.with_malicious(malicious)?.with_benign(benign)
    }
}

#[cfg(test)]
mod tests {
    use tahoe_core::{Attribute, Node, OrgId, SubType, Timestamp};

    use super::*;

    fn attribute(name: &str) -> Attribute {
        Attribute::new(SubType::from_static("hostname"), name)
    }

    fn event() -> Event {
        let children: Vec<Node> = ["a", "b", "c"].map(|name| attribute(name).into()).into();
        let (org, at) = (OrgId::new("unr").unwrap(), Timestamp::new(1.0).unwrap());
        let event = Event::new(SubType::from_static("ssh"), org, at, children).unwrap();
        let event = event.with_category(Category::Malicious);
        event.with_malicious([attribute("a").hash()]).unwrap()
    }

    fn judged(at: f64, category: Option<Category>, context: &[(&str, Category)]) -> Judged {
        let context = context
            .iter()
            .map(|(name, context)| (attribute(name).hash(), *context));
        let author = Author {
            by: format!("analyst{at}"),
            reason: String::new(),
            moment: Moment {
                at,
                raw: Hash::of(&[&at.to_string()]),
            },
        };
        Judged::once(category, context, author)
    }

    #[test]
    fn the_result_is_the_same_in_any_order_and_however_often() {
        use Category::{Benign, Malicious, Unknown};
        let all = [
            judged(1.0, Some(Benign), &[("a", Benign), ("b", Malicious)]),
            judged(2.0, None, &[("a", Unknown)]),
            judged(3.0, Some(Unknown), &[]),
            judged(3.0, Some(Unknown), &[("c", Benign)]),
        ];
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]];
        let results = orders.map(|order| {
            let mut judged = Judged::default();
            for n in order.into_iter().chain(order) {
                judged.merge(&all[n]);
            }
            judged
        });
        assert!(results.iter().all(|result| *result == results[0]));
        let result = results[0].apply(event()).unwrap();
        assert_eq!(result.category(), Unknown);
        assert_eq!(result.malicious(), [attribute("b").hash()]);
        assert_eq!(result.benign(), [attribute("c").hash()]);
        assert_eq!(results[0].last.as_ref().unwrap().by, "analyst3");
    }

    #[test]
    fn only_what_was_set_changes() {
        let set = judged(
            1.0,
            None,
            &[("b", Category::Benign), ("z", Category::Benign)],
        );
        let result = set.apply(event()).unwrap();
        assert_eq!(result.category(), Category::Malicious);
        assert_eq!(result.malicious(), [attribute("a").hash()]);
        assert_eq!(result.benign(), [attribute("b").hash()]);
        assert_eq!(result.hash(), event().hash());
    }

    #[test]
    fn it_is_stored_and_read_as_it_is() {
        let set = judged(1.5, Some(Category::Benign), &[("a", Category::Unknown)]);
        let bson = bson::serialize_to_bson(&set).unwrap();
        let read: Judged = bson::deserialize_from_bson(bson.clone()).unwrap();
        assert_eq!(read, set, "{bson}");
    }
}
