//! Checks that there are users and organisations, and that the secret of tokens is not the known default.

use cybexp_service::Config;
use cybexp_store::{Identity, StoreError};
use tahoe_core::Role;

use super::sheet::Checklist;

pub(super) fn secret(sheet: &mut Checklist, config: &Config) {
    const TO_DO: &str =
        "the API and `cybexp token` need it; tokens made so far end with an old one";
    match config.identity_secret() {
        Err(error) => sheet.wrong(error.to_string(), TO_DO),
        Ok(_) => sheet.good("tokens are signed with a secret of this site"),
    }
}

pub(super) async fn check(sheet: &mut Checklist, identity: Option<&Identity>) {
    let Some(identity) = identity else {
        return sheet.note("users are not looked at", "the database comes first");
    };
    if let Err(error) = count(sheet, identity).await {
        sheet.wrong(error.brief(), "is the database all right?");
    }
}

async fn count(sheet: &mut Checklist, identity: &Identity) -> Result<(), StoreError> {
    let (users, orgs) = (identity.users().await?, identity.orgs().await?);
    let superusers = users
        .iter()
        .filter(|user| user.role() == Role::Superuser)
        .count();
    match (users.len(), superusers) {
        (0, _) => sheet.wrong("there is no user", "`cybexp user add EMAIL --superuser` makes the first"),
        (users, 0) => sheet.note(
            format!("{users} users, and no superuser: nobody makes users or organisations through the API"),
            "`cybexp user add EMAIL --superuser` makes one",
        ),
        (users, superusers) => sheet.good(format!("{users} users, {superusers} of them superusers")),
    }
    match orgs.len() {
        0 => sheet.wrong(
            "there is no organisation, so nobody can submit anything",
            "`cybexp org add ORGNAME --admin EMAIL` makes one",
        ),
        orgs => sheet.good(format!("{orgs} organisations")),
    }
    Ok(())
}
