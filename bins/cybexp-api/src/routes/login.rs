//! Login and logout.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cybexp_seal::password::{self, Verdict};
use serde::{Deserialize, Serialize};
use tahoe_core::User;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Caller, unix_now};
use crate::error::{ApiError, Message};
use crate::json::Body;

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
    (status = 401, description = "There is no such user, or the password is wrong.", body = Message),
))]
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    Body(login): Body<Login>,
) -> Result<Json<Token>, ApiError> {
    let user = app.identity.user_by_email(&login.email).await?;
    let stored = user.as_ref().map(|user| user.password_hash().to_owned());
    let email = login.email;
    let (verdict, renewed) = {
        let _turn = app.logins.acquire().await.map_err(anyhow::Error::from)?;
        tokio::task::spawn_blocking(move || check(&login.password, stored.as_deref()))
            .await
            .map_err(anyhow::Error::from)?
    };
    let denied = || ApiError::Unauthorized("401 Unauthorized".to_owned());
    let user = match verdict {
        Verdict::Right | Verdict::RightButOld => user.ok_or_else(denied)?,
        Verdict::Wrong => {
            tracing::warn!(
                email = email.escape_debug().to_string(),
                "a login was refused"
            );
            return Err(denied());
        }
    };
    if let Some(renewed) = renewed {
        app.identity.set_password(user.hash(), &renewed).await?;
        tracing::info!(user = %user.hash(), "a password hash of the Python system was renewed");
    }
    Ok(Json(Token {
        message: "Login Successful".to_owned(),
        token: token_of(&app, &user, "login").await?,
    }))
}

/// Checks a password, and returns a new hash for one that the Python system stored. Takes as long if there is no such
/// user, so that nobody learns which users exist.
fn check(password: &str, stored: Option<&str>) -> (Verdict, Option<String>) {
    let Some(stored) = stored else {
        let _ = password::hash("no user has this password");
        return (Verdict::Wrong, None);
    };
    match password::verify(password, stored) {
        // one that is too short for a new hash stays as it is
        Verdict::RightButOld => (Verdict::RightButOld, password::hash(password).ok()),
        verdict => (verdict, None),
    }
}

/// Issues a new token for this user, and stores a row that says which route made it.
pub(super) async fn token_of(app: &App, user: &User, by: &str) -> Result<String, ApiError> {
    let sub_type = user.object().sub_type().as_str();
    let hash = user.hash().to_string();
    let issued = app.tokens.issue(sub_type, &hash, app.token_ttl, unix_now());
    app.identity
        .remember_token(&issued.jti, user.hash(), by, issued.expires)
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
