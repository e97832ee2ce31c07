//! Tags: TLP, taxonomies, and the clusters of galaxies, which MISP also writes as tags.

use tahoe_core::{Attribute, Tlp, Value};

use super::list::list;
use crate::{Yield, fields, vocab};

/// The most tags of one event or attribute; analysts give a dozen.
const TAGS: usize = 500;

/// The longest tag in bytes; those of taxonomies have up to some hundred.
const TAG_BYTES: usize = 1024;

/// Returns the label that a tag gives, if this attribute is such a tag.
pub(super) fn label(tag: &Attribute) -> Option<Tlp> {
    let text = tag
        .data()
        .as_str()
        .filter(|_| *tag.sub_type() == vocab::TAG);
    text.and_then(Tlp::of_tag)
}

/// Returns the tags of an event or attribute, each once.
pub(super) fn of(tagged: &Value, made: &mut Yield) -> Vec<Attribute> {
    // old exports nest the tag in its tie to the event or attribute
    let tied = ["EventTag", "AttributeTag"].map(|field| list(tagged.get(field)));
    let tied = tied
        .into_iter()
        .flatten()
        .flat_map(|tie| list(tie.get("Tag")));
    let direct = list(tagged.get("Tag")).chain(tied).map(|tag| match tag {
        Value::String(_) => Some(tag),
        _ => tag.get("name"),
    });
    let clusters = list(tagged.get("Galaxy"))
        .flat_map(|galaxy| list(galaxy.get("GalaxyCluster")))
        .map(|cluster| cluster.get("tag_name"));
    let mut found: Vec<Attribute> = Vec::new();
    for name in direct.chain(clusters) {
        match name.and_then(fields::text) {
            Some(name) if name.len() <= TAG_BYTES && found.len() < TAGS => {
                found.push(Attribute::new(vocab::TAG, name));
            }
            Some(_) => made.leave_out("tag"),
            None => made.leave_out("tag_without_name"),
        }
    }
    found
}
