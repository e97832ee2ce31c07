//! Subscriptions: what a user is told of without asking, and what became of the notices.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use cybexp_filters::vocabulary;
use cybexp_share::Tlp;
use cybexp_store::{
    Access, Channel, NoticeRow, StoredSubscription, Subscription, SubscriptionId, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tahoe_core::{Category, Hash, Scalar, SubType};
use utoipa::{IntoParams, ToSchema};

use super::feeds::own;
use crate::app::App;
use crate::auth::{Caller, unix_now};
use crate::error::{ApiError, Message, bad};
use crate::json::Body;

/// The most subscriptions of a user, and the most of those that are no value's.
const OF_USER: i64 = 10_000;
/// The subscriptions of a page.
const PAGE: i64 = 1000;
/// The most notices that are listed.
const NOTICES: i64 = 200;
/// The most characters of a name.
const NAME: usize = 100;
/// The most characters of a sub_type or sensor.
const CONDITION: usize = 200;

/// A value that is watched.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchedValue {
    /// The type of the value, such as `ipv4`; `ip` is either kind of address.
    sub_type: String,
    /// The value, in any spelling that queries take.
    #[schema(value_type = Object)]
    data: Value,
}

/// A kind of events that is watched. All conditions that are given must be met, and at least one is given.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchedEvents {
    /// The type of the event, such as `ssh`.
    #[serde(default)]
    sub_type: Option<String>,
    /// The category of the event: `malicious`, `benign` or `unknown`.
    #[serde(default)]
    category: Option<String>,
    /// The sensor that saw the event.
    #[serde(default)]
    sensor: Option<String>,
}

/// A subscription that is to be added: exactly one of `value`, `feed` and `events`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionRequest {
    /// A name for people.
    #[serde(default)]
    name: String,
    /// Tells of new events that hold this value.
    #[serde(default)]
    value: Option<WatchedValue>,
    /// Tells of values that come into this feed and leave it. The caller must be an admin of its organisations.
    #[serde(default)]
    feed: Option<String>,
    /// Tells of new events of this kind.
    #[serde(default)]
    events: Option<WatchedEvents>,
    /// The way by which is told: `webhook`, `mail` (to the caller's own address) or `page`.
    #[serde(default = "page")]
    channel: String,
    /// The URL of the webhook.
    #[serde(default)]
    url: Option<String>,
    /// The strictest TLP label of what leaves by webhook or mail: `clear`, `green`, `amber`, `amber+strict` or `red`.
    #[serde(default = "green")]
    tlp: String,
}

fn page() -> String {
    Channel::Page.as_str().to_owned()
}

fn green() -> String {
    Tlp::Green.to_string()
}

/// A subscription as its user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionShown {
    /// The identity.
    id: String,
    name: String,
    value: Option<WatchedValue>,
    feed: Option<String>,
    events: Option<WatchedEvents>,
    channel: &'static str,
    url: Option<String>,
    tlp: String,
    /// When it was made, in Unix seconds.
    made: f64,
    /// The secret with which deliveries to the webhook are signed.
    secret: Option<String>,
}

/// A subscription that was added.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionAdded {
    /// A message for people.
    message: String,
    /// The subscription.
    subscription: SubscriptionShown,
}

fn shown(app: &App, id: SubscriptionId, subscription: Subscription) -> SubscriptionShown {
    let (mut value, mut feed, mut events) = (None, None, None);
    match subscription.wanted {
        Wanted::Value { sub_type, data, .. } => value = Some(WatchedValue { sub_type, data }),
        Wanted::Feed { name } => feed = Some(name),
        Wanted::Events {
            sub_type,
            category,
            sensor,
        } => {
            let category = category.map(|category| category.to_string());
            events = Some(WatchedEvents {
                sub_type,
                category,
                sensor,
            });
        }
    }
    let channel = subscription.channel.as_str();
    let url = match subscription.channel {
        Channel::Webhook { url } => Some(url),
        Channel::Mail | Channel::Page => None,
    };
    let secret = url.as_ref();
    SubscriptionShown {
        id: id.to_string(),
        name: subscription.name,
        value,
        feed,
        events,
        channel,
        secret: secret.map(|url| app.notices.webhook_secret(&subscription.user, url)),
        url,
        tlp: subscription.tlp,
        made: subscription.made,
    }
}

fn opened(app: &App, stored: Vec<StoredSubscription>) -> Vec<(SubscriptionId, Subscription)> {
    let opened = stored
        .iter()
        .filter_map(|one| Some((one.id, app.notices.open(one)?)));
    opened.collect()
}

fn text(field: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(bad(field, format!("at most {most} printable characters")));
    }
    Ok(())
}

/// Reads what is to be told.
async fn wanted(
    app: &App,
    caller: &Caller,
    request: &mut SubscriptionRequest,
) -> Result<Wanted, ApiError> {
    let of = (
        request.value.take(),
        request.feed.take(),
        request.events.take(),
    );
    match of {
        (Some(WatchedValue { sub_type, data }), None, None) => {
            let of_type = |error: &dyn std::fmt::Display| bad("value.sub_type", error);
            let kind = SubType::new(&sub_type).map_err(|error| of_type(&error))?;
            let scalar = Scalar::try_from(&data).map_err(|error| bad("value.data", error))?;
            let forms = vocabulary::forms(&kind, &scalar);
            let forms = forms.map_err(|error| bad("value.data", error))?;
            let forms = forms
                .iter()
                .map(|form| (form.sub_type().to_string(), form.hash()));
            Ok(Wanted::Value {
                forms: forms.collect(),
                sub_type,
                data,
            })
        }
        (None, Some(name), None) => {
            own(app, caller, &name).await?;
            Ok(Wanted::Feed { name })
        }
        (None, None, Some(events)) => {
            let WatchedEvents {
                sub_type,
                category,
                sensor,
            } = events;
            if sub_type.is_none() && category.is_none() && sensor.is_none() {
                return Err(bad("events", "at least one of sub_type, category, sensor"));
            }
            for (field, given) in [("events.sub_type", &sub_type), ("events.sensor", &sensor)] {
                text(field, given.as_deref().unwrap_or_default(), CONDITION)?;
            }
            let category: Option<Category> = category
                .map(|category| category.parse())
                .transpose()
                .map_err(|error| bad("events.category", error))?;
            Ok(Wanted::Events {
                sub_type,
                category,
                sensor,
            })
        }
        _ => Err(bad("value", "exactly one of value, feed and events")),
    }
}

fn channel(app: &App, request: &SubscriptionRequest) -> Result<Channel, ApiError> {
    match (request.channel.as_str(), &request.url) {
        ("webhook", Some(url)) => {
            let url = app.webhooks.check(url).map_err(|error| bad("url", error))?;
            Ok(Channel::Webhook {
                url: url.to_string(),
            })
        }
        ("webhook", None) => Err(bad("url", "is missing")),
        (_, Some(_)) => Err(bad("url", "goes with the channel webhook")),
        ("mail", None) if app.sends_mail => Ok(Channel::Mail),
        ("mail", None) => Err(bad("channel", "this site sends no mail (report.smtp)")),
        ("page", None) => Ok(Channel::Page),
        _ => Err(bad("channel", "webhook, mail or page")),
    }
}

/// Subscribe: be told of new events with a value or of a kind, or of values that come into a feed and leave it
///
/// Only events of organisations are told whose events the caller may see, when they come in and when they are told. A webhook
/// is signed: the header `X-Cybexp-Signature` is `t=TIME,v1=CODE`, where CODE is the HMAC-SHA256 of `TIME.BODY` with the
/// secret of the subscription, in hexadecimal digits. A notice may be told twice, and has the same `id` then.
#[utoipa::path(post, path = "/subscriptions", request_body = SubscriptionRequest, security(("bearer" = [])), responses(
    (status = 201, description = "The subscription.", body = SubscriptionAdded),
    (status = 400, description = "A field is missing or wrong, or the caller has too many subscriptions.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked, or the caller is no admin of the feed's organisations.", body = Message),
))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(mut request): Body<SubscriptionRequest>,
) -> Result<(StatusCode, Json<SubscriptionAdded>), ApiError> {
    text("name", &request.name, NAME)?;
    let tlp: Tlp = request.tlp.parse().map_err(|error| bad("tlp", error))?;
    let channel = channel(&app, &request)?;
    let wanted = wanted(&app, &caller, &mut request).await?;
    let user = caller.user.hash();
    if app.subscriptions.count(user, OF_USER).await? >= OF_USER as u64 {
        let most = format!("you have {OF_USER} subscriptions, which is the most");
        return Err(bad("value", most));
    }
    let subscription = Subscription {
        user: user.to_string(),
        name: request.name,
        wanted,
        channel,
        tlp: tlp.to_string(),
        made: unix_now() as f64,
    };
    let id = SubscriptionId::new();
    let stored = app.notices.sign(id, &subscription);
    let stored = stored.ok_or_else(|| bad("value", "cannot be written as JSON"))?;
    app.subscriptions.add(&subscription, &stored).await?;
    tracing::info!(subscription = %id, %user, "a subscription was added");
    let added = SubscriptionAdded {
        message: "You are told from now on.".to_owned(),
        subscription: shown(&app, id, subscription),
    };
    Ok((StatusCode::CREATED, Json(added)))
}

/// The place at which a list begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(crate) struct After {
    /// The id of the last subscription of the page before.
    after: Option<String>,
}

/// List the caller's subscriptions, at most 1000 of them, in the order in which they were made
#[utoipa::path(get, path = "/subscriptions", params(After), security(("bearer" = [])), responses(
    (status = 200, description = "The subscriptions.", body = Vec<SubscriptionShown>),
    (status = 400, description = "`after` is no id.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Vec<SubscriptionShown>>, ApiError> {
    let mut fields = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let after = fields.find_map(|(name, value)| (name == "after").then(|| value.into_owned()));
    let after = after
        .map(|after| after.parse())
        .transpose()
        .map_err(|error| bad("after", error))?;
    let stored = app
        .subscriptions
        .of_user(caller.user.hash(), after, PAGE)
        .await?;
    let all = opened(&app, stored).into_iter();
    Ok(Json(all.map(|(id, one)| shown(&app, id, one)).collect()))
}

/// Remove a subscription
#[utoipa::path(delete, path = "/subscriptions/{id}", params(("id" = String, Path, description = "The subscription's id.")),
    security(("bearer" = [])), responses(
    (status = 200, description = "The subscription is gone. What was not delivered yet is not told any more.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
    (status = 404, description = "The caller has no such subscription.", body = Message),
))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Message>, ApiError> {
    let missing = || ApiError::NotFound("you have no such subscription".to_owned());
    let id: SubscriptionId = id.parse().map_err(|_| missing())?;
    let stored = app.subscriptions.of_ids(&[id]).await?;
    let user = caller.user.hash().to_string();
    let (_, subscription) = opened(&app, stored)
        .into_iter()
        .find(|(_, one)| one.user == user)
        .ok_or_else(missing)?;
    if !app.subscriptions.remove(id, &subscription).await? {
        return Err(missing());
    }
    tracing::info!(subscription = %id, user, "a subscription was removed");
    Ok(Message::new("The subscription is removed!"))
}

/// A notice as its user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoticeShown {
    /// The identity.
    id: String,
    /// The id of the subscription.
    subscription: String,
    /// When it was written, in Unix seconds.
    at: f64,
    /// The content: `event`, in the form in which `GET /live` tells it, or `feed`, `value`, and
    /// as `change` whether it `came` or `left`.
    #[schema(value_type = Object)]
    told: Value,
    /// When its delivery was given up, in Unix seconds.
    parked: Option<f64>,
    /// How often its delivery has failed.
    tries: i64,
    /// The reason of the last failure.
    error: Option<String>,
}

/// Returns those of the notices that the caller may see, as they are now.
async fn seen(
    app: &App,
    caller: &Caller,
    rows: Vec<NoticeRow>,
) -> Result<Vec<NoticeShown>, ApiError> {
    let access = app.identity.access(&caller.user.hash().to_string()).await?;
    let visible = match access {
        Access::Orgs(visible) => visible.0,
        Access::UnknownUser => Vec::new(),
    };
    let sees = |org: &str| visible.iter().any(|visible| visible.as_str() == org);
    let mut notices = Vec::new();
    for row in rows {
        let told: Value = match app.notices.is_notice(&row) {
            true => serde_json::from_str(&row.text).unwrap_or_default(),
            false => continue,
        };
        let orgs = cybexp_service::orgs_of_notice(&told);
        if orgs.is_empty() || !orgs.iter().all(|org| sees(org)) {
            continue;
        }
        notices.push(NoticeShown {
            id: row.id.to_string(),
            subscription: row.id.subscription().to_string(),
            at: row.at(),
            parked: row.parked(),
            told,
            tries: row.tries,
            error: row.error,
        });
    }
    Ok(notices)
}

/// List the last notices of the caller's subscriptions with the channel `page`, the newest first
#[utoipa::path(get, path = "/subscriptions/notices", security(("bearer" = [])), responses(
    (status = 200, description = "The last 200 notices of the last eight days.", body = Vec<NoticeShown>),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn notices(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Vec<NoticeShown>>, ApiError> {
    let rows = app.outbox.page(caller.user.hash(), NOTICES).await?;
    seen(&app, &caller, rows).await.map(Json)
}

/// List the caller's notices whose delivery was given up, the newest first
#[utoipa::path(get, path = "/subscriptions/parked", security(("bearer" = [])), responses(
    (status = 200, description = "The last 200 of them. They are kept for 30 days.", body = Vec<NoticeShown>),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn parked(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Vec<NoticeShown>>, ApiError> {
    let rows = app.outbox.parked(caller.user.hash(), NOTICES).await?;
    seen(&app, &caller, rows).await.map(Json)
}

/// Notices that are to be delivered again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// The id of a notice; all that are parked where it is left out.
    #[serde(default)]
    id: Option<String>,
}

/// The number of notices that are delivered again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// A message for people.
    message: String,
    /// Their number.
    notices: u64,
}

/// Have notices delivered again whose delivery was given up
#[utoipa::path(post, path = "/subscriptions/retry", request_body = RetryRequest, security(("bearer" = [])), responses(
    (status = 200, description = "They are delivered now, with the ids that they had.", body = Retried),
    (status = 400, description = "A field is wrong.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(request): Body<RetryRequest>,
) -> Result<Json<Retried>, ApiError> {
    let one = request
        .id
        .map(|id| id.parse())
        .transpose()
        .map_err(|error| bad("id", error))?;
    let user: Hash = caller.user.hash();
    let notices = app.outbox.retry(user, one).await?;
    Ok(Json(Retried {
        message: "They are delivered again.".to_owned(),
        notices,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_without_a_channel_is_for_the_page() {
        let request = json!({"value": {"sub_type": "ipv4", "data": "203.0.113.9"}});
        let request: SubscriptionRequest = serde_json::from_value(request).unwrap();
        assert_eq!(
            (request.channel.as_str(), request.tlp.as_str()),
            ("page", "green")
        );
        let unknown = json!({"value": {"sub_type": "ipv4", "data": 1, "more": 2}});
        assert!(serde_json::from_value::<SubscriptionRequest>(unknown).is_err());
    }
}
