//! Labels of the Traffic Light Protocol on stored raws and events. A label becomes stricter, and never less strict.

use bson::{Bson, doc};
use tahoe_core::Tlp;

/// Makes the condition of a document whose label is less strict than this one. A text that is no label is taken for the
/// strictest.
pub(crate) fn less_than(tlp: Tlp) -> Bson {
    let mut less: Vec<Bson> = vec![Bson::Null];
    let labels = Tlp::ALL.into_iter().filter(|one| *one < tlp);
    less.extend(labels.map(|one| Bson::from(one.as_str())));
    doc! {"$in": less}.into()
}

/// Returns the labels that are stricter than this one.
pub(crate) fn stricter(tlp: Tlp) -> impl Iterator<Item = Tlp> {
    Tlp::ALL.into_iter().filter(move |one| *one > tlp)
}
