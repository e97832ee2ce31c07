//! Login and logout.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use cybexp_seal::Holder;
use cybexp_seal::password::{self, Verdict};
use metrics::counter;
use serde::{Deserialize, Serialize};
use tahoe_core::{Role, User};
use utoipa::ToSchema;

use crate::app::App;
use crate::attempts::{Attempt, TooMany};
use crate::auth::{AnyClient, Caller, unix_now};
use crate::error::{ApiError, Message};
use crate::json::StrangersBody;
use crate::pool::PoolError;

/// The time after which a client may try again that came while too many others waited, in seconds.
const BUSY_S: u64 = 2;

/// A user's credentials.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The user's e-mail address.
    #[schema(example = "jdoe@example.com")]
    email: String,
    /// The user's password.
    password: String,
}

/// A token.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    /// A message for people.
    message: String,
    /// The token, to be sent in the header `Authorization: Bearer <token>`.
    token: String,
}

/// Log in: get a token for an e-mail address and password
#[utoipa::path(post, path = "/login", request_body = Login, responses(
    (status = 200, description = "The token.", body = Token),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "There is no such user, the password is wrong, or the user is locked.", body = Message),
    (status = 429, description = "Too many logins failed, for this account or from this address: try again after the seconds in `Retry-After`.", body = Message),
))]
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    client: AnyClient,
    StrangersBody(login): StrangersBody<Login>,
) -> Result<Json<Token>, ApiError> {
    let _heard = client.speaks();
    let address = client.address;
    let hashes = Role::ALL.map(|role| User::hash_of(role, &login.email));
    let attempt = app.attempts.charge(address, hashes[0], Instant::now());
    let attempt = attempt.map_err(|refused| limited(&refused, address, &login.email))?;
    let (user, standings) = tokio::join!(
        app.identity.user_by_email(&login.email),
        // of nobody, too, so that it takes as long
        app.identity.standings(&hashes)
    );
    let (user, standings) = (user?, standings?);
    let stored = user.as_ref().map(|user| user.password_hash().to_owned());
    let stored = stored.unwrap_or_default();
    let (verdict, renewed) = {
        let stored = stored.clone();
        let check = move || check(&login.password, &stored);
        let checked = app.passwords.run(attempt.lane(), check).await;
        checked.map_err(|error| unchecked(&app, &attempt, error))?
    };
    let standing = |user: &User| standings.get(&user.hash()).copied().unwrap_or_default();
    let user = user.filter(|user| verdict != Verdict::Wrong && !standing(user).locked);
    let Some(user) = user else {
        counter!("cybexp_api_logins_total", "outcome" => "refused").increment(1);
        tracing::warn!(email = login.email, %address, "a login was refused");
        return Err(ApiError::Unauthorized("401 Unauthorized".to_owned()));
    };
    app.attempts.succeeded(&attempt);
    counter!("cybexp_api_logins_total", "outcome" => "good").increment(1);
    tracing::info!(user = %user.hash(), %address, "a user signed in");
    if let Some(renewed) = renewed {
        let renewal = app
            .identity
            .renew_password_hash(user.hash(), &stored, &renewed);
        if renewal.await? {
            tracing::info!(user = %user.hash(), "a password hash of the Python system was renewed");
        }
    }
    // the generation from before the password was checked: a new password in the meantime ends this token, too
    let generation = standing(&user).generation;
    Ok(Json(Token {
        message: "Login Successful".to_owned(),
        token: token_of(&app, &user, generation, "login").await?,
    }))
}

/// Takes back the charge for an attempt that was not looked at.
fn unchecked(app: &App, attempt: &Attempt, error: PoolError) -> ApiError {
    app.attempts.uncharge(attempt);
    match error {
        PoolError::TooManyWait => {
            counter!("cybexp_api_logins_total", "outcome" => "limited").increment(1);
            ApiError::TooMany(BUSY_S)
        }
        PoolError::Panicked => error.into(),
    }
}

fn limited(refused: &TooMany, address: IpAddr, email: &str) -> ApiError {
    counter!("cybexp_api_logins_total", "outcome" => "limited").increment(1);
    let after_s = refused.after.as_secs().saturating_add(1);
    if refused.first {
        tracing::warn!(email, %address, after_s, "too many logins failed: further ones are refused unseen");
    }
    ApiError::TooMany(after_s)
}

/// Checks a password, and returns a new hash for one that the Python system stored. Takes as long if there is no such
/// user, of whom nothing is stored, so that nobody learns which users exist.
fn check(password: &str, stored: &str) -> (Verdict, Option<String>) {
    match password::verify(password, stored) {
        // one that is too short for a new hash stays as it is
        Verdict::RightButOld => (Verdict::RightButOld, password::hash(password).ok()),
        verdict => (verdict, None),
    }
}

/// Issues a new token of this generation for this user, and stores a row that says which route made it.
pub(super) async fn token_of(
    app: &App,
    user: &User,
    generation: u64,
    by: &str,
) -> Result<String, ApiError> {
    let holder = Holder {
        sub_type: user.object().sub_type().as_str(),
        hash: &user.hash().to_string(),
        generation,
    };
    let issued = app.tokens.issue(holder, app.token_ttl, unix_now());
    app.identity
        .remember_token(&issued.jti, user.hash(), generation, by, issued.expires)
        .await?;
    Ok(issued.token)
}

/// Log out: revoke the token of this request
#[utoipa::path(post, path = "/logout", security(("bearer" = [])), responses(
    (status = 200, description = "The token is revoked.", body = Message),
    (status = 400, description = "The token has no id (`jti`), so it cannot be revoked.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn logout(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Message>, ApiError> {
    let Some(jti) = &caller.claims.jti else {
        return Err(ApiError::BadRequest(
            "the token has no id to revoke it by".to_owned(),
        ));
    };
    app.identity.revoke(jti, caller.claims.expires).await?;
    Ok(Message::new("Logout Successful"))
}
