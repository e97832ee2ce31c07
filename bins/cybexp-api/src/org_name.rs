//! The name of an organisation as others are told it.

use tahoe_core::Org;

/// Returns an organisation's name for people, or the name that identifies it if it has none: STIX has no creator without
/// a name.
pub(crate) fn org_name(org: &Org) -> &str {
    match org.name().trim() {
        "" => org.orgname(),
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use tahoe_core::User;

    use super::*;

    #[test]
    fn an_organisation_without_a_name_for_people_is_told_all_the_same() {
        let user = User::new("jdoe@example.com", "no password", "").unwrap();
        let users = std::slice::from_ref(&user);
        for (name, told) in [("University", "University"), ("", "unr"), (" ", "unr")] {
            let org = Org::new("unr", name, users, users).unwrap();
            assert_eq!(org_name(&org), told, "{name:?}");
        }
    }
}
