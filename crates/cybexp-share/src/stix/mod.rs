//! STIX 2.1 (OASIS Standard, 10 June 2021): what we know as objects of STIX. `docs/STIX.md` has the whole table.
//!
//! Observables have the ids of the specification (UUIDv5 of what makes them up), so the same value has the same id
//! whoever shares it. All other objects have ids in the form of UUIDv4, as the specification wants, whose bits follow from
//! what they are of: an answer that is given twice has the same objects.

mod answer;
mod bundle;
mod creator;
mod feed;
mod indicator;
mod marking;
mod observable;
mod observed;
mod pattern;

pub use answer::{AnswerBundle, of_documents};
pub use bundle::StixBundle;
pub use creator::Creator;
pub use feed::FeedIds;
pub(crate) use indicator::{Indicated, indicator, relationship};
pub use marking::{MARKINGS, marking, marking_id};
pub use observable::Observable;
pub use observed::{ObservedEvent, ObservedSession};
