//! An organisation, for its admins: who belongs to it, and changes of that.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;
use tahoe_core::Hash;

use super::account::{part, user_hashes};
use crate::error::WebError;
use crate::form::PersonForm;
use crate::params::{Params, link};
use crate::sign_in::SignedIn;
use crate::view::frame::{csrf, page};
use crate::view::text;

/// The most members that a page lists.
const LISTED: usize = 500;

/// `GET /org`
pub(crate) async fn org(person: SignedIn, params: Params) -> Result<Response, WebError> {
    let org = hash_of(&params)?;
    let info = person.client.org_info(&org).await?;
    let list = |name: &str| info[name].as_array().cloned().unwrap_or_default();
    let (users, admins, acl) = (list("user"), list("admin"), list("acl"));
    let is = |set: &[Value], user: &Value| {
        set.iter()
            .any(|one| one["_hash"] == user["_hash"] || *one == user["_hash"])
    };
    let only_read = acl
        .iter()
        .filter(|hash| !users.iter().any(|user| user["_hash"] == **hash));
    let only_read: Vec<&str> = only_read.filter_map(Value::as_str).collect();
    let body = html! {
        h1 { "Organisation" }
        p { code.hash { (text::line(&org)) } }
        @if let Some(done) = params.get("done") { div.notice.good role="status" { (text::line(done)) } }
        section aria-labelledby="members" {
            h2 #members { "Who belongs to it" }
            p.note { "Admins post data for the organisation and change this page. Who may read sees its events in answers." }
            div.scroll tabindex="0" role="group" aria-labelledby="members" {
                table {
                    thead { tr { th { "name" } th { "e-mail address" } th { "is" } th { "change" } } }
                    tbody {
                        @for user in users.iter().take(LISTED) {
                            @let hash = user["_hash"].as_str().unwrap_or_default();
                            tr {
                                td { (text::line(part(user, "name"))) }
                                td { (text::line(part(user, "email_addr"))) }
                                td {
                                    @if is(&admins, user) { "admin" } @else { "user" }
                                    @if is(&acl, user) { ", may read" }
                                }
                                td {
                                    @if is(&admins, user) { (button(&person, &org, hash, "remove", "admin", "No admin")) }
                                    @else { (button(&person, &org, hash, "add", "admin", "Make admin")) }
                                    (button(&person, &org, hash, "remove", "all", "Remove"))
                                }
                            }
                        }
                        @for hash in only_read.iter().take(LISTED) {
                            tr {
                                td colspan="2" { code.hash { (text::line(hash)) } }
                                td { "may read" }
                                td { (button(&person, &org, hash, "remove", "acl", "Remove")) }
                            }
                        }
                    }
                }
            }
        }
        (adding(&person, &org))
        p { a.step href="/account" { "To the account" } }
    };
    Ok(page(&person, "Organisation", &body).into_response())
}

/// `POST /org`: adds or removes a user.
pub(crate) async fn change(PersonForm(person, fields): PersonForm) -> Result<Response, WebError> {
    let org = hash_of(&fields)?;
    let users = user_hashes(fields.get("user").unwrap_or_default().trim());
    let wrong = || WebError::Wrong("The form names no change.".to_owned());
    let membership = fields
        .choice("as", &["user", "admin", "acl", "all"])
        .ok_or_else(wrong)?;
    let mut done = None;
    for user in users {
        let (client, user) = (&person.client, [user]);
        done = Some(match fields.get("what") {
            // the API says that they are added, as the Python API does, also where it only invites them
            Some("add") => {
                let added = client.org_add(&org, &user, membership).await;
                added.map(|_| "Done. Who is invited joins by accepting it.".to_owned())
            }
            Some("remove") => client.org_remove(&org, &user, membership).await,
            _ => return Err(wrong()),
        });
        if matches!(done, Some(Ok(_))) {
            break;
        }
    }
    let done = done.ok_or_else(wrong)??;
    let to = link("/org", &[("hash", &org), ("done", &done)]);
    Ok(Redirect::to(&to).into_response())
}

fn hash_of(params: &Params) -> Result<String, WebError> {
    let hash: Option<Hash> = params.get("hash").and_then(|hash| hash.parse().ok());
    let hash = hash.ok_or_else(|| WebError::Wrong("This names no organisation.".to_owned()))?;
    Ok(hash.to_string())
}

fn button(
    person: &SignedIn,
    org: &str,
    user: &str,
    what: &str,
    membership: &str,
    said: &str,
) -> Markup {
    html! {
        form.inline action="/org" method="post" {
            (csrf(person))
            input type="hidden" name="hash" value=(org);
            input type="hidden" name="user" value=(user);
            input type="hidden" name="what" value=(what);
            input type="hidden" name="as" value=(membership);
            button.quiet type="submit" { (said) }
        }
    }
}

fn adding(person: &SignedIn, org: &str) -> Markup {
    html! {
        form.narrow action="/org" method="post" aria-labelledby="add" {
            h2 #add { "Add somebody" }
            (csrf(person))
            input type="hidden" name="hash" value=(org);
            input type="hidden" name="what" value="add";
            label for="user" { "Mail address of a user, or hash" }
            input #user name="user" required maxlength="254" autocomplete="off" spellcheck="false";
            label for="as" { "As" }
            select #as name="as" {
                option value="acl" { "may read" }
                option value="user" selected { "user" }
                option value="admin" { "admin" }
            }
            button type="submit" { "Add" }
        }
    }
}
