//! How feeds are read: asked for politely over HTTP, decompressed, and split into records.
//!
//! ```text
//! request (client, redirects, refusals) ─► body (decompressed, in UTF-8, bounded) ─► json | lines ─► pieces ─► plugin
//! ```
//! A body is never held whole: it is taken apart on a thread of its own, and handed on in small groups.

mod body;
mod cause;
mod json;
mod later;
mod limits;
mod lines;
mod link;
mod markup;
mod paging;
mod piece;
mod pieces;
mod read;
mod redirect;
mod refusal;
mod request;
mod said;
mod same;
mod secrets;
mod url;
mod validators;
pub mod wire;

pub use self::cause::cause;
pub use self::json::place::JsonPath;
pub use self::json::plan::{Beside, ListPlan};
pub use self::later::Later;
pub use self::limits::{BODY_BYTES, IDLE, RECORD_BYTES};
pub use self::markup::{cleaned, html};
pub use self::paging::{PageRequest, Paging};
pub use self::pieces::Pieces;
pub use self::read::{items, lines, object, says, split, text, whole};
pub use self::redirect::Redirects;
pub use self::refusal::{HttpRefusal, retry_after};
pub use self::request::{Fetched, Http, HttpOptions, agent};
pub use self::said::{because, reason};
pub use self::same::key;
pub use self::secrets::{Secrets, names_key};
pub use self::url::{origin, web_url};
pub use self::validators::Validators;
