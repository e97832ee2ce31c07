//! The account of a person, their organisations, and for superusers the making of users and organisations.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use secrecy::SecretString;
use serde_json::{Value, json};
use tahoe_core::{Role, User};

use crate::error::WebError;
use crate::form::PersonForm;
use crate::params::{Params, link};
use crate::sign_in::SignedIn;
use crate::view::frame::{csrf, page};
use crate::view::text;

/// `GET /account`
pub(crate) async fn account(person: SignedIn, params: Params) -> Result<Response, WebError> {
    let client = &person.client;
    let (me, user_of, admin_of, invitations) = tokio::try_join!(
        client.whoami(),
        client.orgs_user_of(),
        client.orgs_admin_of(),
        client.invitations()
    )?;
    let superuser = me["sub_type"] == Role::Superuser.as_str();
    let body = html! {
        h1 { "Account" }
        @if let Some(done) = params.get("done") { div.notice.good role="status" { (text::line(done)) } }
        dl.facts {
            div { dt { "name" } dd { (text::line(part(&me, "name"))) } }
            div { dt { "e-mail address" } dd { (text::line(part(&me, "email_addr"))) } }
            div { dt { "role" } dd { @if superuser { "superuser: may make users and organisations" } @else { "user" } } }
            div { dt { "hash" } dd { code.hash { (text::line(me["_hash"].as_str().unwrap_or_default())) } } }
        }
        section aria-labelledby="orgs" {
            h2 #orgs { "Organisations" }
            (invited(&person, &invitations))
            (orgs(&person, &user_of, &admin_of))
        }
        @if superuser { (making(&person)) }
    };
    Ok(page(&person, "Account", &body).into_response())
}

/// `POST /account/new`: makes a user or an organisation.
pub(crate) async fn create(PersonForm(person, fields): PersonForm) -> Result<Response, WebError> {
    let text = |name: &str| fields.get(name).unwrap_or_default().trim();
    let done = match fields.get("what") {
        Some("user") => {
            let password =
                SecretString::from(fields.get("password").unwrap_or_default().to_owned());
            let made = person
                .client
                .create_user(text("email"), text("name"), &password);
            made.await?
        }
        Some("org") => {
            let mut made = None;
            for admin in user_hashes(text("admin")) {
                made = Some(
                    person
                        .client
                        .create_org(text("orgname"), text("name"), &admin)
                        .await,
                );
                if matches!(made, Some(Ok(_))) {
                    break;
                }
            }
            made.ok_or_else(|| WebError::Wrong("The form names no admin.".to_owned()))??
        }
        _ => {
            return Err(WebError::Wrong(
                "The form names nothing to make.".to_owned(),
            ));
        }
    };
    Ok(Redirect::to(&link("/account", &[("done", &done)])).into_response())
}

/// `POST /account/membership`: accepts or declines an invitation, or leaves an organisation.
pub(crate) async fn membership(
    PersonForm(person, fields): PersonForm,
) -> Result<Response, WebError> {
    let path = match fields.get("what") {
        Some("accept") => "user/invitations/accept",
        Some("decline") => "user/invitations/decline",
        Some("leave") => "org/leave",
        _ => return Err(WebError::Wrong("The form names no change.".to_owned())),
    };
    let org = json!({"org_hash": fields.get("hash").unwrap_or_default()});
    let answer = person.client.post(path, &org).await?;
    let done = answer["message"].as_str().unwrap_or_default();
    Ok(Redirect::to(&link("/account", &[("done", done)])).into_response())
}

/// Returns the hashes that a user may have who is named by mail address or hash: that of a superuser is another one.
pub(super) fn user_hashes(text: &str) -> Vec<String> {
    match text.contains('@') {
        true => [Role::User, Role::Superuser]
            .map(|role| User::hash_of(role, text).to_string())
            .to_vec(),
        false => vec![text.to_ascii_lowercase()],
    }
}

/// Returns a text of a document of a user or organisation.
pub(super) fn part<'a>(document: &'a Value, field: &str) -> &'a str {
    document["data"][field][0].as_str().unwrap_or_default()
}

fn invited(person: &SignedIn, invitations: &Value) -> Markup {
    let all = invitations
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let field = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    html! {
        @for one in all {
            @let org = field(one, "org_hash");
            div.notice {
                (text::line(&field(one, "orgname"))) " invites you as " (text::line(&field(one, "membership"))) ". "
                (change(person, &org, "accept", "Accept"))
                (change(person, &org, "decline", "Decline"))
            }
        }
    }
}

fn change(person: &SignedIn, org: &str, what: &str, said: &str) -> Markup {
    html! {
        form.inline action="/account/membership" method="post" {
            (csrf(person))
            input type="hidden" name="hash" value=(org);
            input type="hidden" name="what" value=(what);
            button.quiet type="submit" { (said) }
        }
    }
}

fn orgs(person: &SignedIn, user_of: &Value, admin_of: &Value) -> Markup {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (user_of, admin_of) = (list(user_of), list(admin_of));
    let is_admin = |hash: &Value| admin_of.iter().any(|org| org["_hash"] == *hash);
    let mut all = user_of;
    let others = admin_of
        .iter()
        .filter(|org| !all.iter().any(|one| one["_hash"] == org["_hash"]));
    let others: Vec<Value> = others.cloned().collect();
    all.extend(others);
    html! {
        @if all.is_empty() {
            p { "None. An admin of an organisation can invite you, by your mail address." }
        } @else {
            table {
                thead { tr { th { "name" } th { "full name" } th { "you are" } th.n { "users" } th { "change" } } }
                tbody {
                    @for document in &all {
                        @let hash = document["_hash"].as_str().unwrap_or_default();
                        tr {
                            td {
                                @if is_admin(&document["_hash"]) { a href=(link("/org", &[("hash", hash)])) { (text::line(part(document, "orgname"))) } }
                                @else { (text::line(part(document, "orgname"))) }
                            }
                            td { (text::line(part(document, "name"))) }
                            td { @if is_admin(&document["_hash"]) { "admin" } @else { "user" } }
                            td.n { (document["_usr_ref"].as_array().map_or(0, Vec::len)) }
                            td { (change(person, hash, "leave", "Leave")) }
                        }
                    }
                }
            }
        }
    }
}

fn making(person: &SignedIn) -> Markup {
    html! {
        section.two {
            form action="/account/new" method="post" aria-labelledby="new-user" {
                h2 #new-user { "New user" }
                (csrf(person))
                input type="hidden" name="what" value="user";
                label for="user-email" { "E-mail address" }
                input #user-email type="email" name="email" required maxlength="254" autocomplete="off";
                label for="user-name" { "Name" }
                input #user-name name="name" required maxlength="200" autocomplete="off";
                label for="user-password" { "Password, at least 8 characters" }
                input #user-password type="password" name="password" required minlength="8" maxlength="1024" autocomplete="new-password";
                button type="submit" { "Make the user" }
            }
            form action="/account/new" method="post" aria-labelledby="new-org" {
                h2 #new-org { "New organisation" }
                (csrf(person))
                input type="hidden" name="what" value="org";
                label for="org-orgname" { "Short name" }
                input #org-orgname name="orgname" required maxlength="100" autocomplete="off" spellcheck="false";
                label for="org-name" { "Full name" }
                input #org-name name="name" required maxlength="200" autocomplete="off";
                label for="org-admin" { "Admin: mail address of a user, or hash" }
                input #org-admin name="admin" required maxlength="254" autocomplete="off" spellcheck="false";
                button type="submit" { "Make the organisation" }
            }
        }
    }
}
