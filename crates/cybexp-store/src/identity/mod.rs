//! Users, organisations, invitations, tokens, and access to data.

pub(crate) mod invitations;
pub(crate) mod issued;
pub(crate) mod orgs;
pub(crate) mod removal;
pub(crate) mod standing;
pub(crate) mod tokens;
pub(crate) mod users;
