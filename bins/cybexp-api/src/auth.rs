//! The user who sends a request.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use cybexp_seal::Claims;
use tahoe_core::{Hash, Org, User};

use crate::app::App;
use crate::error::{ApiError, bad};

/// The user whose token the request carries.
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) claims: Claims,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let denied = |message: &str| ApiError::Unauthorized(message.to_owned());
        let missing = || denied("Invalid/missing token in auth header!");
        let header = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?;
        let (kind, token) = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or_else(missing)?;
        if !kind.eq_ignore_ascii_case("Bearer") {
            return Err(denied("Token must be of type Bearer!"));
        }
        let claims = app
            .tokens
            .check(token.trim(), unix_now())
            .map_err(|error| ApiError::Unauthorized(format!("Invalid token: {error}")))?;
        let hash: Hash = claims.hash.parse().map_err(|_| missing())?;
        if let Some(jti) = &claims.jti
            && app.identity.is_revoked(jti).await?
        {
            return Err(denied("JWT token is revoked."));
        }
        let user = app.identity.user(hash).await?;
        let user = user.ok_or_else(|| denied("User does not exist!"))?;
        Ok(Self { user, claims })
    }
}

impl Caller {
    /// The organisation of the hash in this field, of which the caller must be an admin.
    pub(crate) async fn admin_of(
        &self,
        app: &App,
        field: &str,
        hash: &str,
    ) -> Result<Org, ApiError> {
        let hash: Hash = hash.parse().map_err(|error| bad(field, error))?;
        let org = app.identity.org(hash).await?;
        let org = org.ok_or_else(|| ApiError::BadRequest("Invalid org hash!".to_owned()))?;
        if org.is_admin(self.user.hash()) {
            Ok(org)
        } else {
            Err(ApiError::Unauthorized(
                "You are not an admin of this org!".to_owned(),
            ))
        }
    }
}

/// Whole seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
