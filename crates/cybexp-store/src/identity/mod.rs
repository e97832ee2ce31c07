//! Users, organisations, revoked tokens, and who may see what.

pub(crate) mod orgs;
pub(crate) mod tokens;
pub(crate) mod users;
