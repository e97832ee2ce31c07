//! The formats in which values leave: values in, bytes out, without input or output.
//!
//! A feed is written by a [`FeedWriter`], one [`Item`] after the other, so that a feed of a million values needs the
//! memory of one piece. Values are what attackers wrote: a format takes those that it can express, and the writer counts
//! the others.
//!
//! | folder or file | content |
//! |---|---|
//! | [`formats`] | a file for each format of a feed, and their registry |
//! | [`stix`] | attributes, objects, events, sessions and verdicts as STIX 2.1 |
//! | [`misp`] | the files of a MISP feed |

pub mod formats;
mod ident;
mod item;
mod kind;
pub mod misp;
mod misp_hashes;
pub mod stix;
mod text;
pub mod time;
mod writer;

pub use formats::{FORMATS, Format, format};
pub use ident::Uuid;
pub use item::{FeedHead, Item};
pub use kind::{Digest, Kind, Network};
pub use misp_hashes::hashes as misp_hashes;
pub use tahoe_core::{Tlp, UnknownTlp};
pub use writer::{FeedWriter, Written};
