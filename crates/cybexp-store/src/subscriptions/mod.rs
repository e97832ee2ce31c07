//! Subscriptions, and the outbox of what is told for them.

pub(crate) mod bounds;
pub(crate) mod definition;
pub(crate) mod delivery;
pub(crate) mod outbox;
pub(crate) mod stored;
pub(crate) mod watched;
