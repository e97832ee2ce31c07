//! New events as they come: one tail of the database for all listeners, and a task for each of them.

mod hub;
mod listener;
mod moment;

pub(crate) use hub::LiveHub;
pub(crate) use listener::listen;
pub(crate) use moment::LastEvent;
