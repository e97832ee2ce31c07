//! Users and organisations.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cybexp_seal::password;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tahoe_core::{Hash, Membership, Org, OrgError, Role, User};
use utoipa::ToSchema;

use super::login::token_of;
use crate::app::App;
use crate::attempts::Lane;
use crate::auth::{Caller, no_admin};
use crate::error::{ApiError, Message, bad};
use crate::json::Body;

/// The memberships that `all` stands for, except when users are added: there it is the greatest one, which includes the
/// others.
const ALL: [Membership; 3] = [Membership::Admin, Membership::User, Membership::Acl];

/// One text, or a list of texts.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One text.
    One(String),
    /// A list of texts.
    Many(Vec<String>),
}

impl OneOrMany {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::One(one) => one == text,
            Self::Many(many) => many.iter().any(|one| one == text),
        }
    }

    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// A response with a result.
#[derive(Serialize, ToSchema)]
pub(crate) struct Found {
    /// The result: a document, or several.
    result: Value,
    /// A message for people.
    message: String,
}

pub(super) fn found(result: impl Into<Value>) -> Json<Found> {
    Json(Found {
        result: result.into(),
        message: "See result.".to_owned(),
    })
}

/// The data of a new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// The e-mail address, which is the user's identity.
    #[schema(format = "email", max_length = 254, example = "jdoe@example.com")]
    email: String,
    /// The password, from 8 to 1024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
    /// The same password again.
    #[schema(min_length = 8, max_length = 1024)]
    password2: String,
    /// The person's name.
    name: String,
}

/// The new user.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeUser {
    /// A message for people.
    message: String,
    /// The user's document, without the password.
    result: Value,
    /// A token for the new user.
    token: String,
}

/// Create a user; superusers only
#[utoipa::path(post, path = "/create/user", request_body = NewUser, security(("bearer" = [])), responses(
    (status = 201, description = "The user is created.", body = MadeUser),
    (status = 400, description = "A field is missing or wrong, or the user exists.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not a superuser.", body = Message),
))]
pub(crate) async fn create_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<MadeUser>), ApiError> {
    superuser(&caller, "Only CYBEX-P admin can create user!")?;
    if new.password != new.password2 {
        return Err(ApiError::BadRequest("Passwords do not match!".to_owned()));
    }
    let hash = move || password::hash(&new.password);
    let hash = app.passwords.run(Lane::Created, hash).await?;
    let hash = hash.map_err(|error| bad("password", error))?;
    let user = User::new(&new.email, &hash, &new.name)
        .map_err(|error| ApiError::BadRequest(error.to_string()))?;
    if !app.identity.create_user(&user).await? {
        let exists = format!("Username/email = {} already exists!", new.email);
        return Err(ApiError::BadRequest(exists));
    }
    let made = MadeUser {
        message: "User created!".to_owned(),
        result: user.document_without_password(),
        // an earlier user of that address may have had tokens
        token: {
            let standing = app.identity.standing(user.hash()).await?;
            token_of(&app, &user, standing.generation, "create/user").await?
        },
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// The data of a new organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrg {
    /// The short name, which is the organisation's identity.
    #[schema(example = "unr")]
    orgname: String,
    /// The hashes of the organisation's users.
    user: OneOrMany,
    /// The hashes of its admins, who must be among its users.
    admin: OneOrMany,
    /// The full name of the organisation.
    name: String,
}

/// Create an organisation; superusers only
#[utoipa::path(post, path = "/create/org", request_body = NewOrg, security(("bearer" = [])), responses(
    (status = 201, description = "The organisation is created.", body = Found),
    (status = 400, description = "A field is missing or wrong, or the organisation exists.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not a superuser.", body = Message),
))]
pub(crate) async fn create_org(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(new): Body<NewOrg>,
) -> Result<(StatusCode, Json<Found>), ApiError> {
    superuser(&caller, "Only CYBEX-P admin can create org!")?;
    let users = users(&app, "user", new.user).await?;
    let admins = self::users(&app, "admin", new.admin).await?;
    let org = Org::new(&new.orgname, &new.name, &users, &admins)
        .map_err(|error| ApiError::BadRequest(error.to_string()))?;
    if !app.identity.create_org(&org).await? {
        let exists = format!("Orgname = {} already exists!", new.orgname);
        return Err(ApiError::BadRequest(exists));
    }
    let made = Found {
        result: org.document_without_passwords(),
        message: "Org created!".to_owned(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

fn superuser(caller: &Caller, message: &str) -> Result<(), ApiError> {
    match caller.user.role() {
        Role::Superuser => Ok(()),
        Role::User => Err(ApiError::Unauthorized(message.to_owned())),
    }
}

/// The users of these hashes, all of which must exist.
async fn users(app: &App, field: &str, hashes: OneOrMany) -> Result<Vec<User>, ApiError> {
    let hashes = self::hashes(field, hashes)?;
    let users = app.identity.users_of(&hashes).await?;
    match hashes
        .iter()
        .find(|hash| !users.iter().any(|user| user.hash() == **hash))
    {
        Some(missing) => Err(bad(field, format!("Invalid user hash={missing}"))),
        None => Ok(users),
    }
}

fn hashes(field: &str, hashes: OneOrMany) -> Result<Vec<Hash>, ApiError> {
    let hashes = hashes.into_vec().into_iter();
    hashes
        .map(|hash| hash.parse().map_err(|error| bad(field, error)))
        .collect()
}

/// Users to be added to an organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddUser {
    /// The organisation's hash.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    org_hash: String,
    /// The users' hashes.
    user: OneOrMany,
    /// The membership: `user`, `admin`, `acl` (the access list) or `all`. An admin is also made a user, and a user is also
    /// put on the access list.
    #[schema(example = "user")]
    add_to: OneOrMany,
}

/// Add users to an organisation; its admins only
///
/// Unless `identity.consent` is false, users who do not belong to the organisation yet are invited, and join by accepting.
#[utoipa::path(post, path = "/org/add/user", request_body = AddUser, security(("bearer" = [])), responses(
    (status = 201, description = "The users are added, or invited.", body = Message),
    (status = 400, description = "A field is missing or wrong, or a user has this membership already.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn org_add_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(add): Body<AddUser>,
) -> Result<(StatusCode, Json<Message>), ApiError> {
    let org = caller.admin_of(&app, "org_hash", &add.org_hash).await?;
    let to = memberships("add_to", add.add_to, &[Membership::Admin])?;
    let to = to.first().copied().expect("there is one");
    let users = users(&app, "user", add.user).await?;
    if app.consent {
        // what is wrong is told now, and not when the invitation is accepted
        org.add(to, &users)
            .map_err(|error| ApiError::BadRequest(error.to_string()))?;
    }
    let (asked, added): (Vec<User>, Vec<User>) = users
        .into_iter()
        .partition(|user| app.consent && !org.is_user(user.hash()));
    if !added.is_empty() {
        change(&app, org.hash(), |org| org.add(to, &added)).await?;
    }
    let asked: Vec<Hash> = asked.iter().map(User::hash).collect();
    app.identity.invite(org.hash(), to, &asked).await?;
    Ok((
        StatusCode::CREATED,
        Message::new("User/s successfully added!"),
    ))
}

/// Users to be deleted from an organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelUser {
    /// The organisation's hash.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    org_hash: String,
    /// The users' hashes.
    user: OneOrMany,
    /// The membership: `user`, `admin`, `acl` (the access list) or `all`. An admin must be deleted from the admins, too.
    #[schema(example = "acl")]
    del_from: OneOrMany,
}

/// Delete users from an organisation, or take back their invitations; its admins only
#[utoipa::path(post, path = "/org/del/user", request_body = DelUser, security(("bearer" = [])), responses(
    (status = 201, description = "The users are deleted.", body = Message),
    (status = 400, description = "A field is missing or wrong, or a user does not have this membership, or is the last admin.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn org_del_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(del): Body<DelUser>,
) -> Result<(StatusCode, Json<Message>), ApiError> {
    let org = caller.admin_of(&app, "org_hash", &del.org_hash).await?;
    let everywhere = del.del_from.holds("all");
    let from = memberships("del_from", del.del_from, &ALL)?;
    let users = hashes("user", del.user)?;
    let mut there = Vec::new();
    for user in users {
        let withdrawn = app.identity.withdraw(org.hash(), user).await?;
        if !withdrawn || org.is_user(user) || org.acl().contains(&user) {
            there.push(user);
        }
    }
    if !there.is_empty() {
        change(&app, org.hash(), |org| match everywhere {
            true => org.expel(&there),
            false => org.remove(&from, &there),
        })
        .await?;
    }
    Ok((
        StatusCode::CREATED,
        Message::new("User/s successfully deleted!"),
    ))
}

/// At least one; `all` stands for `all_means`. The greatest membership comes first.
fn memberships(
    field: &str,
    names: OneOrMany,
    all_means: &[Membership],
) -> Result<BTreeSet<Membership>, ApiError> {
    let mut memberships = BTreeSet::new();
    for name in names.into_vec() {
        match name.as_str() {
            "all" => memberships.extend(all_means),
            "admin" => drop(memberships.insert(Membership::Admin)),
            "user" => drop(memberships.insert(Membership::User)),
            "acl" => drop(memberships.insert(Membership::Acl)),
            _ => return Err(ApiError::BadRequest(format!("Invalid '{field}'!"))),
        }
    }
    if memberships.is_empty() {
        return Err(bad(field, "is empty"));
    }
    Ok(memberships)
}

async fn change(
    app: &App,
    hash: Hash,
    change: impl Fn(&Org) -> Result<Org, OrgError> + Send,
) -> Result<(), ApiError> {
    match app.identity.change_org(hash, change).await? {
        None => Err(no_admin()),
        Some(Err(error)) => Err(ApiError::BadRequest(error.to_string())),
        Some(Ok(_)) => Ok(()),
    }
}

/// The parts of an organisation to be returned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrgInfo {
    /// The organisation's hash.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    org_hash: String,
    /// The members to return: `user`, `admin`, `acl` (the access list) or `all` [default].
    return_type: Option<OneOrMany>,
}

/// List the members of an organisation; its admins only
#[utoipa::path(post, path = "/org/info", request_body = OrgInfo, security(("bearer" = [])), responses(
    (status = 200, description = "The users and admins as documents, the access list as hashes.", body = Found),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
))]
pub(crate) async fn org_info(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(info): Body<OrgInfo>,
) -> Result<Json<Found>, ApiError> {
    let org = caller.admin_of(&app, "org_hash", &info.org_hash).await?;
    let wanted = info
        .return_type
        .unwrap_or_else(|| OneOrMany::One("all".to_owned()));
    let mut result = Map::new();
    let documents =
        |users: Vec<User>| -> Value { users.iter().map(User::document_without_password).collect() };
    for membership in memberships("return_type", wanted, &ALL)? {
        let (name, value) = match membership {
            Membership::Admin => ("admin", documents(org.admins())),
            Membership::User => ("user", documents(org.users())),
            Membership::Acl => ("acl", org.acl().iter().map(Hash::to_string).collect()),
        };
        result.insert(name.to_owned(), value);
    }
    Ok(found(result))
}

/// List the organisations of which the caller is an admin
#[utoipa::path(get, path = "/orgs/admin_of", security(("bearer" = [])), responses(
    (status = 200, description = "The documents of the organisations.", body = Found),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn orgs_admin_of(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Found>, ApiError> {
    Ok(documents(
        app.identity.orgs_admin_of(caller.user.hash()).await?,
    ))
}

/// List the organisations of which the caller is a user
#[utoipa::path(get, path = "/orgs/user_of", security(("bearer" = [])), responses(
    (status = 200, description = "The documents of the organisations.", body = Found),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn orgs_user_of(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Found>, ApiError> {
    Ok(documents(
        app.identity.orgs_user_of(caller.user.hash()).await?,
    ))
}

fn documents(orgs: Vec<Org>) -> Json<Found> {
    found(
        orgs.iter()
            .map(Org::document_without_passwords)
            .collect::<Value>(),
    )
}

/// Get the document of the caller
#[utoipa::path(get, path = "/user/info/self", security(("bearer" = [])), responses(
    (status = 200, description = "The user's document, without the password.", body = Found),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn user_info_self(caller: Caller) -> Json<Found> {
    found(caller.user.document_without_password())
}
