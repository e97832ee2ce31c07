//! Users and organisations by the names that people give them.

use anyhow::Context;
use cybexp_store::Identity;
use tahoe_core::{Hash, Org, User};

/// Finds a user by e-mail address or hash.
pub(super) async fn find_user(identity: &Identity, name: &str) -> anyhow::Result<User> {
    let user = match name.parse::<Hash>() {
        Ok(hash) => identity.user(hash).await?,
        Err(_) => identity.user_by_email(name).await?,
    };
    user.with_context(|| {
        format!(
            "there is no user {name}: `cybexp user list` shows all, `cybexp user add` makes one"
        )
    })
}

pub(super) async fn find_users(identity: &Identity, names: &[String]) -> anyhow::Result<Vec<User>> {
    let mut users = Vec::with_capacity(names.len());
    for name in names {
        users.push(find_user(identity, name).await?);
    }
    Ok(users)
}

/// Finds an organisation by name or hash.
pub(super) async fn find_org(identity: &Identity, name: &str) -> anyhow::Result<Org> {
    let hash = Org::hash_named(name);
    identity.org(hash).await?.with_context(|| {
        format!("there is no organisation {name}: `cybexp org list` shows all, `cybexp org add` makes one")
    })
}
