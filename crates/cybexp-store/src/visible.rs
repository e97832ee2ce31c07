//! Who may see what.

use tahoe_core::{Hash, OrgId};

/// The organisations whose events someone may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Visible(pub Vec<OrgId>);

impl Visible {
    /// The same for the same organisations: by it an answer is told for whom it was made.
    pub fn fingerprint(&self) -> Hash {
        let orgs: Vec<&str> = self.0.iter().flat_map(|org| [org.as_str(), "\n"]).collect();
        Hash::of(&orgs)
    }

    pub(crate) fn orgs(&self) -> Vec<&str> {
        self.0.iter().map(OrgId::as_str).collect()
    }
}
