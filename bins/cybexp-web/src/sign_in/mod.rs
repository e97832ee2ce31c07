//! The person who sends a request, and how the daemon knows them.

mod cookies;
mod person;
mod tries;

pub(crate) use cookies::{Cookies, Person, Session};
pub(crate) use person::{SignedIn, Visitor};
pub(crate) use tries::Tries;
