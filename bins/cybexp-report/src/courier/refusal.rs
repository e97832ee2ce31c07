//! The reason why a receiver does not have a delivery.

/// A delivery that failed.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The reason, for people.
    pub(super) reason: String,
    /// Whether the receiver will never take it.
    pub(super) is_final: bool,
}

impl Refusal {
    /// Makes a refusal of a receiver that may take it later.
    pub(super) fn for_now(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_final: false,
        }
    }

    /// Makes a refusal of a receiver that will never take it.
    pub(super) fn for_good(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_final: true,
        }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::for_now(reason)
    }
}
