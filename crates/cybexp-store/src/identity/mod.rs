//! Users, organisations, tokens, and access to data.

pub(crate) mod issued;
pub(crate) mod orgs;
pub(crate) mod removal;
pub(crate) mod tokens;
pub(crate) mod users;
