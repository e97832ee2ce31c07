//! Feeds: adding, listing and removing them, and reading their files.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cybexp_filters::vocabulary;
use cybexp_share::{FORMATS, FeedHead, FeedWriter, Item, Tlp, misp, misp_hashes};
use cybexp_store::{Feed, FeedPart, NewFeed};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tahoe_core::Category;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Caller, no_admin, unix_now};
use crate::error::{ApiError, Message, bad};
use crate::json::Body;
use crate::org_name::org_name;
use crate::sharing::access;
use crate::sharing::body::Tag;
use crate::sharing::convert::{head, item, tlp};

/// The most sub_types and organisations of a feed.
const LIST: usize = 50;
/// The most characters of a description.
const DESCRIPTION: usize = 200;
/// How long a value stays after its last event where the feed does not say, in seconds: 30 days.
const KEEP_S: i64 = 30 * 86_400;

/// A feed that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedRequest {
    /// The feed's name: a letter, then letters, digits, `-` and `_`, in lower case.
    #[schema(pattern = "^[a-z][a-z0-9_-]{0,23}$")]
    name: String,
    /// A description for people.
    #[serde(default)]
    description: String,
    /// The hashes of the organisations from whose events the feed is made. The first one shares it.
    orgs: Vec<String>,
    /// The types of the values.
    sub_types: Vec<String>,
    /// The context of the values in their events: `malicious`, `benign`, `unknown` or `all`.
    #[serde(default = "malicious")]
    context: String,
    /// The category of the events: `malicious`, `benign` or `unknown`; any where it is left out.
    #[serde(default)]
    category: Option<String>,
    /// The least number of events of a value.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 10_000)]
    min_count: i64,
    /// How long a value stays after its last event, in seconds.
    #[serde(default = "keep_s")]
    #[schema(minimum = 60, maximum = 3_153_600_000_i64)]
    keep_s: i64,
    /// The TLP label of the feed: `clear`, `green`, `amber`, `amber+strict` or `red`. What is stricter does
    /// not leave in the feed.
    #[serde(default = "green")]
    tlp: String,
    /// Whether formats with comments tell the reason and the date of each value.
    #[serde(default)]
    comments: bool,
}

fn malicious() -> String {
    "malicious".to_owned()
}

fn green() -> String {
    Tlp::Green.to_string()
}

fn one() -> i64 {
    1
}

fn keep_s() -> i64 {
    KEEP_S
}

/// A feed as its organisations' admins see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedShown {
    name: String,
    description: String,
    organisation: String,
    orgs: Vec<String>,
    maker: String,
    sub_types: Vec<String>,
    context: String,
    category: Option<String>,
    min_count: i64,
    keep_s: i64,
    tlp: String,
    comments: bool,
    /// When the feed was made, in Unix seconds.
    created: f64,
    /// The number of the feed's last change.
    seq: i64,
    /// When the feed last changed, in Unix seconds.
    changed: f64,
    /// The number of values.
    values: i64,
    /// Whether the archive was searched for the feed's values.
    whole: bool,
    /// The reason why the feed is not served, if it is not.
    suspended: Option<String>,
    /// The files of the feed.
    files: Vec<String>,
}

/// A feed that was added, with its token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedAdded {
    /// A message for people.
    message: String,
    /// The token with which the feed is read. It is shown once.
    token: String,
    /// The feed.
    feed: FeedShown,
}

async fn shown(app: &App, feed: Feed) -> Result<FeedShown, ApiError> {
    let files = FORMATS
        .iter()
        .map(|format| format!("/feeds/{}.{}", feed.name, format.extension));
    let misp = ["manifest.json", "hashes.csv"].map(|file| format!("/feeds/{}/{file}", feed.name));
    Ok(FeedShown {
        values: app.feeds.size(&feed).await?,
        whole: feed.is_whole(),
        files: files.chain(misp).collect(),
        name: feed.name,
        description: feed.description,
        organisation: feed.organisation,
        orgs: feed.orgs,
        maker: feed.maker,
        sub_types: feed.sub_types,
        context: feed.context,
        category: feed.category,
        min_count: feed.min_count,
        keep_s: feed.keep_s,
        tlp: feed.tlp,
        comments: feed.comments,
        created: feed.created,
        seq: feed.seq,
        changed: feed.changed,
        suspended: feed.suspended,
    })
}

/// Whether the caller may change a feed: an admin of all its organisations.
async fn may_change(app: &App, caller: &Caller, feed: &Feed) -> Result<bool, ApiError> {
    let of = app.identity.orgs_admin_of(caller.user.hash()).await?;
    let is_admin = |org: &String| of.iter().any(|of| of.hash().to_string() == *org);
    Ok(!feed.orgs.is_empty() && feed.orgs.iter().all(is_admin))
}

fn checked(request: &FeedRequest) -> Result<(), ApiError> {
    if !FeedHead::is_name(&request.name) {
        let rule = "a letter, then letters, digits, - and _, in lower case, at most 24 in all";
        return Err(bad("name", rule));
    }
    let length = request.description.chars().count();
    if length > DESCRIPTION || request.description.chars().any(char::is_control) {
        return Err(bad(
            "description",
            format!("at most {DESCRIPTION} printable characters"),
        ));
    }
    for (field, list) in [("orgs", &request.orgs), ("sub_types", &request.sub_types)] {
        if list.is_empty() || list.len() > LIST {
            return Err(bad(field, format!("from 1 to {LIST} of them")));
        }
    }
    for sub_type in &request.sub_types {
        if !vocabulary::is_known(sub_type) || sub_type == "ip" {
            return Err(bad(
                "sub_types",
                format!("`{sub_type}`: {}", vocabulary::hint(sub_type)),
            ));
        }
    }
    if !["malicious", "benign", "unknown", "all"].contains(&request.context.as_str()) {
        return Err(bad("context", "malicious, benign, unknown or all"));
    }
    if request
        .category
        .as_deref()
        .is_some_and(|it| it.parse::<Category>().is_err())
    {
        return Err(bad("category", "malicious, benign or unknown"));
    }
    if !(1..=10_000).contains(&request.min_count) {
        return Err(bad("min_count", "from 1 to 10000"));
    }
    if !(60..=3_153_600_000).contains(&request.keep_s) {
        return Err(bad("keep_s", "from 60 to 3153600000"));
    }
    Ok(())
}

/// Add a feed: a selection of values that is kept up to date, and read with a token of its own
#[utoipa::path(post, path = "/feeds", request_body = FeedRequest, security(("bearer" = [])), responses(
    (status = 201, description = "The feed, and its token, which is shown once.", body = FeedAdded),
    (status = 400, description = "A field is missing or wrong, or there is a feed of the name.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked, or the caller is no admin of the organisations.", body = Message),
))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(request): Body<FeedRequest>,
) -> Result<(StatusCode, Json<FeedAdded>), ApiError> {
    checked(&request)?;
    let tlp: Tlp = request.tlp.parse().map_err(|error| bad("tlp", error))?;
    let mut organisation = None;
    for org in &request.orgs {
        let org = caller.admin_of(&app, "orgs", org).await?;
        organisation.get_or_insert_with(|| org_name(&org).to_owned());
    }
    let (token, hash) = access::new_token();
    let feed = NewFeed {
        name: request.name,
        description: request.description,
        organisation: organisation.unwrap_or_default(),
        orgs: request.orgs,
        maker: caller.user.hash().to_string(),
        sub_types: request.sub_types,
        context: request.context,
        category: request.category,
        min_count: request.min_count,
        keep_s: request.keep_s,
        tlp: tlp.to_string(),
        comments: request.comments,
        token: hash,
    };
    let feed = feed.at(unix_now() as f64);
    if !app.feeds.add(&feed).await? {
        return Err(bad("name", "there is a feed of this name"));
    }
    tracing::info!(feed = feed.name, user = %caller.user.hash(), "a feed was added");
    let added = FeedAdded {
        message: "The feed is added, and its values are being searched for.".to_owned(),
        token,
        feed: shown(&app, feed).await?,
    };
    Ok((StatusCode::CREATED, Json(added)))
}

/// List the feeds of the organisations of which the caller is an admin
#[utoipa::path(get, path = "/feeds", security(("bearer" = [])), responses(
    (status = 200, description = "The feeds.", body = Vec<FeedShown>),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Vec<FeedShown>>, ApiError> {
    let mut feeds = Vec::new();
    for feed in app.feeds.list().await? {
        if may_change(&app, &caller, &feed).await? {
            feeds.push(shown(&app, feed).await?);
        }
    }
    Ok(Json(feeds))
}

/// A feed, named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneFeed {
    /// The feed's name.
    name: String,
}

/// Returns a feed that the caller may change. The error does not tell whether there is such a feed.
pub(super) async fn own(app: &App, caller: &Caller, name: &str) -> Result<Feed, ApiError> {
    let feed = app.feeds.get(name).await?;
    match feed {
        Some(feed) if may_change(app, caller, &feed).await? => Ok(feed),
        _ => Err(no_admin()),
    }
}

/// Remove a feed and its values
#[utoipa::path(post, path = "/feeds/remove", request_body = OneFeed, security(("bearer" = [])), responses(
    (status = 200, description = "The feed is gone, and its token is worth nothing.", body = Message),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked, or the caller is no admin of the feed's organisations.", body = Message),
))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(one): Body<OneFeed>,
) -> Result<Json<Message>, ApiError> {
    let feed = own(&app, &caller, &one.name).await?;
    app.feeds.remove(&feed.name).await?;
    tracing::info!(feed = feed.name, user = %caller.user.hash(), "a feed was removed");
    Ok(Message::new("The feed is removed!"))
}

/// A new token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewToken {
    /// A message for people.
    message: String,
    /// The token. It is shown once.
    token: String,
}

/// Give a feed a new token, which ends the one before
#[utoipa::path(post, path = "/feeds/token", request_body = OneFeed, security(("bearer" = [])), responses(
    (status = 200, description = "The new token, which is shown once.", body = NewToken),
    (status = 400, description = "A field is missing or wrong.", body = Message),
    (status = 401, description = "The token is missing, invalid, expired or revoked, or the caller is no admin of the feed's organisations.", body = Message),
))]
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(one): Body<OneFeed>,
) -> Result<Json<NewToken>, ApiError> {
    let feed = own(&app, &caller, &one.name).await?;
    let (token, hash) = access::new_token();
    app.feeds.set_token(&feed, &hash).await?;
    tracing::info!(feed = feed.name, user = %caller.user.hash(), "a feed has a new token");
    Ok(Json(NewToken {
        message: "The token before is worth nothing now.".to_owned(),
        token,
    }))
}

/// The token of a feed in the URL.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(crate) struct TokenInUrl {
    /// The feed's token, for clients that can send no header. It may end up in logs of proxies.
    token: Option<String>,
}

/// Read a feed as one file
///
/// The name of the file is the feed's and one of `txt`, `csv`, `json` (JSON lines), `stix.json`, `hosts`, `rpz`, `nft`,
/// `rules`, `datasets.rules`, `ip.lst`, `host.lst`, `url.lst`, `md5.lst` and `sha256.lst`. The feed's token comes as a
/// bearer token, as the password of basic authentication, or in the URL.
#[utoipa::path(get, path = "/feeds/{file}", params(("file" = String, Path, description = "The feed's name, a dot, and the format."), TokenInUrl), responses(
    (status = 200, description = "The feed.", body = String, content_type = "text/plain"),
    (status = 304, description = "The feed is as the ETag in `If-None-Match` says."),
    (status = 401, description = "There is no such feed, or it has another token.", body = Message),
    (status = 404, description = "There is no such format, or the feed is suspended.", body = Message),
    (status = 500, description = "The database cannot be reached, or the API failed.", body = Message),
    (status = 503, description = "Too many feeds are being read at once: try again after the seconds in `Retry-After`.", body = Message),
))]
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    Path(file): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (name, extension) = file.split_once('.').unwrap_or((&file, "txt"));
    let feed = access::feed(&app, name, &headers, access::in_url(&uri)).await?;
    let format = cybexp_share::format(extension);
    let format = format.ok_or_else(|| ApiError::NotFound("there is no such format".to_owned()))?;
    let tag = Tag::of(&feed.key.to_hex(), feed.seq, extension);
    if tag.is_known(&headers) {
        return Ok(tag.not_modified());
    }
    let turn = Arc::clone(&app.feed_reads).try_acquire_owned();
    let turn = turn.map_err(|_| ApiError::Busy)?;
    let rows = app
        .feeds
        .values(&feed, FeedPart::All, unix_now() as f64)
        .await?;
    let writer = FeedWriter::new(format, &head(&feed));
    let written = (writer, rows, tlp(&feed), turn);
    Ok(tag.stream(format.media_type, written, &headers))
}

/// Read a file of a feed's MISP folder
#[utoipa::path(get, path = "/feeds/{feed}/{file}", params(
    ("feed" = String, Path, description = "The feed's name."),
    ("file" = String, Path, description = "`manifest.json`, `hashes.csv`, or the UUID of an event and `.json`."),
    TokenInUrl,
), responses(
    (status = 200, description = "The file.", body = Object),
    (status = 304, description = "The feed is as the ETag in `If-None-Match` says."),
    (status = 401, description = "There is no such feed, or it has another token.", body = Message),
    (status = 404, description = "There is no such file, or the feed is suspended.", body = Message),
    (status = 500, description = "The database cannot be reached, or the API failed.", body = Message),
    (status = 503, description = "Too many feeds are being read at once: try again after the seconds in `Retry-After`.", body = Message),
))]
pub(crate) async fn misp_file(
    State(app): State<Arc<App>>,
    Path((name, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let feed = access::feed(&app, &name, &headers, access::in_url(&uri)).await?;
    let tag = Tag::of(&feed.key.to_hex(), feed.seq, &file);
    let missing = || ApiError::NotFound("there is no such file".to_owned());
    let is_ours = file.len() <= 64
        && file
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if !is_ours {
        return Err(missing());
    }
    if tag.is_known(&headers) {
        return Ok(tag.not_modified());
    }
    let turn = Arc::clone(&app.feed_reads).try_acquire_owned();
    let turn = turn.map_err(|_| ApiError::Busy)?;
    let head = head(&feed);
    let events = misp_events(&app, &feed).await?;
    const JSON: &str = "application/json";
    if file == "manifest.json" {
        let entries = events
            .iter()
            .map(|(event, changed)| event.manifest(&head, *changed));
        let manifest: Map<String, Value> = entries.collect();
        return Ok(tag.whole(
            JSON,
            Value::Object(manifest).to_string().into_bytes(),
            &headers,
        ));
    }
    if file == "hashes.csv" {
        let parts = events.iter().map(|(event, _)| (event.day, event.parts));
        let writer = misp_hashes(&head, parts.collect());
        let rows = app
            .feeds
            .values(&feed, FeedPart::All, unix_now() as f64)
            .await?;
        return Ok(tag.stream("text/csv", (writer, rows, head.tlp, turn), &headers));
    }
    let uuid = file.strip_suffix(".json").ok_or_else(missing)?;
    let found = events
        .iter()
        .find(|(event, _)| event.uuid(&head).to_string() == uuid);
    let (event, changed) = found.ok_or_else(missing)?;
    let (from, to) = event.places();
    let mut rows = app
        .feeds
        .values(&feed, FeedPart::Places(from, to), unix_now() as f64)
        .await?;
    let mut items: Vec<Item> = Vec::new();
    while let Some(row) = rows.next().await? {
        items.extend(item(&row, head.tlp));
    }
    let event = event.file(&head, *changed, &items);
    Ok(tag.whole(JSON, event.to_string().into_bytes(), &headers))
}

/// Returns the events of a feed's MISP folder, each with the time of its day's last change.
async fn misp_events(app: &App, feed: &Feed) -> Result<Vec<(misp::MispEvent, f64)>, ApiError> {
    let mut events = Vec::new();
    for day in app.feeds.days(feed).await? {
        if day.values > 0 {
            let parts = misp::parts(day.values.cast_unsigned());
            let of_day = misp::MispEvent::of_day(day.day, parts);
            events.extend(of_day.map(|event| (event, day.changed)));
        }
    }
    Ok(events)
}
