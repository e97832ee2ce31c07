//! `cybexp token list`: the tokens that have not expired.

use std::collections::HashMap;

use anyhow::{bail, ensure};
use cybexp_store::{Identity, IssuedToken};
use cybexp_term as term;
use serde_json::{Value, json};

use crate::commands::people::find_user;

/// The number of characters that are shown of an id; they are enough to revoke a token by.
const ID: usize = 12;
/// The least number of characters of an id that revoking takes.
const LEAST: usize = 6;

pub(super) async fn run(
    identity: &Identity,
    user: Option<&str>,
    revoked: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let user = match user {
        Some(name) => Some(find_user(identity, name).await?.hash()),
        None => None,
    };
    let mut tokens = identity.tokens(user).await?;
    tokens.retain(|token| revoked || !token.revoked);
    let users = identity.users().await?;
    let emails = users
        .iter()
        .map(|user| (user.hash().to_string(), user.email()));
    let emails: HashMap<String, &str> = emails.collect();
    if as_json {
        let rows = tokens.iter().map(|token| {
            json!({
                "id": token.jti, "user": token.user, "email": emails.get(&token.user), "by": token.by,
                "since": token.since, "until": token.until, "revoked": token.revoked,
            })
        });
        anstream::println!("{}", term::json(&rows.collect::<Value>()));
        return Ok(());
    }
    if tokens.is_empty() {
        anstream::println!("there is no token that can be used and that has a row");
        return Ok(());
    }
    let mut table = term::table(&["id", "user", "made", "by", "ends"]);
    for token in &tokens {
        let email = match emails.get(&token.user) {
            Some(email) => term::short(email),
            None => "(deleted)".to_owned(),
        };
        let ends = match token.revoked {
            true => "revoked".to_owned(),
            false => term::date(token.until),
        };
        let id = token.jti.chars().take(ID).collect();
        let (made, by) = (term::date(token.since), term::short(&token.by));
        table.add_row([id, email, made, by, ends]);
    }
    anstream::println!("{table}");
    Ok(())
}

/// Finds the token whose id begins with `id`.
pub(super) async fn by_id(identity: &Identity, id: &str) -> anyhow::Result<IssuedToken> {
    ensure!(
        id.len() >= LEAST,
        "an id of fewer than {LEAST} characters may be that of many tokens"
    );
    let mut tokens = identity.tokens(None).await?;
    tokens.retain(|token| token.jti.starts_with(id));
    match tokens.len() {
        1 => Ok(tokens.remove(0)),
        0 => bail!(
            "there is no token with the id {id}: `cybexp token list` shows those that there are"
        ),
        many => bail!("{many} tokens have ids that begin with {id}: give more of it"),
    }
}
