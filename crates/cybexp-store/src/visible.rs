//! Who may see what.

use tahoe_core::OrgId;

/// The organisations whose events someone may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible(pub Vec<OrgId>);

impl Visible {
    pub(crate) fn orgs(&self) -> Vec<&str> {
        self.0.iter().map(OrgId::as_str).collect()
    }
}
