//! A user's own memberships: invitations to accept or decline, and organisations to leave.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cybexp_store::Accepted;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tahoe_core::{Hash, Membership, OrgError};
use utoipa::ToSchema;

use super::identity::{Found, found};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message, bad};
use crate::json::Body;

/// An organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneOrg {
    /// The organisation's hash.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    org_hash: String,
}

impl OneOrg {
    fn hash(&self) -> Result<Hash, ApiError> {
        let hash = self.org_hash.parse();
        hash.map_err(|error| bad("org_hash", error))
    }
}

/// An invitation as its user sees it.
#[derive(Serialize)]
struct Invited {
    org_hash: Hash,
    orgname: String,
    name: String,
    membership: Membership,
    since: f64,
}

/// List the organisations that have invited the caller
#[utoipa::path(get, path = "/user/invitations", security(("bearer" = [])), responses(
    (status = 200, description = "For each: `org_hash`, `orgname`, `name`, the `membership` that is offered, and since when.", body = Found),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn invitations(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Found>, ApiError> {
    let mut invited = Vec::new();
    for invitation in app.identity.invitations(caller.user.hash()).await? {
        let Some(org) = app.identity.org(invitation.org).await? else {
            continue;
        };
        let invited_to = Invited {
            org_hash: org.hash(),
            orgname: org.orgname().to_owned(),
            name: org.name().to_owned(),
            membership: invitation.to,
            since: invitation.since,
        };
        invited.push(serde_json::to_value(invited_to).map_err(anyhow::Error::from)?);
    }
    Ok(found(Value::Array(invited)))
}

/// Accept an invitation: join the organisation
#[utoipa::path(post, path = "/user/invitations/accept", request_body = OneOrg, security(("bearer" = [])), responses(
    (status = 200, description = "The caller belongs to the organisation now.", body = Message),
    (status = 400, description = "The organisation has not invited the caller, or the caller is in it already.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(org): Body<OneOrg>,
) -> Result<Json<Message>, ApiError> {
    let org = org.hash()?;
    match app.identity.accept(org, caller.user.hash()).await? {
        Accepted::Joined => {
            tracing::info!(user = %caller.user.hash(), %org, "an invitation was accepted");
            Ok(Message::new("You have joined the organisation!"))
        }
        Accepted::NotInvited => Err(not_invited()),
        Accepted::Refused(error) => Err(ApiError::BadRequest(error.to_string())),
    }
}

/// Decline an invitation
#[utoipa::path(post, path = "/user/invitations/decline", request_body = OneOrg, security(("bearer" = [])), responses(
    (status = 200, description = "The invitation is gone.", body = Message),
    (status = 400, description = "The organisation has not invited the caller.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn decline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(org): Body<OneOrg>,
) -> Result<Json<Message>, ApiError> {
    let gone = app.identity.withdraw(org.hash()?, caller.user.hash());
    match gone.await? {
        true => Ok(Message::new("The invitation is declined!")),
        false => Err(not_invited()),
    }
}

fn not_invited() -> ApiError {
    ApiError::BadRequest("This org has not invited you!".to_owned())
}

/// Leave an organisation: its members, its admins and its access list
#[utoipa::path(post, path = "/org/leave", request_body = OneOrg, security(("bearer" = [])), responses(
    (status = 200, description = "The caller has no part in the organisation any more.", body = Message),
    (status = 400, description = "The caller does not belong to the organisation, or is its last admin.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(org): Body<OneOrg>,
) -> Result<Json<Message>, ApiError> {
    let (org, user) = (org.hash()?, caller.user.hash());
    match app
        .identity
        .change_org(org, |org| org.expel(&[user]))
        .await?
    {
        None | Some(Err(OrgError::UserIsNotInOrg(_))) => Err(ApiError::BadRequest(
            "You do not belong to this org!".to_owned(),
        )),
        Some(Err(error)) => Err(ApiError::BadRequest(error.to_string())),
        Some(Ok(_)) => {
            tracing::info!(%user, %org, "a user left an organisation");
            Ok(Message::new("You have left the organisation!"))
        }
    }
}
