//! Filters: pure functions that make TAHOE instances.
//!
//! [`first`] reads raws, [`second`] reads the instances that the first stage made. No filter touches a database, clock
//! or network.
//!
//! ```
//! use cybexp_filters::{FILTERS, RawInput};
//! use serde_json::json;
//! use tahoe_core::{OrgId, Timestamp};
//!
//! let sighting = FILTERS.iter().find(|filter| filter.name() == "sighting").unwrap();
//! let made = sighting.run(&RawInput {
//!     data: &json!({"ipv4": "203.0.113.9", "category": "malicious"}),
//!     orgid: &OrgId::new("unr")?,
//!     timezone: "UTC",
//!     timestamp: Timestamp::new(1_588_032_005.5)?,
//! })?;
//! assert_eq!(made.events.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod feed;
mod fields;
pub mod first;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod indicators;
pub mod judgement;
mod lighten;
mod normal;
pub mod second;
mod time;
mod typetag;
pub mod url;
mod vocab;
pub mod vocabulary;

pub use first::{FILTERS, Filter, RawInput, Refusal, Yield};
pub use lighten::{dispensable, lighten};
pub use normal::{NotOne, normal};
pub use typetag::{
    UnreadTypetag, all_typetags, is_feed, is_reserved, known_typetags, readers, unread_typetag,
};

/// Shortens a text from a raw and makes it printable, for a refusal's reason.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    let more = if text.chars().nth(CHARS).is_some() {
        "…"
    } else {
        ""
    };
    let start: String = text.chars().take(CHARS).collect();
    format!("`{}{more}`", start.escape_debug())
}
