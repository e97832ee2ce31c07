//! Groups: values of a family that an event has together.
//!
//! | part | content |
//! |---|---|
//! | number of members | a varint |
//! | for each member | the place of its sub_type in the family, the first 16 bytes of its hash, and a varint: the kind of the event |
//! | number of events | a varint |

use crate::tables::entries::{Entries, ValueId, varint};

/// A value of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Member {
    pub id: ValueId,
    /// The place of its sub_type in the family.
    pub place: u8,
    /// The kind of the event, as in the entries of tables.
    pub kind: u32,
}

/// The values of a family that an event has, in order.
pub(crate) type Group = Vec<Member>;

/// Makes the entry of a group that this many events have.
pub(crate) fn entry(group: &[Member], count: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(group.len() * 19 + 4);
    varint(&mut text, group.len() as u64);
    for member in group {
        text.push(member.place);
        text.extend(member.id);
        varint(&mut text, u64::from(member.kind));
    }
    varint(&mut text, count);
    text
}

/// Calls `with` with each group of a text and its number of events. A text that is cut off or malformed ends early.
pub(crate) fn each(text: &[u8], mut with: impl FnMut(&[Member], u64)) {
    let mut entries = Entries(text);
    let mut group = Group::new();
    while let Some(count) = read(&mut entries, &mut group) {
        with(&group, count);
    }
}

fn read(entries: &mut Entries<'_>, group: &mut Group) -> Option<u64> {
    group.clear();
    for _ in 0..entries.number()? {
        let [place] = entries.bytes()?;
        let id = entries.bytes()?;
        let kind = u32::try_from(entries.number()?).ok()?;
        group.push(Member { id, place, kind });
    }
    entries.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_as_they_are_written() {
        let member = |place: u8, kind| Member {
            id: [place; 16],
            place,
            kind,
        };
        let groups = [
            (vec![member(0, 1), member(5, 70_000)], 3),
            (vec![member(1, 0)], u64::MAX),
        ];
        let text: Vec<u8> = groups
            .iter()
            .flat_map(|(group, count)| entry(group, *count))
            .collect();
        let mut told = Vec::new();
        each(&text, |group, count| told.push((group.to_vec(), count)));
        assert_eq!(told, groups);
        for end in 0..text.len() {
            each(&text[..end], |_, _| {});
        }
    }
}
