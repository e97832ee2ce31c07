//! Which events subscriptions want. No input, no output.

use std::collections::{HashMap, HashSet};

use cybexp_store::{Subscription, SubscriptionId, Wanted};
use tahoe_core::{Event, Hash, Node, Session};

/// A subscription with its identity.
pub(super) type Named = (SubscriptionId, Subscription);

/// Sensors that a session names, by the events of the session.
#[derive(Debug, Default)]
pub(super) struct Sensors(HashMap<Hash, Vec<String>>);

impl Sensors {
    /// Reads the sensors of sessions.
    pub(super) fn of<'a>(sessions: impl Iterator<Item = &'a Session>) -> Self {
        let mut all: HashMap<Hash, Vec<String>> = HashMap::new();
        for session in sessions {
            let sensor = session.children().attribute("sensor");
            if let Some(sensor) = sensor.and_then(|sensor| sensor.as_str()) {
                for event in session.events() {
                    all.entry(event).or_default().push(sensor.to_owned());
                }
            }
        }
        Self(all)
    }

    fn holds(&self, event: &Event, sensor: &str) -> bool {
        let own = event.children().attribute("sensor");
        let of_sessions = self.0.get(&event.hash()).into_iter().flatten();
        own.and_then(|own| own.as_str()) == Some(sensor)
            || of_sessions.into_iter().any(|one| one == sensor)
    }
}

/// Whether a subscription to kinds of events wants this one.
pub(super) fn wants(subscription: &Subscription, event: &Event, sensors: &Sensors) -> bool {
    let Wanted::Events {
        sub_type,
        category,
        sensor,
    } = &subscription.wanted
    else {
        return false;
    };
    sub_type
        .as_ref()
        .is_none_or(|wanted| event.sub_type().as_str() == wanted)
        && category.is_none_or(|wanted| event.category() == wanted)
        && sensor
            .as_ref()
            .is_none_or(|wanted| sensors.holds(event, wanted))
}

/// Returns the hashes of the values of these types in events, with the places of the events that hold them.
pub(super) fn values(events: &[&Event], sub_types: &HashSet<String>) -> HashMap<Hash, Vec<usize>> {
    let mut found: HashMap<Hash, Vec<usize>> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let mut left: Vec<&Node> = event.children().iter().collect();
        while let Some(node) = left.pop() {
            match node {
                Node::Object(object) => left.extend(object.children().iter()),
                Node::Attribute(attribute) => {
                    if sub_types.contains(attribute.sub_type().as_str()) {
                        let places = found.entry(attribute.hash()).or_default();
                        if places.last() != Some(&place) {
                            places.push(place);
                        }
                    }
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use cybexp_store::Channel;
    use tahoe_core::{Attribute, Category, Object, OrgId, SubType, Timestamp};

    use super::*;

    fn attribute(sub_type: &'static str, data: &str) -> Attribute {
        Attribute::new(SubType::from_static(sub_type), data)
    }

    fn event(children: Vec<Node>) -> Event {
        let at = Timestamp::new(1.0).unwrap();
        let org = OrgId::new("unr").unwrap();
        Event::new(SubType::from_static("ssh"), org, at, children).unwrap()
    }

    #[test]
    fn all_conditions_of_a_subscription_are_met() {
        let one = event(vec![attribute("ipv4", "203.0.113.9").into()]);
        let one = one.with_category(Category::Malicious);
        let session = SubType::from_static("cowrie_session");
        let session = Session::new(session, vec![attribute("sensor", "london").into()]);
        let session = session.unwrap().with_events([one.hash()]);
        let sensors = Sensors::of([&session].into_iter());
        let wants = |sub_type: Option<&str>, category, sensor: Option<&str>| {
            let subscription = Subscription {
                user: String::new(),
                name: String::new(),
                wanted: Wanted::Events {
                    sub_type: sub_type.map(str::to_owned),
                    category,
                    sensor: sensor.map(str::to_owned),
                },
                channel: Channel::Page,
                tlp: "green".to_owned(),
                made: 0.0,
            };
            super::wants(&subscription, &one, &sensors)
        };
        assert!(wants(Some("ssh"), None, None));
        assert!(wants(None, Some(Category::Malicious), Some("london")));
        assert!(!wants(Some("telnet"), None, Some("london")));
        assert!(!wants(None, Some(Category::Benign), None));
        assert!(!wants(None, None, Some("paris")));
    }

    #[test]
    fn values_of_wanted_types_are_found_at_any_depth() {
        let address = attribute("ipv4", "203.0.113.9");
        let attacker = vec![address.clone().into(), attribute("name", "x").into()];
        let attacker = Object::new(SubType::from_static("attacker"), attacker).unwrap();
        let one = event(vec![attacker.into(), address.clone().into()]);
        let other = event(vec![attribute("name", "x").into()]);
        let types = HashSet::from(["ipv4".to_owned()]);
        let found = values(&[&other, &one], &types);
        assert_eq!(found, HashMap::from([(address.hash(), vec![1])]));
    }
}
