//! The tags of a submission.

use crate::tlp::Tlp;

/// Tags that are sent with a submission, besides its data: the type of the data, its owner, its time zone and its label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmissionTags {
    /// The type of the data, such as `cowrie`. It becomes the raw's `sub_type`.
    pub typetag: String,
    /// The `_hash` of the organisation that owns the data.
    pub orgid: String,
    /// The IANA name of the zone of times in the data that name none.
    pub timezone: String,
    /// The label of the data, if the source has one: how far it may be passed on.
    pub tlp: Option<Tlp>,
}
