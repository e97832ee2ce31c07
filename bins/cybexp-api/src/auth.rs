//! The user who sends a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use cybexp_seal::Claims;
use tahoe_core::{Hash, Org, User};

use crate::app::App;
use crate::error::{ApiError, bad};
use cybexp_service::{Heard, InWork, Peer};

/// The user whose token the request carries.
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) claims: Claims,
    /// Keeps the connection from being closed to make room.
    _work: Option<InWork>,
}

/// The client of a request, whether it is signed in or not.
#[derive(Debug)]
pub(crate) struct AnyClient {
    pub(crate) address: IpAddr,
    peer: Option<Arc<Peer>>,
}

impl FromRequestParts<Arc<App>> for AnyClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Arc<Peer>>().cloned();
        let address = peer.as_ref().map(|peer| peer.address);
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let address = cybexp_service::client(address, &app.trusted_proxies, &parts.headers);
        Ok(Self { address, peer })
    }
}

impl AnyClient {
    /// Keeps the connection of a request that came in whole from being closed for another one of the client.
    pub(crate) fn speaks(&self) -> Option<Heard> {
        self.peer.clone().map(Peer::speaks)
    }
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
        let user = holder(app, &claims).await?;
        let peer = parts.extensions.get::<Arc<Peer>>().cloned();
        Ok(Self {
            user,
            claims,
            _work: peer.map(Peer::works),
        })
    }
}

/// Returns the user of a token that is as it should be, if the user may use it still.
async fn holder(app: &App, claims: &Claims) -> Result<User, ApiError> {
    let denied = |message: &str| ApiError::Unauthorized(message.to_owned());
    let hash: Hash = claims
        .hash
        .parse()
        .map_err(|_| denied("Invalid/missing token in auth header!"))?;
    let revoked = async {
        match &claims.jti {
            Some(jti) => app.identity.is_revoked(jti).await,
            None => Ok(false),
        }
    };
    let (revoked, standing, user) = tokio::join!(
        revoked,
        app.identity.standing(hash),
        app.identity.user(hash)
    );
    let (revoked, standing, user) = (revoked?, standing?, user?);
    if revoked || standing.generation != claims.generation {
        return Err(denied("JWT token is revoked."));
    }
    if standing.locked {
        return Err(denied("User is locked!"));
    }
    user.ok_or_else(|| denied("User does not exist!"))
}

impl Caller {
    /// Whether the token is good still. The error says why it is not.
    pub(crate) async fn is_good_still(&self, app: &App) -> Result<(), ApiError> {
        if self.claims.expires.is_some_and(|end| end <= unix_now()) {
            return Err(ApiError::Unauthorized("the token has expired".to_owned()));
        }
        holder(app, &self.claims).await.map(drop)
    }

    /// The organisation of the hash in this field, of which the caller must be an admin. The error does not tell whether
    /// there is such an organisation.
    pub(crate) async fn admin_of(
        &self,
        app: &App,
        field: &str,
        hash: &str,
    ) -> Result<Org, ApiError> {
        let hash: Hash = hash.parse().map_err(|error| bad(field, error))?;
        let org = app.identity.org(hash).await?;
        let org = org.filter(|org| org.is_admin(self.user.hash()));
        org.ok_or_else(no_admin)
    }
}

/// Returns the error of a caller who is no admin of an organisation, or of one that does not exist.
pub(crate) fn no_admin() -> ApiError {
    ApiError::Unauthorized("You are not an admin of this org!".to_owned())
}

/// Whole seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
