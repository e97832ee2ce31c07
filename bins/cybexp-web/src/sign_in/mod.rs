//! The person who sends a request, and how the daemon knows them.

mod cookies;
mod person;
mod ticket;
mod tries;

pub(crate) use cookies::{Cookies, Person, Session};
pub(crate) use person::{SignedIn, Visitor};
pub(crate) use ticket::{Tickets, issue};
pub(crate) use tries::Tries;
