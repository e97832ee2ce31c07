//! Ids of the objects of a feed, which lead back to the observables that they are of.
//!
//! A feed of a million values is asked for the object of an id. Ids that are hashes of their own would each need a place in
//! an index, three for each value. So an indicator and a relationship have the bits of their observable's id under a mask,
//! which is a hash of what else they are of: the id of the observable is all that an index needs to hold.

use crate::ident::Uuid;
use crate::stix::creator::Creator;
use crate::stix::observable::{KINDS, Observable};

/// The types of the objects of a value besides its observable.
const TOLD: [&str; 2] = ["indicator", "relationship"];

/// The ids of a feed's objects. Those of two feeds differ, for their objects change apart.
#[derive(Debug, Clone, Copy)]
pub struct FeedIds<'a> {
    creator: &'a Creator,
    feed: &'a str,
}

impl<'a> FeedIds<'a> {
    /// Makes the ids of the feed that an organisation shares by this name.
    pub fn new(creator: &'a Creator, feed: &'a str) -> Self {
        Self { creator, feed }
    }

    /// Returns the id of the object of this type, `indicator` or `relationship`, that tells of an observable.
    pub fn of(&self, told: &str, observable: &Observable) -> String {
        let mask = self.mask(told, observable.kind());
        format!("{told}--{}", observable.uuid().masked(mask, 4))
    }

    /// Returns the UUIDs of observables, one of which is the object of this id or what it tells of, if the feed has it.
    pub fn observables(&self, id: &str) -> Vec<Uuid> {
        let Some((kind, uuid)) = id.split_once("--") else {
            return Vec::new();
        };
        let Some(uuid) = Uuid::read(uuid) else {
            return Vec::new();
        };
        if Observable::version(kind).is_some() {
            return vec![uuid];
        }
        if !TOLD.contains(&kind) {
            return Vec::new();
        }
        KINDS
            .iter()
            .map(|(of, version)| uuid.masked(self.mask(kind, of), *version))
            .collect()
    }

    /// Returns the mask of a type of object and of observable: two observables of one UUID, such as a file and a mutex of
    /// one name, have two indicators.
    fn mask(&self, told: &str, of: &str) -> Uuid {
        Uuid::random_like(&[told, self.creator.id(), self.feed, of])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_observables() {
        let creator = Creator::new("unr", 0.0);
        let other = Creator::new("usc", 0.0);
        let ids = FeedIds::new(&creator, "attackers");
        for (sub_type, text) in [
            ("ipv4", "203.0.113.9"),
            ("url", "http://evil.example/"),
            ("filename", "x"),
            ("mutex", "x"),
            ("shell_command", "id"),
        ] {
            let observable = Observable::standard(sub_type, &text.into()).unwrap();
            assert_eq!(ids.observables(observable.id()), [observable.uuid()]);
            for told in TOLD {
                let id = ids.of(told, &observable);
                assert!(ids.observables(&id).contains(&observable.uuid()), "{id}");
                for others in [
                    FeedIds::new(&creator, "others"),
                    FeedIds::new(&other, "attackers"),
                ] {
                    assert_ne!(others.of(told, &observable), id);
                    assert!(!others.observables(&id).contains(&observable.uuid()));
                }
            }
        }
        let of = |sub_type| {
            let observable = Observable::standard(sub_type, &"x".into());
            ids.of("indicator", &observable.unwrap())
        };
        assert_ne!(
            of("filename"),
            of("mutex"),
            "their observables have one UUID"
        );
    }

    #[test]
    fn other_ids_lead_nowhere() {
        let creator = Creator::new("unr", 0.0);
        let ids = FeedIds::new(&creator, "attackers");
        for none in [
            "",
            "url",
            "url--x",
            "url--",
            "bundle--28bb3599-77cd-5a82-a950-b5bc3caf07c4",
            creator.id(),
            "é--é",
        ] {
            assert_eq!(ids.observables(none), [], "{none}");
        }
    }
}
