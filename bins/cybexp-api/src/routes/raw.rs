//! Submissions.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cybexp_filters::{dispensable, is_reserved};
use cybexp_store::{NewEntry, Submission};
use metrics::counter;
use serde::Serialize;
use tahoe_core::many::{JoinedRecords, MAX_RECORDS};
use tahoe_core::submission::check_size;
use tahoe_core::time::parse_tzname;
use tahoe_core::{SubType, SubmissionTags, UnknownTlp};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::budget::Charge;
use crate::error::{ApiError, LargeRecord, Message, bad};
use crate::parts::{Parts, UploadPart};
use crate::routes::submission::BadRecord;

/// The longest text field.
const TEXT_BYTES: usize = 1024;
/// The memory that is charged for a body whose length the client does not say, until more of it has come.
const FIRST_BYTES: u64 = 64 << 10;
/// The time that any body may take, and the least bytes a second beyond it: a client that is slower holds memory which
/// others wait for.
const UPLOAD: Duration = Duration::from_secs(60);
const LEAST_RATE: u64 = 8 << 10;
/// The longest submission that is sealed where it was received; a longer one is sealed on a thread for such work.
const QUICK_BYTES: usize = 32 << 10;

/// A submission of one record or many.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "only its description is used: the body is read part by part"
)]
#[schema(as = Submission)]
pub(crate) struct SubmissionForm {
    /// The record to be stored. Repeat this part to submit up to 65,536 records at once: each becomes what it would
    /// become alone.
    #[schema(
        min_items = 1,
        max_items = 65536,
        content_media_type = "application/octet-stream"
    )]
    file: Vec<String>,
    /// The name of the submission [default: the name of the file].
    #[schema(max_length = 1024)]
    name: Option<String>,
    /// The hash of the organisation that owns the data. The caller must be one of its admins.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    orgid: String,
    /// The kind of data, such as `cowrie`, which selects the filter.
    #[schema(example = "cowrie", max_length = 1024)]
    typetag: String,
    /// The IANA name of the time zone of times in the data that name no zone.
    #[schema(example = "UTC")]
    timezone: String,
    /// The label of the data in the Traffic Light Protocol, version 1 or 2: `clear`, `green`, `amber`, `amber+strict` or
    /// `red`. Of this label and one that the data itself has, the stricter one holds [default: none].
    #[schema(example = "amber")]
    tlp: Option<String>,
}

/// The confirmation that a submission is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct Taken {
    /// A message for people.
    #[schema(example = "File uploaded successfully!")]
    message: String,
    /// The id of the submission, for `GET /raw/{id}`.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// The number of records, if there are many.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u32>,
}

/// The refusal of a submission.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
pub(crate) struct TooLarge {
    /// The reason.
    #[schema(
        example = "record 7: 16000000 bytes as a document are more than the 15 MiB that one record may have"
    )]
    message: String,
    /// The records that are too large. The others can be submitted without them.
    bad: Option<Vec<BadRecord>>,
}

/// Submit one record or many; admins of the organisation only
///
/// A submission is stored as a whole or not at all. To submit the same again does no harm.
#[utoipa::path(post, path = "/raw",
    request_body(content = SubmissionForm, content_type = "multipart/form-data"),
    security(("bearer" = [])),
    responses(
        (status = 201, description = "The submission is stored, sealed.", body = Taken),
        (status = 400, description = "A field is missing or wrong.", body = Message),
        (status = 401, description = "The token is missing or invalid, or its user is not an admin of the organisation.", body = Message),
        (status = 413, description = "The submission, or a record of it, is too large. A record may have 15 MiB as a document of the archive, and a submission `api.max_body_bytes`.", body = TooLarge),
        (status = 503, description = "Too much is being submitted at once. `Retry-After` says when to try again.", body = Message),
    )
)]
pub(crate) async fn raw(
    State(app): State<Arc<App>>,
    caller: Result<Caller, ApiError>,
    parts: Result<Parts, ApiError>,
) -> Result<(StatusCode, Json<Taken>), ApiError> {
    let (caller, mut parts) = match (caller, parts) {
        (Ok(caller), parts) => (caller, parts?),
        (Err(error), parts) => {
            if let Ok(parts) = parts {
                parts.linger().await;
            }
            return Err(error);
        }
    };
    let taken = take(&app, &caller, &mut parts).await;
    if taken.is_err() {
        parts.linger().await;
    }
    Ok((StatusCode::CREATED, Json(taken?)))
}

/// Stores the submission, or nothing of it.
async fn take(app: &Arc<App>, caller: &Caller, parts: &mut Parts) -> Result<Taken, ApiError> {
    let length = parts.length().unwrap_or(FIRST_BYTES);
    let charge = app.budget.charge(length.min(app.max_body_bytes)).await?;
    let mut received = Received::new(charge, length.min(app.max_body_bytes));
    receive(app, caller, parts, &mut received).await?;
    let (size, count) = (received.size, received.records.len());
    let mut entry = entry(&mut received)?;
    let records = u32::try_from(count).ok().filter(|count| *count > 1);
    entry.records = records;
    let Received {
        records: data,
        charge,
        ..
    } = received;
    let sealed = match size > QUICK_BYTES as u64 {
        false => seal(app, &entry.tags.typetag, data)?,
        true => {
            let (app, typetag) = (Arc::clone(app), entry.tags.typetag.clone());
            let sealing = tokio::task::spawn_blocking(move || seal(&app, &typetag, data));
            sealing.await.map_err(anyhow::Error::from)??
        }
    };
    let id = app.submitter.submit(Submission { entry, sealed }).await?;
    drop(charge);
    counter!("cybexp_api_submissions_total").increment(1);
    counter!("cybexp_api_submission_records_total").increment(count as u64);
    counter!("cybexp_api_submission_bytes_total").increment(size);
    Ok(Taken {
        message: "File uploaded successfully!".to_owned(),
        id: id.to_string(),
        records,
    })
}

/// Seals records, if all of them can be stored.
fn seal(app: &App, typetag: &str, records: JoinedRecords) -> Result<Vec<u8>, ApiError> {
    let dispensable = dispensable(typetag);
    let among_others = records.len() > 1;
    let large = (1..).zip(records.iter()).filter_map(|(n, record)| {
        let error = check_size(record, &dispensable).err()?;
        Some(LargeRecord {
            n,
            among_others,
            error,
        })
    });
    let large: Vec<LargeRecord> = large.collect();
    if !large.is_empty() {
        return Err(ApiError::Records(large));
    }
    let sealed = app.public_key.seal_owned(app.format, records.into_bytes());
    Ok(sealed.map_err(anyhow::Error::from)?)
}

struct Received {
    charge: Charge,
    since: Instant,
    records: JoinedRecords,
    /// The bytes of all records.
    size: u64,
    filename: Option<String>,
    name: Option<String>,
    orgid: Option<String>,
    typetag: Option<String>,
    timezone: Option<String>,
    tlp: Option<String>,
}

impl Received {
    fn new(charge: Charge, length: u64) -> Self {
        Self {
            charge,
            since: Instant::now(),
            records: JoinedRecords::with_capacity(usize::try_from(length).unwrap_or_default()),
            size: 0,
            filename: None,
            name: None,
            orgid: None,
            typetag: None,
            timezone: None,
            tlp: None,
        }
    }
}

/// Reads all parts, in whatever order they come.
async fn receive(
    app: &App,
    caller: &Caller,
    parts: &mut Parts,
    received: &mut Received,
) -> Result<(), ApiError> {
    while let Some(mut part) = parts.next().await? {
        if part.name() == "file" {
            if received.records.len() == MAX_RECORDS {
                return Err(ApiError::TooManyRecords(MAX_RECORDS));
            }
            if received.records.is_empty() {
                received.filename = part.filename().map(str::to_owned);
            }
            take_file(app, &mut part, received).await?;
            continue;
        }
        let name = part.name().to_owned();
        let slot = match name.as_str() {
            "name" => &mut received.name,
            "orgid" => &mut received.orgid,
            "typetag" => &mut received.typetag,
            "timezone" => &mut received.timezone,
            "tlp" => &mut received.tlp,
            _ => {
                return Err(ApiError::BadRequest(format!(
                    "Invalid input {}",
                    name.escape_debug()
                )));
            }
        };
        if slot.replace(text(&name, &mut part).await?).is_some() {
            return Err(bad(&name, "is given twice"));
        }
        // refused before the file has come, where the client says it first
        if name == "orgid" {
            caller
                .admin_of(app, "orgid", received.orgid.as_deref().unwrap_or_default())
                .await?;
        }
    }
    match received.records.is_empty() {
        true => Err(bad("file", "is missing")),
        false => Ok(()),
    }
}

async fn take_file(
    app: &App,
    part: &mut UploadPart<'_>,
    received: &mut Received,
) -> Result<(), ApiError> {
    received.records.begin();
    while let Some(bytes) = part.chunk().await? {
        received.size += bytes.len() as u64;
        if received.size > app.max_body_bytes {
            return Err(ApiError::TooLarge(app.max_body_bytes));
        }
        if received.since.elapsed() > UPLOAD + Duration::from_secs(received.size / LEAST_RATE) {
            return Err(ApiError::TooSlow);
        }
        received.charge.grow(received.size).await?;
        received.records.extend(&bytes);
    }
    Ok(())
}

async fn text(name: &str, part: &mut UploadPart<'_>) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(bytes) = part.chunk().await? {
        text.extend_from_slice(&bytes);
        if text.len() > TEXT_BYTES {
            return Err(bad(name, format!("is longer than {TEXT_BYTES} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| bad(name, "is not UTF-8"))
}

fn entry(received: &mut Received) -> Result<NewEntry, ApiError> {
    let need = |field: &str, slot: Option<String>| slot.ok_or_else(|| bad(field, "is missing"));
    let orgid = need("orgid", received.orgid.take())?;
    let typetag = need("typetag", received.typetag.take())?;
    let timezone = need("timezone", received.timezone.take())?;
    SubType::new(&typetag).map_err(|error| bad("typetag", error))?;
    if is_reserved(&typetag) {
        let reason = "is reserved: `/verdict` and `/event/category` submit judgements";
        return Err(bad("typetag", reason));
    }
    parse_tzname(&timezone).map_err(|error| bad("timezone", error.reason))?;
    let tlp = received.tlp.take();
    let tlp = tlp.map(|tlp| tlp.parse().map_err(|error: UnknownTlp| bad("tlp", error)));
    let tlp = tlp.transpose()?;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(NewEntry {
        name: received
            .name
            .take()
            .or(received.filename.take())
            .unwrap_or_default(),
        tags: SubmissionTags {
            typetag,
            orgid,
            timezone,
            tlp,
        },
        timestamp: since.as_secs_f64(),
        records: None,
    })
}
