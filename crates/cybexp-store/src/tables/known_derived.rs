//! Values that were derived from others, kept in memory as long as no filter of the second stage goes through the archive again.
//!
//! While one does, what was known before is kept, too, for answers that cannot wait.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bson::RawDocumentBuf;
use lru::LruCache;
use tahoe_core::Hash;

use crate::archive::ids::OrgTag;
use crate::tables::entries::ValueId;

/// The most values that are kept: about 15 MB, and as many that are outdated.
const VALUES: NonZeroUsize = NonZeroUsize::new(50_000).unwrap();

/// The values derived from one: the place of each one's sub_type in the family, and its hash.
pub(crate) type DerivedValues = Arc<[(u8, Hash)]>;

/// How far the filters are, by which it is known that they have derived nothing else since.
pub(crate) type Standing = Vec<RawDocumentBuf>;

/// An organisation, and a value from which others were derived.
type Key = ([u8; 16], ValueId);

/// The values that were asked for last; cheap to clone. A value of which nothing was derived is not kept: a filter may be
/// about to read it.
#[derive(Debug, Clone)]
pub(crate) struct KnownDerived(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    standing: Standing,
    values: LruCache<Key, DerivedValues>,
    /// The values that were known while the filters stood otherwise.
    outdated: LruCache<Key, DerivedValues>,
}

fn key(org: &OrgTag, id: &ValueId) -> Key {
    let mut tag = [0; 16];
    tag.copy_from_slice(&org.bytes()[..16]);
    (tag, *id)
}

impl KnownDerived {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Known {
            standing: Standing::new(),
            values: LruCache::new(VALUES),
            outdated: LruCache::new(VALUES),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns for each of these values what was derived from it, if that is known and the filters stand as they did.
    pub(crate) fn get(
        &self,
        standing: &Standing,
        org: &OrgTag,
        ids: &[ValueId],
    ) -> Vec<Option<DerivedValues>> {
        let mut known = self.lock();
        if known.standing != *standing {
            known.standing.clone_from(standing);
            while let Some((key, values)) = known.values.pop_lru() {
                known.outdated.put(key, values);
            }
        }
        ids.iter()
            .map(|id| known.values.get(&key(org, id)).cloned())
            .collect()
    }

    /// Returns what was derived from a value when that was last read, however the filters stood.
    pub(crate) fn outdated(&self, org: &OrgTag, id: &ValueId) -> Option<DerivedValues> {
        self.lock().outdated.get(&key(org, id)).cloned()
    }

    /// Keeps what was read while the filters stood like this.
    pub(crate) fn put<'a>(
        &self,
        standing: &Standing,
        org: &OrgTag,
        read: impl Iterator<Item = (&'a ValueId, &'a DerivedValues)>,
    ) {
        let mut known = self.lock();
        if known.standing == *standing {
            for (id, values) in read {
                known.values.put(key(org, id), Arc::clone(values));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn what_is_known_holds_while_the_filters_stand() {
        let standing = |n: i32| vec![RawDocumentBuf::try_from(&doc! {"place": n}).unwrap()];
        let known = KnownDerived::new();
        let (ours, theirs) = (OrgTag::of("ours"), OrgTag::of("theirs"));
        let (id, values) = ([1; 16], DerivedValues::from([(2, Hash::of(&["AA"]))]));
        assert_eq!(known.get(&standing(1), &ours, &[id]), [None]);
        known.put(&standing(1), &ours, [(&id, &values)].into_iter());
        let found = known.get(&standing(1), &ours, &[id, [2; 16]]);
        assert_eq!(found, [Some(values.clone()), None]);
        assert_eq!(known.get(&standing(1), &theirs, &[id]), [None]);
        assert_eq!(known.get(&standing(2), &ours, &[id]), [None]);
        known.put(&standing(1), &ours, [(&id, &values)].into_iter());
        assert_eq!(known.get(&standing(2), &ours, &[id]), [None]);
        assert_eq!(known.outdated(&ours, &id), Some(values));
        assert_eq!(known.outdated(&theirs, &id), None);
    }
}
