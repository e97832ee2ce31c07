//! Removing what is older than the settings keep, in small steps beside the load.
//!
//! Only the sweep deletes attributes, objects and sessions, because a writer trusts for some minutes that they exist.

pub(crate) mod cache;
#[cfg(feature = "inspect")]
pub(crate) mod forget;
pub(crate) mod named;
pub(crate) mod nodes;
pub(crate) mod orgs;
pub(crate) mod raws;
pub(crate) mod reports;
pub(crate) mod rows;
#[cfg(feature = "inspect")]
pub(crate) mod sizes;
pub(crate) mod step;
pub(crate) mod turn;
pub(crate) mod values;
