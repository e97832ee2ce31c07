//! Second stage: filters that make derived events of what the first stage made, one file or folder each.
//!
//! To add one: its file here, its line in [`SECOND_FILTERS`], a case in `tests/fixtures/filters/<name>/`.

pub mod behaviour;
mod derive;
mod filter;
mod geoip;
mod netblock;
pub mod networks;
mod parent_domain;

pub use derive::derive;
pub use filter::{Input, SecondFilter, SessionInput, Source};
pub use networks::{Networks, NetworksError};

/// The filters of the second stage, by name.
pub const SECOND_FILTERS: &[&dyn SecondFilter] = &[
    &behaviour::Behaviour,
    &geoip::GeoIp,
    &netblock::Netblock,
    &parent_domain::ParentDomain,
];
