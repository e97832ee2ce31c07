//! Attributes from which events were derived a moment ago.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cybexp_store::Recent;
use tahoe_core::{Hash, OrgId};

/// The most attributes that are remembered, about 30 bytes each.
const MOST: usize = 200_000;
/// Time for which what was derived is trusted to exist.
const TRUST: Duration = Duration::from_secs(300);

/// An attribute of an organisation, which is given by a number of this process.
pub(super) type Key = (u32, Hash);

/// The attributes that were read a moment ago, whatever organisation they are of.
#[derive(Debug)]
pub(super) struct Memory {
    orgs: HashMap<OrgId, u32>,
    seen: Recent<Key>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            orgs: HashMap::new(),
            seen: Recent::new(MOST),
        }
    }

    /// Returns the key of an attribute of an organisation.
    pub(super) fn key(&mut self, orgid: &OrgId, attribute: Hash) -> Key {
        let org = match self.orgs.get(orgid) {
            Some(org) => *org,
            None => {
                let new = u32::try_from(self.orgs.len()).unwrap_or(u32::MAX);
                self.orgs.insert(orgid.clone(), new);
                new
            }
        };
        (org, attribute)
    }

    /// Whether this attribute was read a moment ago.
    pub(super) fn knows(&mut self, key: &Key) -> bool {
        let seen = self.seen.get(key);
        seen.is_some_and(|(ago, ())| ago < TRUST)
    }

    /// Remembers that what is derived from these attributes was written, after `seen`.
    pub(super) fn learn(&mut self, keys: Vec<Key>, seen: Instant) {
        for key in keys {
            self.seen.put(&key, seen, ());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations_share_nothing() {
        let mut memory = Memory::new();
        let [a, b] = ["a", "b"].map(|name| OrgId::new(name).unwrap());
        let hash = Hash::of(&["one"]);
        let key = memory.key(&a, hash);
        assert!(!memory.knows(&key));
        memory.learn(vec![key], Instant::now());
        assert!(memory.knows(&key));
        let theirs = memory.key(&b, hash);
        assert!(!memory.knows(&theirs), "another organisation's");
        let before = Instant::now().checked_sub(TRUST).unwrap();
        memory.learn(vec![key], before);
        assert!(!memory.knows(&key), "too long ago");
    }
}
