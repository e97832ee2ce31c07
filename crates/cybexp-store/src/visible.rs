//! The organisations whose data someone may see.

use tahoe_core::{Hash, OrgId};

/// The organisations whose events someone may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Visible(pub Vec<OrgId>);

impl Visible {
    /// Returns a hash that is equal for equal sets of organisations. It tells for whom an answer was made.
    pub fn fingerprint(&self) -> Hash {
        let orgs: Vec<&str> = self.0.iter().flat_map(|org| [org.as_str(), "\n"]).collect();
        Hash::of(&orgs)
    }

    pub(crate) fn orgs(&self) -> Vec<&str> {
        self.0.iter().map(OrgId::as_str).collect()
    }
}
