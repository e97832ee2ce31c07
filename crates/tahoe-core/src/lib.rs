//! TAHOE values and rules, without input or output.
//!
//! An instance is an [`Attribute`], [`Object`], [`Event`], [`Session`] or [`Raw`]. Each can only be built with the hash
//! that the Python TAHOE library gives it. So equal values have the same [`struct@Hash`] whatever their source, which
//! is how sources correlate. A [`Query`] asks for a [`Report`] about instances.
//!
//! The rules come from the project's design page. The golden vectors in `tests/fixtures/golden`, made by the Python
//! library, check them.
//!
//! ```
//! use tahoe_core::{Attribute, Event, Hash, OrgId, SubType, Timestamp};
//!
//! let address = Attribute::new(SubType::new("ipv4")?, "203.0.113.9");
//! assert_eq!(address.hash(), Hash::of(&["attribute", "ipv4", "\"203.0.113.9\""]));
//!
//! let seen = Timestamp::new(1_588_032_005.5)?;
//! let event = Event::new(SubType::new("sighting")?, OrgId::new("unr")?, seen, vec![address.into()])?;
//! assert_eq!(event.children().iter().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod canonical;
mod checked;
mod event;
mod excerpt;
mod hash;
mod identity;
mod instance;
pub mod json;
pub mod many;
mod nearest;
mod node;
mod org_id;
pub mod python_bytes;
mod query;
pub mod question;
mod raw;
mod read;
mod rebuild;
mod report;
mod scalar;
mod session;
mod sub_type;
pub mod submission;
mod submission_tags;
pub mod time;
mod tlp;
mod value;
mod verdict;
mod weight;

pub use canonical::{TooLarge, canonical, measure as canonical_bytes};
pub use checked::AmbiguousNumber;
pub use event::{Category, Event, NotReferenced};
pub use hash::{Hash, InvalidHash};
pub use identity::{InvalidField, Membership, Org, OrgError, Role, User, UserError};
pub use instance::Instance;
pub use nearest::nearest;
pub use node::{Attribute, Children, InvalidObject, Node, Object};
pub use org_id::{EmptyOrgId, OrgId};
pub use query::{Query, Socket, Status};
pub use raw::Raw;
pub use read::DocumentError;
pub use rebuild::Rebuilt;
pub use report::Report;
pub use scalar::{Finite, InvalidScalar, Scalar, Timestamp};
pub use serde_json::Value;
pub use session::Session;
pub use sub_type::{InvalidSubType, SubType};
pub use submission_tags::SubmissionTags;
pub use tlp::{Tlp, UnknownTlp};
pub use verdict::{InvalidVerdict, Verdict};
