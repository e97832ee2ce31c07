//! Users, organisations, and access to data.

mod field;
mod org;
mod user;

pub use field::InvalidField;
pub use org::{Membership, Org, OrgError};
pub use user::{Role, User, UserError};
