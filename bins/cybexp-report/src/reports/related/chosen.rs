//! The instances of an answer that may not have all: small ones first, so that a few long values take the place of none
//! of the others. No input, no output.

use std::collections::BTreeMap;

use cybexp_store::InstanceSize;
use tahoe_core::Hash;

use super::reached::Reached;

/// Returns the instances of which the answer is made, at most `most` bytes of them, and whether there are more.
pub(super) fn smallest(mut sizes: Vec<InstanceSize>, most: usize) -> (Vec<Hash>, bool) {
    sizes.sort_unstable_by_key(|one| (one.bytes, one.hash));
    take(sizes, most)
}

/// Returns the documents of which the answer is made, as [`smallest`] does, but events first, the newest before others.
pub(super) fn documents(
    mut sizes: Vec<InstanceSize>,
    reached: &Reached,
    most: usize,
) -> (Vec<Hash>, bool) {
    let newest: BTreeMap<Hash, f64> = reached
        .events
        .iter()
        .map(|(hash, event)| (*hash, event.timestamp.unwrap_or(f64::NEG_INFINITY)))
        .collect();
    sizes.sort_unstable_by(|a, b| {
        let times = [a, b].map(|one| newest.get(&one.hash).copied());
        let events = match times {
            [Some(a), Some(b)] => b.total_cmp(&a),
            [a, b] => b.is_some().cmp(&a.is_some()),
        };
        events.then((a.bytes, a.hash).cmp(&(b.bytes, b.hash)))
    });
    take(sizes, most)
}

fn take(sizes: Vec<InstanceSize>, most: usize) -> (Vec<Hash>, bool) {
    let all = sizes.len();
    let mut room = most as u64;
    let fits = sizes.into_iter().filter(|one| {
        let left = room.checked_sub(one.bytes);
        room = left.unwrap_or(room);
        left.is_some()
    });
    let hashes: Vec<Hash> = fits.map(|one| one.hash).collect();
    let cut = hashes.len() < all;
    (hashes, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_give_way_to_short_ones() {
        let size = |n: u64| InstanceSize {
            hash: Hash::of(&[&n.to_string()]),
            bytes: n,
        };
        let hashes = |of: &[u64]| Vec::from_iter(of.iter().map(|n| size(*n).hash));
        let sizes = || vec![size(50), size(7), size(30), size(8)];
        assert_eq!(smallest(sizes(), 100), (hashes(&[7, 8, 30, 50]), false));
        assert_eq!(smallest(sizes(), 94), (hashes(&[7, 8, 30]), true));
        assert_eq!(smallest(sizes(), 6), (vec![], true));
    }
}
