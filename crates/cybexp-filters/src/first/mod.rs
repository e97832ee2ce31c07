//! First stage: filters that make instances of raws, one file or folder each.
//!
//! A filter touches no database, clock or network: the same raw gives the same instances, always. To add
//! one: its file here, its line in [`FILTERS`], a case in `tests/fixtures/filters/<name>/`.

mod cowrie;
mod email;
mod filter;
mod lines;
pub(crate) mod misp;
mod openphish;
mod phishtank;
mod sighting;
mod stix;
mod verdict;

pub use filter::{Filter, RawInput, Refusal, Yield};

/// The filters of the first stage, by name. No two share a name; several may read the same typetag, and run in this
/// order.
pub const FILTERS: &[&dyn Filter] = &[
    &cowrie::Cowrie,
    &email::Email,
    &misp::Misp,
    &openphish::OpenPhish,
    &phishtank::PhishTank,
    &sighting::Sighting,
    &stix::Stix,
    &verdict::VerdictFilter,
];
